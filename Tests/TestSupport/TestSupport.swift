import Foundation
import Interprocess

/// Folders and programs that tests need, found relative to this file.
public enum Workplace {
    /// The root of the package.
    public static let packageRoot = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Real data beside the checkout; `nil` where it is absent, and the test is skipped.
    public static func sharedData(_ name: String) -> String? {
        let url = packageRoot.deletingLastPathComponent().appending(path: "shared/data/\(name)")
        return FileManager.default.fileExists(atPath: url.path) ? url.path : nil
    }

    /// The Python with NumPy, SciPy, h5py and PyTorch that `make test` installs: `SMOOTHNESS_PYTHON`, or `.venv/bin/python`.
    public static let python: String? = {
        let named = ProcessInfo.processInfo.environment["SMOOTHNESS_PYTHON"]
        let path = named ?? packageRoot.appending(path: ".venv/bin/python").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    /// The folder that holds the built products, the `smoothness` program among them.
    public static let products: URL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()

    public static var program: String { products.appending(path: "smoothness").path }
}

/// A fresh folder that is removed when this object goes.
public final class TemporaryFolder: Sendable {
    public let url: URL

    public init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "smoothness-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    public func path(_ name: String) -> String { url.appending(path: name).path }
}

/// A finished program: what it printed and how it ended.
public struct ProcessOutcome: Sendable {
    public var exitCode: Int32
    /// Whether a signal ended it; `exitCode` is then the signal's number.
    public var wasSignalled: Bool
    public var standardOutput: String
    public var standardError: String
}

/// A program that runs beside the test. Output goes to files, so that no pipe can fill up and block it.
public final class RunningProcess {
    private let process: SpawnedProcess
    private let folder: TemporaryFolder

    public init(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:], directory: String? = nil
    ) throws {
        folder = try TemporaryFolder()
        for name in ["out", "err"] { try Data().write(to: URL(filePath: folder.path(name))) }
        let output = try FileHandle(forWritingTo: URL(filePath: folder.path("out")))
        let errors = try FileHandle(forWritingTo: URL(filePath: folder.path("err")))
        process = try SpawnedProcess(
            executable, arguments, environment: ProcessInfo.processInfo.environment.merging(environment) { $1 },
            directory: directory, output: .descriptor(output.fileDescriptor), errors: .descriptor(errors.fileDescriptor)
        )
    }

    public var isRunning: Bool { process.isRunning }
    /// The number of the process.
    public var identifier: Int32 { process.identifier }
    public func send(signal: Int32) { process.send(signal: signal) }
    public var standardErrorSoFar: String { Self.text(folder.path("err")) }

    /// Waits until the process has said this on its standard error.
    /// - Throws: `EndedEarly` where it ends before, or is killed because it has not said so within half an hour.
    public func wait(for text: String) throws {
        let patience = ContinuousClock.now + .seconds(1800)
        while !standardErrorSoFar.contains(text) {
            if ContinuousClock.now > patience { send(signal: SIGKILL) }
            guard isRunning else {
                // What it said last may have come between the two looks.
                if standardErrorSoFar.contains(text) { return }
                throw EndedEarly(awaited: text, standardError: standardErrorSoFar)
            }
            usleep(5_000)
        }
    }

    /// A process that ended before it said what a test waited for.
    public struct EndedEarly: Error {
        public var awaited: String
        public var standardError: String
    }

    /// Waits for the end. A program that hangs is killed after half an hour, far beyond what any call of the tests takes on a
    /// busy machine, and so shows as one that a signal ended. Tests carry no time limits of their own: those would count
    /// the time in which a test waits for its turn.
    public func wait() -> ProcessOutcome {
        let watch = DispatchWorkItem { [process] in process.send(signal: SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(1800), execute: watch)
        let end = process.wait()
        watch.cancel()
        let (code, wasSignalled) =
            switch end {
            case .exit(let code): (code, false)
            case .signal(let number): (number, true)
            }
        return ProcessOutcome(
            exitCode: code, wasSignalled: wasSignalled,
            standardOutput: Self.text(folder.path("out")), standardError: Self.text(folder.path("err")))
    }

    private static func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}

/// Runs a program to its end.
public func run(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:], directory: String? = nil
) throws -> ProcessOutcome {
    try RunningProcess(executable, arguments, environment: environment, directory: directory).wait()
}

/// Runs the built `smoothness`.
public func runSmoothness(_ arguments: String..., environment: [String: String] = [:]) throws -> ProcessOutcome {
    try run(Workplace.program, arguments, environment: environment)
}
