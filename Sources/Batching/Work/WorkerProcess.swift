import Essentials
import Foundation
import Synchronization

/// How a worker has ended.
enum WorkerEnd: CustomStringConvertible {
    case exit(Int32)
    case signal(Int32)

    var description: String {
        switch self {
        case .exit(let code): "exit code \(code)"
        case .signal(let number): "signal \(number), \(String(cString: strsignal(number)))"
        }
    }
}

/// A worker, seen from the pool.
final class WorkerProcess {
    let process = Process()
    private let questions = Pipe()
    private let answers = Pipe()
    private var buffer = Data()

    private init(_ executable: String, _ arguments: [String]) throws {
        for pipe in [questions, answers] {
            for end in [pipe.fileHandleForReading, pipe.fileHandleForWriting] {
                _ = fcntl(end.fileDescriptor, F_SETFD, FD_CLOEXEC)
            }
        }
        process.executableURL = URL(filePath: executable)
        process.arguments = arguments
        // What the program would otherwise set by starting itself once more (CStartup).
        let environment = ProcessInfo.processInfo.environment
        if environment["OMP_WAIT_POLICY"] == nil, environment["GOMP_SPINCOUNT"] == nil {
            process.environment = environment.merging(["GOMP_SPINCOUNT": "1000"]) { $1 }
        }
        process.standardInput = questions
        process.standardOutput = answers
        do { try process.run() } catch {
            throw SmoothnessError(
                .internalFailure, "cannot be started: \(error.localizedDescription)", file: executable)
        }
        // What is left of the other ends here would keep the pipes open.
        try? questions.fileHandleForReading.close()
        try? answers.fileHandleForWriting.close()
    }

    /// A worker must not inherit the pipes of another, or the end of that one would not be seen: they are marked before any program is started.
    static func start(_ executable: String, _ arguments: [String]) throws -> WorkerProcess {
        try starting.withLock { _ in try WorkerProcess(executable, arguments) }
    }

    private static let starting = Mutex(())

    /// Gives it a unit and waits.
    /// - Returns: `nil` where it has ended instead.
    func ask(_ unit: String) -> UnitOutcome? {
        do { try questions.fileHandleForWriting.write(contentsOf: Data("\(unit)\n".utf8)) } catch { return nil }
        while true {
            if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: buffer[buffer.startIndex..<end], as: UTF8.self)
                buffer = Data(buffer[(end + 1)...])
                if let outcome = UnitOutcome(rawValue: line) { return outcome }
                continue
            }
            let more = answers.fileHandleForReading.availableData
            guard !more.isEmpty else { return nil }
            buffer += more
        }
    }

    /// Tells it that there is no more, and waits for its end.
    func finish() -> WorkerEnd {
        try? questions.fileHandleForWriting.close()
        process.waitUntilExit()
        try? answers.fileHandleForReading.close()
        return process.terminationReason == .uncaughtSignal
            ? .signal(process.terminationStatus) : .exit(process.terminationStatus)
    }
}
