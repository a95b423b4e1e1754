import Foundation
import TestSupport
import Testing

/// A short round of `make fuzz`, each time with the same mutants; see Tests/Fuzz/fuzz.py.
@Suite(
    "Changed files and absurd options",
    .enabled(if: Workplace.python != nil, "needs Python with h5py and PyTorch: set SMOOTHNESS_PYTHON"))
struct FuzzTests {
    @Test("300 mutants: documented exit codes, one clear message, no crash, no hang, nothing harmed") func shortRound()
        throws
    {
        let bench = try Workbench()
        #if DEBUG
            let patience = "4"
        #else
            let patience = "1"
        #endif
        let script = Workplace.packageRoot.appending(path: "Tests/Fuzz/fuzz.py").path
        let outcome = try TestSupport.run(
            try #require(Workplace.python),
            [script, Workplace.program, "--mutants", "300", "--seed", "make test", "--patience", patience],
            directory: bench.place)
        #expect(outcome.exitCode == 0, "\(outcome.standardOutput)\(outcome.standardError)")
        #expect(outcome.standardOutput.contains("300 mutants in "), "\(outcome.standardOutput)")
    }
}
