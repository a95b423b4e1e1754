import Essentials
import TestSupport
import Testing

/// The comparisons that all tests use: what they let pass and what they do not.
@Suite("Comparisons of numbers")
struct AllowanceTests {
    @Test("an absolute, relative and mixed bound hold at the bound and not beyond it")
    func bounds() {
        #expect(Allowance.absolute(0.5).admits(1.5, 1.0) && !Allowance.absolute(0.49).admits(1.5, 1.0))
        #expect(Allowance.relative(0.25).admits(5.0, 4.0) && !Allowance.relative(0.24).admits(5.0, 4.0))
        #expect(!Allowance.relative(0.5).admits(1e-300, 0.0) && Allowance.relative(0).admits(-0.0, 0.0))
        #expect(Allowance.mixed(0.25).admits(5.0, 4.0) && Allowance.mixed(0.25).admits(0.25, 0.0))
        #expect(!Allowance.mixed(0.25).admits(0.26, 0.0))
    }

    @Test("units in the last place are those of the type and of the expected number")
    func units() {
        #expect(Allowance.unitsInTheLastPlace(1).admits(Float(1).nextUp, 1))
        #expect(!Allowance.unitsInTheLastPlace(1).admits(Float(1).nextUp.nextUp, 1))
        #expect(!Allowance.unitsInTheLastPlace(1).admits(Double(Float(1).nextUp), 1))
        #expect(Allowance.unitsInTheLastPlace(0).admits(0.1 + 0.2, 0.1 + 0.2))
        #expect(!Allowance.unitsInTheLastPlace(0).admits(0.1 + 0.2, 0.3))
    }

    @Test("the same bits tell zeros by their signs and NaNs by their payloads")
    func bits() {
        #expect(Allowance.sameBits.admits(0.0, 0.0) && !Allowance.sameBits.admits(-0.0, 0.0))
        let (one, other) = (Double(nan: 1, signaling: false), Double(nan: 2, signaling: false))
        #expect(Allowance.sameBits.admits(one, one) && !Allowance.sameBits.admits(one, other))
        #expect(!Allowance.sameBits.admits(1.0.nextUp, 1.0))
    }

    @Test(
        "a NaN agrees with no number and an infinity with itself alone",
        arguments: [Allowance.absolute(.infinity), .relative(.infinity), .mixed(.infinity), .unitsInTheLastPlace(.max)])
    func notFinite(allowance: Allowance) {
        #expect(!allowance.admits(Double.nan, .nan) && !allowance.admits(Double.nan, 1) && !allowance.admits(1, .nan))
        #expect(allowance.admits(Double.infinity, .infinity) && !allowance.admits(Double.infinity, -.infinity))
        #expect(!allowance.admits(Double.infinity, 1))
    }

    @Test("arrays of different lengths do not agree, nor do those with one wrong value, and pairs want as many of each")
    func arrays() {
        expectAgreement([1.0, 2], [1.0, 2], .sameBits)
        expectAgreement([Double](), [Double](), .sameBits)
        withKnownIssue { expectAgreement([Double](), [1.0], .absolute(1)) }
        withKnownIssue { expectAgreement([1.0, 2], [1.0, 2.1], .absolute(0.05), "the second") }
        withKnownIssue { _ = try paired([1, 2], [1]) }
        withKnownIssue { expectRefusal(.data, file: "a") { throw SmoothnessError(.data, "is wrong", file: "b") } }
        withKnownIssue { expectRefusal(.data) { 1 } }
        expectRefusal(.data, file: "b", object: "c", "is wrong", "found 3") {
            throw SmoothnessError(.data, "is wrong", file: "b", object: "c", found: "3")
        }
    }
}
