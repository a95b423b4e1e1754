import TestSupport
import Testing

/// Run and alignment files of an older and of a newer minor version hold the same numbers as those of this one.
@Suite(
    "Other minor versions of the formats",
    .enabled(if: Workplace.python != nil, "needs Python with h5py: set SMOOTHNESS_PYTHON"))
struct VersionTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        try Sample.run.copy(to: bench.path("run.h5"))
    }

    @Test(
        "a run file of an older or newer minor version is valid and gives the same estimates",
        arguments: ["older", "newer"])
    func runFile(kind: String) throws {
        let estimate = ["estimate", "run.h5", "--subset", "1", "--delta", "0.5", "--format", "csv", "--force"]
        let current = try bench.succeed(estimate).standardOutput
        try bench.python("versions.py", [kind, "run.h5", "trajectory"])
        #expect(try bench.succeed("verify", "run.h5").standardOutput.contains("valid"))
        #expect(try bench.succeed("inspect", "run.h5").standardOutput.contains("12"))
        #expect(try bench.succeed(estimate).standardOutput == current)
        #expect(current.split(separator: "\n").count == 13)
    }

    @Test(
        "an alignment file of an older or newer minor version is valid and gives the same table",
        arguments: ["older", "newer"])
    func alignmentFile(kind: String) throws {
        let align = ["align", "run.h5", "--format", "csv", "-o", "a.h5", "--checksums"]
        let current = try bench.succeed(align).standardOutput
        try bench.python("versions.py", [kind, "a.h5", "alignment"])
        #expect(try bench.succeed("verify", "a.h5").standardOutput.contains("valid"))
        let again = try bench.succeed(align)
        #expect(again.standardError.contains("complete") && again.standardOutput == current)
        #expect(current.split(separator: "\n").count > 12)
    }

    @Test("files of another major version are refused with both versions", arguments: ["run.h5", "a.h5"])
    func majorVersion(file: String) throws {
        try bench.succeed("align", "run.h5", "-o", "a.h5")
        try bench.python("versions.py", ["major", file, ""])
        let outcome = try bench.smoothness("inspect", file)
        #expect(outcome.exitCode == 65 && outcome.standardError.contains("found 7.0"), "\(outcome.standardError)")
    }
}
