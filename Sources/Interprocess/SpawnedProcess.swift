import CInterprocess
import Foundation
import Synchronization

/// How a process has ended.
public enum ProcessEnd: Sendable, Hashable, CustomStringConvertible {
    case exit(Int32)
    case signal(Int32)

    public var description: String {
        switch self {
        case .exit(let code): "exit code \(code)"
        case .signal(let number): "signal \(number), \(String(cString: strsignal(number)))"
        }
    }
}

// swift-subprocess 1.0 is not used: its processes live in the closure of an `async` call, while gradient processes and workers are values that
// synchronous threads ask and poll; and a handler of signals could not find its children in order to kill them all at once.

/// A program that runs beside this one.
///
/// Its end is its own: Foundation's `Process` on Linux hears of it by an open file that the program inherits, and so waits for all that the program
/// has left running, for ever where that does not end. Here the system is asked. The program leads a process group of its own, inherits its
/// three streams and no other open file, and begins with no signal blocked.
public final class SpawnedProcess: Sendable {
    /// Where one of its standard streams comes from or goes to.
    public enum Stream: Sendable {
        case null
        /// The stream of this program.
        case inherited
        /// An open descriptor of this program, which stays open here.
        case descriptor(Int32)
    }

    /// Why no process could be made.
    public struct Failure: Error, CustomStringConvertible {
        /// As in `errno`.
        public var code: Int32

        public var description: String { String(cString: strerror(code)) }
    }

    /// The number of the process, and of its group.
    public let identifier: Int32
    private let end = Mutex<ProcessEnd?>(nil)

    /// Starts a program.
    /// - Parameters:
    ///   - path: The program; no folders are searched for it.
    ///   - arguments: Those after its name.
    ///   - environment: The whole of it; `nil` for this program's.
    ///   - directory: Where it starts; `nil` for this program's.
    /// - Throws: `Failure`.
    public init(
        _ path: String, _ arguments: [String], environment: [String: String]? = nil, directory: String? = nil,
        input: Stream = .null, output: Stream = .inherited, errors: Stream = .inherited
    ) throws(Failure) {
        let variables = (environment ?? ProcessInfo.processInfo.environment).map { "\($0)=\($1)" }
        let streams = [input, output, errors].map(\.number)
        var child: Int32 = -1
        let code = Self.withPointers([path] + arguments) { arguments in
            Self.withPointers(variables) { variables in
                smoothness_spawn(path, arguments, variables, directory, streams, &child)
            }
        }
        guard code == 0 else { throw Failure(code: code) }
        identifier = child
    }

    /// Strings as C programs take them, and `nil` behind the last.
    private static func withPointers<Result>(
        _ strings: [String], _ body: ([UnsafePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies.map { UnsafePointer($0) } + [nil])
    }

    /// How it has ended; `nil` while it runs.
    public var ended: ProcessEnd? {
        end.withLock { end in
            if let end { return end }
            var (isEnded, code, signal): (Int32, Int32, Int32) = (0, 0, 0)
            // Fails only where somebody else has waited for this child: how it ended cannot be known any more.
            guard smoothness_end(identifier, &isEnded, &code, &signal) == 0 else {
                end = .exit(-1)
                return end
            }
            if isEnded != 0 { end = signal == 0 ? .exit(code) : .signal(signal) }
            return end
        }
    }

    public var isRunning: Bool { ended == nil }

    /// Waits for its end, whatever it has left running.
    public func wait() -> ProcessEnd {
        // Not under the lock for long, or nobody could ask or send a signal meanwhile.
        while true {
            if let end = ended { return end }
            var information = siginfo_t()
            // Leaves the end to be told by `ended`.
            waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT)
        }
    }

    /// Kills all that run, with what they have started. A handler of signals may call it.
    public static func killAll() { smoothness_kill_children() }

    /// Makes signals that end this program (SIGHUP, SIGINT, SIGTERM) kill all that run first. Call it before any of them is caught.
    /// - Parameter interruptedCode: the exit code of the program after SIGINT and SIGTERM.
    public static func endWithProgram(interruptedCode: Int32) { smoothness_end_with_children(interruptedCode) }

    /// Sends a signal, unless its end is known: its number may be another's by then.
    public func send(signal number: Int32) {
        end.withLock { if $0 == nil { kill(identifier, number) } }
    }
}

extension SpawnedProcess.Stream {
    fileprivate var number: Int32 {
        switch self {
        case .null: Int32(SMOOTHNESS_STREAM_NULL)
        case .inherited: Int32(SMOOTHNESS_STREAM_INHERITED)
        case .descriptor(let descriptor): descriptor
        }
    }
}
