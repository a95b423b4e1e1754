import Essentials
import Foundation
import HDF5
import TestSupport
import Testing

@Suite("smoothness train")
struct TrainCommandTests {
    private let folder: TemporaryFolder
    private var run: String { folder.path("run.h5") }

    init() throws { folder = try TemporaryFolder() }

    private func state(of path: String) throws -> String {
        try HDF5.File.open(path).attribute("state", of: "/", as: String.self)
    }

    private func writeSamples(_ text: String = "0.5,1,0\n-1,2,1\n0.25,-0.5,1\n1,1,0\n") throws -> String {
        let path = folder.path("samples.csv")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test func aRunPrintsDataOnStdoutAndTheRestOnStderr() throws {
        let outcome = try runSmoothness(
            "train", "--objective", "quadratic", "--iterations", "20", "--save", "every=5,first=12", "-o", run,
            "--format", "json")
        #expect(outcome.exitCode == 0)
        let rows = try #require(
            try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [[String: Any]])
        #expect(rows.count == 1 && rows[0]["iterations"] as? Int == 20)
        let lines = outcome.standardError.split(separator: "\n")
        #expect(lines.first?.hasSuffix(run) == true)
        #expect(lines.last == "wrote \(run)")
        #expect(try state(of: run) == "complete")
        #expect(try HDF5.File.open(run).dataset("/trajectory/iteration").read(as: Int64.self) == [0, 5, 10])
    }

    @Test func finishedWorkIsNotRedone() throws {
        let arguments = ["train", "--objective", "quadratic", "--iterations", "10", "-o", run]
        func call(_ more: String...) throws -> ProcessOutcome {
            try TestSupport.run(Workplace.program, arguments + more)
        }
        #expect(try call().exitCode == 0)
        let identity = try HDF5.File.open(run).attribute("run_id", of: "/", as: String.self)
        let again = try call()
        #expect(again.exitCode == 0)
        #expect(again.standardOutput.isEmpty && again.standardError.contains("nothing to do"))
        let other = try call("--seed", "1")
        #expect(other.exitCode == 73)
        #expect(other.standardError.contains("another run") && other.standardError.contains("--force"))
        #expect(try HDF5.File.open(run).attribute("run_id", of: "/", as: String.self) == identity)
        #expect(try call("--seed", "1", "--force").exitCode == 0)
        #expect(try HDF5.File.open(run).attribute("run_id", of: "/", as: String.self) != identity)
        let resumed = try runSmoothness("train", "--resume", run)
        #expect(resumed.exitCode == 0 && resumed.standardError.contains("nothing to do"))
    }

    @Test func whatIsNotARunFileIsLeftAlone() throws {
        try "precious".write(toFile: run, atomically: true, encoding: .utf8)
        let outcome = try runSmoothness("train", "--objective", "quadratic", "-o", run)
        #expect(outcome.exitCode == 73)
        #expect(try String(contentsOfFile: run, encoding: .utf8) == "precious")
        // A folder is not replaced even by force.
        let forced = try runSmoothness("train", "--objective", "quadratic", "-o", folder.url.path, "--force")
        #expect(forced.exitCode == 73)
        #expect(FileManager.default.fileExists(atPath: run))
    }

    @Test func aDryRunWritesNothing() throws {
        let outcome = try runSmoothness(
            "train", "--objective", "logistic-regression", "--epochs", "3", "--samples", "100", "--batch-size", "32",
            "--save", "every=2", "--dry-run", "--format", "csv", "-o", run)
        #expect(outcome.exitCode == 0)
        let lines = outcome.standardOutput.split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
        #expect(lines.count == 2)
        let plan = Dictionary(zip(lines[0], lines[1]), uniquingKeysWith: { $1 })
        // 100 samples in batches of 32: 4 components.
        #expect(plan["components"] == "4" && plan["iterations"] == "12" && plan["gradients"] == "12")
        #expect(plan["snapshots"] == "6" && plan["parameters"] == "11")
        // At least x_k and x_{k+1} of every row, in Float.
        #expect(Int(plan["bytes"] ?? "") ?? 0 > 6 * 2 * 11 * 4)
        #expect(!FileManager.default.fileExists(atPath: run))
    }

