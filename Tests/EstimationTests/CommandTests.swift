import Estimation
import Foundation
import RunFiles
import TestSupport
import Testing

@Suite("smoothness estimate")
struct CommandTests {
    let folder = try! TemporaryFolder()
    var run: String { folder.path("run.h5") }

    private func estimate(_ arguments: String...) throws -> ProcessOutcome {
        try TestSupport.run(Workplace.program, ["estimate"] + arguments)
    }

    @Test("prints the table, says where it wrote, and does nothing twice")
    func table() throws {
        try RunFixture.quadratic.write(run, as: Double.self)
        let plan = try estimate(run, "--subset", "0.5", "--dry-run", "--format", "csv")
        #expect(plan.exitCode == 0)
        #expect(plan.standardOutput.hasPrefix("disposition,parameters,subset,components,gammas,rows,"))
        #expect(!FileManager.default.fileExists(atPath: folder.path("run.estimates.h5")))
        let first = try estimate(run, "--subset", "0.5", "--format", "csv")
        #expect(first.exitCode == 0, "\(first.standardError)")
        let lines = first.standardOutput.split(separator: "\n")
        #expect(lines.count == 11)
        #expect(lines[0].hasPrefix("iteration,loss,gradient_norm,smoothness,gamma,step_norm,"))
        #expect(first.standardError.hasSuffix("wrote \(folder.path("run.estimates.h5"))\n"))
        let rows = try EstimatesFileReader(folder.path("run.estimates.h5")).rows()
        #expect(
            lines[3].split(separator: ",").prefix(4).map { Double($0) } == [
                2, rows[2].loss, rows[2].gradientNorm, rows[2].smoothness,
            ])
        let again = try estimate(run, "--subset", "0.5", "--format", "csv")
        #expect(again.exitCode == 0 && again.standardError.contains("nothing to do"))
        #expect(again.standardOutput == first.standardOutput)
    }

    @Test("wrong input gets its exit code, one message and no output file")
    func refusals() throws {
        try RunFixture.quadratic.write(run, as: Double.self)
        for (arguments, code) in [
            ([run, "--gammas", "0,1"], 64), ([run, "--delta", "2"], 64),
            ([run, "--delta", "0.5", "--gammas", "1"], 64),
            ([run, "--subset", "0.01"], 64), ([run, "--components", "0-99"], 64), ([folder.path("no.h5")], 66),
            ([run, "--output", folder.path("no/such.h5")], 73), ([run, "--device", "abacus"], 64),
        ] {
            let outcome = try TestSupport.run(Workplace.program, ["estimate"] + arguments)
            #expect(outcome.exitCode == Int32(code), "\(arguments): \(outcome.standardError)")
            #expect(!outcome.standardError.isEmpty && outcome.standardOutput.isEmpty)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["run.h5"])
    }

    @Test("a disk without room is said before anything is written, and nothing is left")
    func fullDisk() throws {
        try RunFixture.quadratic.write(run, as: Double.self)
        // A limit on the size of files stands for the full disk; its signal is ignored, so that the write fails instead.
        let outcome = try TestSupport.run(
            "/bin/bash",
            ["-c", "trap '' XFSZ; ulimit -f 32; exec \"$0\" estimate \"$1\" --subset 1", Workplace.program, run])
        #expect(outcome.exitCode == 73 && !outcome.wasSignalled, "\(outcome.standardError)")
        #expect(outcome.standardError.contains("space") && outcome.standardError.contains("bytes"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["run.h5"])
    }

    @Test("SIGINT leaves a whole file and exit code 75; the same command finishes to the same rows")
    func interruption() throws {
        var fixture = RunFixture.quadratic
        // Slow enough to be caught half-way.
        fixture.description = .quadratic(
            spectrum: (1...50).map { 1 / Double($0) }, rotations: 5, componentCount: 4000, noise: 0.1)
        fixture.iterationCount = 20
        try fixture.write(run, as: Float.self)
        let process = try RunningProcess(Workplace.program, ["estimate", run, "--subset", "1", "--delta", "0.2"])
        let output = folder.path("run.estimates.h5")
        while process.isRunning {
            if let seen = try? stateAndRows(output), seen.rows >= 2 { break }
            Thread.sleep(forTimeInterval: 0.01)
        }
        try #require(process.isRunning, "the estimate was over before it could be interrupted")
        process.send(signal: SIGINT)
        let outcome = process.wait()
        #expect(outcome.exitCode == 75 && !outcome.wasSignalled, "\(outcome.standardError)")
        #expect(outcome.standardOutput.isEmpty)
        let (state, rows) = try stateAndRows(output)
        #expect(state == .interrupted && rows >= 2 && rows < 20)
        let resumed = try estimate(run, "--subset", "1", "--delta", "0.2", "--format", "csv")
        #expect(resumed.exitCode == 0 && resumed.standardError.contains("continuing after row \(rows)"))
        let whole = try estimate(
            run, "--subset", "1", "--delta", "0.2", "--format", "csv", "--output", folder.path("whole.h5"))
        #expect(whole.standardOutput == resumed.standardOutput)
        #expect(try contents(output) == contents(folder.path("whole.h5")))
    }

    /// Closes the file again: as long as this process holds it open, opening it once more would show the old attributes.
    private func stateAndRows(_ path: String) throws -> (state: RunState, rows: Int) {
        let reader = try EstimatesFileReader(path)
        return (reader.header.state, reader.committedRows)
    }
}
