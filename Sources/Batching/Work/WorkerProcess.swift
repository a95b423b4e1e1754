import Essentials
import Foundation
import Interprocess

/// A worker, seen from the pool.
final class WorkerProcess {
    let process: SpawnedProcess
    private let questions = Pipe()
    private let answers = Pipe()
    private var buffer = Data()

    /// A worker inherits no pipe of another, or the end of that one would not be seen.
    init(_ executable: String, _ arguments: [String]) throws {
        do {
            process = try SpawnedProcess(
                executable, arguments, environment: ProcessInfo.processInfo.environment,
                input: .descriptor(questions.fileHandleForReading.fileDescriptor),
                output: .descriptor(answers.fileHandleForWriting.fileDescriptor))
        } catch { throw SmoothnessError(.internalFailure, "cannot be started: \(error)", file: executable) }
        // What is left of the other ends here would keep the pipes open.
        try? questions.fileHandleForReading.close()
        try? answers.fileHandleForWriting.close()
    }

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
    func finish() -> ProcessEnd {
        try? questions.fileHandleForWriting.close()
        defer { try? answers.fileHandleForReading.close() }
        return process.wait()
    }
}