    @Test(arguments: [
        (["--objective", "quadratic"], 64, "--output"),
        (["--objective", "quadratic", "--hidden", "3", "-o", "x.h5"], 64, "--hidden belongs to lstm, awd-lstm"),
        (["--objective", "cubic", "-o", "x.h5"], 64, "cubic"),
        (["--gamma", "1", "--clip-norm", "2", "-o", "x.h5"], 64, "not both"),
        (["--iterations", "1", "--epochs", "2", "-o", "x.h5"], 64, "not both"),
        (["--save", "every=0", "-o", "x.h5"], 64, "every=N[,first=M]"),
        (["--objective", "quadratic", "--learning-rate", "0", "-o", "x.h5"], 64, "learning rate"),
        (["--objective", "quadratic", "--beta", "1", "-o", "x.h5"], 64, "beta"),
        (["--objective", "quadratic", "--algorithm", "sgd", "--beta", "0.5", "-o", "x.h5"], 64, "beta"),
        (["--objective", "quadratic", "--iterations", "0", "-o", "x.h5"], 64, "iterations"),
        (["--objective", "quadratic", "--device", "cuda", "-o", "x.h5"], 64, "cuda"),
        (["--objective", "quadratic", "--spectrum", "1,x", "-o", "x.h5"], 64, "spectrum"),
        (["--objective", "quadratic", "-o", "missing/x.h5"], 73, "missing"),
        (["--data", "missing.txt", "-o", "x.h5"], 66, "missing.txt"),
        (["--resume", "missing.h5"], 66, "missing.h5"),
        (["--resume", "missing.h5", "--beta", "0.5", "--hidden", "3"], 64, "--beta"),
        (["--resume", "missing.h5", "-o", "x.h5"], 64, "--output"),
    ])
    func wrongInputGetsOneMessageAndNoOutput(arguments: [String], code: Int32, fragment: String) throws {
        let outcome = try TestSupport.run(Workplace.program, ["train"] + arguments, directory: folder.url.path)
        #expect(outcome.exitCode == code)
        #expect(outcome.standardError.contains(fragment), "\(outcome.standardError)")
        #expect(outcome.standardOutput.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    }

    @Test func emptyDataAndOtherFilesAreBadData() throws {
        let empty = folder.path("empty.txt")
        try "".write(toFile: empty, atomically: true, encoding: .utf8)
        #expect(try runSmoothness("train", "--data", empty, "-o", run).exitCode == 65)
        #expect(try runSmoothness("train", "--resume", empty).exitCode == 65)
        #expect(!FileManager.default.fileExists(atPath: run))
    }

    @Test func aDivergingRunIsDataWithAWarning() throws {
        let outcome = try runSmoothness(
            "train", "--objective", "quadratic", "--learning-rate", "10", "--iterations", "1000", "-o", run)
        #expect(outcome.exitCode == 0)
        #expect(outcome.standardError.contains("diverged"))
        #expect(try state(of: run) == "complete")
    }

    /// Starts a run that would take minutes and stops it once it has begun.
    private func interrupt(_ signal: Int32, _ arguments: [String]) throws -> ProcessOutcome {
        let process = try RunningProcess(Workplace.program, ["train", "-o", run] + arguments)
        while process.isRunning && !process.standardErrorSoFar.contains("train: ") { usleep(10_000) }
        process.send(signal: signal)
        return process.wait()
    }

    @Test(arguments: [SIGINT, SIGTERM]) func aSignalLeavesAResumableRun(signal: Int32) throws {
        let outcome = try interrupt(
            signal, ["--objective", "quadratic", "--iterations", "3000000", "--save", "every=1000000"])
        #expect(outcome.exitCode == 75 && !outcome.wasSignalled)
        #expect(outcome.standardError.contains("smoothness train --resume \(run)"))
        #expect(try state(of: run) == "interrupted")
        let again = try runSmoothness(
            "train", "--objective", "quadratic", "--iterations", "3000000", "--save", "every=1000000", "-o", run)
        #expect(again.exitCode == 73)
        #expect(again.standardError.contains("--resume"))
    }

    @Test func resumingNeedsTheDataThatTheRunBeganWith() throws {
        let samples = try writeSamples()
        let arguments = [
            "--objective", "logistic-regression", "--data", samples, "--iterations", "3000000", "--save",
            "every=1000000",
        ]
        #expect(try interrupt(SIGINT, arguments).exitCode == 75)
        // A copy elsewhere will do…
        let moved = folder.path("moved.csv")
        try FileManager.default.moveItem(atPath: samples, toPath: moved)
        #expect(try runSmoothness("train", "--resume", run).exitCode == 66)
        let process = try RunningProcess(Workplace.program, ["train", "--resume", run, "--data", moved])
        while process.isRunning && !process.standardErrorSoFar.contains("train: ") { usleep(10_000) }
        process.send(signal: SIGINT)
        #expect(process.wait().exitCode == 75)
        // …another file will not.
        _ = try writeSamples("1,1,0\n2,2,1\n")
        let changed = try runSmoothness("train", "--resume", run)
        #expect(changed.exitCode == 65)
        #expect(changed.standardError.contains(samples) && changed.standardError.contains("SHA-256"))
        #expect(try state(of: run) == "interrupted")
    }
}
