import Foundation
import TestSupport
import Testing

/// What docs/contributing.md says: its diffs, and the comparison of numbers.
@Suite(
    "For those who carry on",
    .enabled(if: Workplace.python != nil, "needs the Python of `make python` (SMOOTHNESS_PYTHON)"))
struct ContributingTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private func script(_ path: String, _ arguments: [String]) throws -> ProcessOutcome {
        let script = Workplace.packageRoot.appending(path: "Tests/\(path)").path
        return try TestSupport.run(try #require(Workplace.python), [script] + arguments, directory: bench.place)
    }

    @Test("every diff that shows how to add something applies to the tree")
    func diffsApply() throws {
        let outcome = try script("Contributing/check.py", ["applies"])
        #expect(outcome.exitCode == 0, "\(outcome.standardOutput)\(outcome.standardError)")
        #expect(outcome.standardOutput.contains("add-objective.diff"))
    }

    @Test(
        "the program with all of them builds and knows what was added",
        .enabled(
            if: ProcessInfo.processInfo.environment["SMOOTHNESS_LONG_TESTS"] == "1",
            "builds the package anew: set SMOOTHNESS_LONG_TESTS=1"))
    func diffsBuild() throws {
        let outcome = try script("Contributing/check.py", ["builds", bench.path("copy")])
        #expect(outcome.exitCode == 0, "\(outcome.standardOutput)\(outcome.standardError)")
    }

    @Test("the numbers of a program are the same as its own, and one that is changed, missing or too many is found")
    func comparisonFindsWhatDiffers() throws {
        for name in ["one.json", "two.json"] {
            let made = try script(
                "Comparison/compare.py", ["numbers", Workplace.program, name, "--only", "exponential-sum-at-random"])
            #expect(made.exitCode == 0 && !made.standardError.contains("failed"), "\(made.standardError)")
        }
        func compare() throws -> ProcessOutcome {
            try script("Comparison/compare.py", ["compare", "one.json", "two.json"])
        }
        let same = try compare()
        #expect(same.exitCode == 0 && same.standardOutput.contains(" 0 differs"), "\(same.standardOutput)")
        let whole = try bench.text("two.json")
        let column = try #require(whole.firstMatch(of: #/"estimate\.smoothness": \["([^"]+)", /#))
        for (replacement, said) in [
            ("\"estimate.smoothness\": [\"\((Double(column.1) ?? 0).nextUp)\", ", "within 1e-15"),
            ("\"estimate.smoothness\": [", "19"), ("\"estimate.other\": [\"\(column.1)\", ", "missing"),
        ] {
            try bench.write(whole.replacing(column.0, with: replacement, maxReplacements: 1), to: "two.json")
            let other = try compare()
            #expect(other.exitCode == 1, "\(other.standardOutput)")
            #expect(
                other.standardOutput.contains("! estimate.smoothness: ") && other.standardOutput.contains(said),
                "\(other.standardOutput)")
        }
    }
}
