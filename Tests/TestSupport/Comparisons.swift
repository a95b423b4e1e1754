import Testing

/// How far a number may lie from the one that is expected.
///
/// A NaN agrees with nothing and an infinity only with itself, whatever the allowance, except under `sameBits`.
public enum Allowance: Sendable {
    /// |found − expected| ≤ the bound.
    case absolute(Double)
    /// |found − expected| ≤ the bound · |expected|; an expected zero must be met exactly.
    case relative(Double)
    /// |found − expected| ≤ the bound · max(1, |expected|): relative for large numbers, absolute for small ones.
    case mixed(Double)
    /// |found − expected| ≤ so many units in the last place of the expected number, in its own type.
    case unitsInTheLastPlace(Int)
    /// The bit patterns are the same: the sign of a zero and the payload of a NaN count.
    case sameBits

    /// Returns whether `found` is as close to `expected` as this allows.
    public func admits<Number: BinaryFloatingPoint>(_ found: Number, _ expected: Number) -> Bool {
        if case .sameBits = self {
            return found.sign == expected.sign && found.exponentBitPattern == expected.exponentBitPattern
                && found.significandBitPattern == expected.significandBitPattern
        }
        guard found.isFinite, expected.isFinite else { return found == expected }
        if case .unitsInTheLastPlace(let units) = self { return abs(found - expected) <= Number(units) * expected.ulp }
        let (distance, size) = (abs(Double(found) - Double(expected)), abs(Double(expected)))
        switch self {
        case .absolute(let bound): return distance <= bound
        case .relative(let bound): return distance <= bound * size
        case .mixed(let bound): return distance <= bound * max(1, size)
        case .unitsInTheLastPlace, .sameBits: return false
        }
    }
}

/// Expects as many numbers as there should be, each as close as is allowed. The first that is not is shown with its place, and how many there are.
/// - Parameter what: What the numbers are, for the message.
public func expectAgreement<Number: BinaryFloatingPoint>(
    _ found: some Collection<Number>, _ expected: some Collection<Number>, _ allowance: Allowance,
    _ what: @autoclosure () -> String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
    guard found.count == expected.count else {
        Issue.record(
            "\(what()): \(found.count) values, expected \(expected.count): \(found.prefix(8)), \(expected.prefix(8))",
            sourceLocation: sourceLocation)
        return
    }
    let wrong = zip(found, expected).enumerated().filter { !allowance.admits($0.element.0, $0.element.1) }
    if let (place, (one, other)) = wrong.first {
        Issue.record(
            "\(what()): value \(place) is \(one), expected \(other) (\(allowance); \(wrong.count) of \(found.count) are wrong)",
            sourceLocation: sourceLocation)
    }
}

/// Expects one number as close to another as is allowed.
public func expectAgreement<Number: BinaryFloatingPoint>(
    _ found: Number, _ expected: Number, _ allowance: Allowance, _ what: @autoclosure () -> String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    expectAgreement(
        CollectionOfOne(found), CollectionOfOne(expected), allowance, what(), sourceLocation: sourceLocation)
}

/// Returns the elements of two collections in pairs, and fails the test where there are not as many of the one as of the other: a loop over `zip` would
/// pass where one side is empty.
public func paired<First: Collection, Second: Collection>(
    _ first: First, _ second: Second, sourceLocation: SourceLocation = #_sourceLocation
) throws -> Zip2Sequence<First, Second> {
    try #require(
        first.count == second.count, "\(first.count) elements beside \(second.count)", sourceLocation: sourceLocation)
    return zip(first, second)
}
