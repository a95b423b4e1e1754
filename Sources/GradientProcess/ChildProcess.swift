import CInterprocess
import Essentials
import Foundation
import Interprocess

/// A program whose standard input and output are lines of text, and what it prints on standard error kept for the case that it fails.
///
/// One thread uses it at a time. All three streams are served together whenever something is waited for, so that a program which prints
/// much, or reads nothing, cannot block this one and itself.
final class ChildProcess {
    enum Failure: Error {
        /// It has ended, or closed its standard output.
        case ended
        case timedOut
        case cancelled
        /// A line without end.
        case endlessLine
    }

    private let process: SpawnedProcess
    private var input: Int32
    private let output: Int32
    private let complaints: Int32
    private var unsent: [UInt8] = []
    private var received: [UInt8] = []
    private var complained: [UInt8] = []
    private var complaintsAreOpen = true
    /// Whether what it has started may live.
    private var hasGroup = true

    static let longestLine = 1 << 26
    private static let keptComplaints = 1 << 14
    /// What is read of the complaints between two lines as fast as it comes.
    private static let freeComplaints = 1 << 20
    private var complaintsSinceLine = 0

    /// Starts a command of the shell.
    /// - Parameter withheld: variables of the environment that it does not inherit.
    /// - Throws: `SmoothnessError(.inputOutput)` where no process can be made.
    init(command: String, environment: [String: String], withheld: [String]) throws {
        let (inward, outward, aside) = (try Self.pipe(), try Self.pipe(), try Self.pipe())
        (input, output, complaints) = (inward.write, outward.read, aside.read)
        defer { for descriptor in [inward.read, outward.write, aside.write] { close(descriptor) } }
        var inherited = ProcessInfo.processInfo.environment
        for variable in withheld { inherited[variable] = nil }
        do {
            process = try SpawnedProcess(
                "/bin/sh", ["-c", command], environment: inherited.merging(environment) { $1 },
                input: .descriptor(inward.read), output: .descriptor(outward.write), errors: .descriptor(aside.write))
        } catch {
            for descriptor in [inward.write, outward.read, aside.read] { close(descriptor) }
            throw SmoothnessError(.inputOutput, "the command cannot be started: \(error)", object: command)
        }
        for descriptor in [input, output, complaints] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        // Closed in other children: a second process that held an end of the first one's pipes would keep it from seeing their end.
        guard smoothness_pipe(&ends) == 0 else {
            throw SmoothnessError(.inputOutput, "no pipe can be made: \(String(cString: strerror(errno)))")
        }
        return (ends[0], ends[1])
    }

    /// Queues a line; it leaves while something is waited for, and at once as far as there is room.
    func send(_ line: String) {
        unsent += line.utf8
        unsent.append(UInt8(ascii: "\n"))
        flush()
    }

    /// Waits for a line.
    /// - Throws: `Failure`.
    func line(
        before deadline: ContinuousClock.Instant, ofAtMost limit: Int = longestLine, isCancelled: () -> Bool
    ) throws -> String {
        // What was searched before holds no end.
        var searched = 0
        while true {
            if let end = received[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                guard end <= limit else { throw Failure.endlessLine }
                defer { received.removeSubrange(...end) }
                complaintsSinceLine = 0
                return String(decoding: received[..<end], as: UTF8.self)
            }
            searched = received.count
            guard received.count < limit else { throw Failure.endlessLine }
            let left = deadline - ContinuousClock.now
            guard left > .zero else { throw Failure.timedOut }
            guard !isCancelled() else { throw Failure.cancelled }
            try pump(milliseconds: max(1, min(200, Int32(left / .milliseconds(1)))))
        }
    }

    /// Lets all streams move on once.
    private func pump(milliseconds: Int32) throws {
        // Asked first: what it wrote before it ended is read before its end is told.
        let wasRunning = process.isRunning
        var streams = [
            pollfd(fd: output, events: Int16(POLLIN), revents: 0),
            pollfd(fd: complaintsAreOpen ? complaints : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: unsent.isEmpty ? -1 : input, events: Int16(POLLOUT), revents: 0),
        ]
        let ready = poll(&streams, nfds_t(streams.count), milliseconds)
        if streams[1].revents != 0 { takeComplaints() }
        if streams[2].revents != 0 { flush() }
        if streams[0].revents != 0 {
            guard let bytes = read(output) else { return }
            guard !bytes.isEmpty else { throw Failure.ended }
            received += bytes
        } else if ready <= 0, !wasRunning {
            // A grandchild may hold the pipe open.
            throw Failure.ended
        }
    }

    /// - Returns: empty at the end of the stream, `nil` where there is nothing now.
    private func read(_ descriptor: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = Foundation.read(descriptor, &buffer, buffer.count)
        if count < 0 { return errno == EAGAIN || errno == EINTR ? nil : [] }
        return Array(buffer.prefix(count))
    }

    private func flush() {
        while !unsent.isEmpty, input >= 0 {
            let count = Foundation.write(input, unsent, unsent.count)
            guard count > 0 else {
                // A closed pipe shows as the end of its output.
                if count < 0, errno != EAGAIN, errno != EINTR { unsent = [] }
                return
            }
            unsent.removeFirst(count)
        }
    }

    private func takeComplaints() {
        guard let bytes = read(complaints) else { return }
        if bytes.isEmpty { complaintsAreOpen = false }
        note(bytes)
        complaintsSinceLine += bytes.count
        // One that complains without end is held back by its full pipe, and keeps no processor busy here.
        if complaintsSinceLine > Self.freeComplaints { Thread.sleep(forTimeInterval: 0.005) }
    }

    /// What belongs among the complaints though it was printed elsewhere.
    func note(_ bytes: some Sequence<UInt8>) {
        complained += bytes
        if complained.count > Self.keptComplaints { complained.removeFirst(complained.count - Self.keptComplaints) }
    }

    /// Ends it if it has not ended, with all that it has started, and says how it ended. Never waits for long.
    @discardableResult
    func stop(patience: Duration = .milliseconds(100)) -> String {
        if input >= 0 { close(input) }
        input = -1
        // One that has just closed its output is about to end: how is worth a moment.
        wait(patience)
        let wasRunning = process.isRunning
        // Where the shell was killed, what it had started may live on, in its group.
        if hasGroup { kill(-process.identifier, SIGKILL) }
        if wasRunning { wait(.seconds(5)) }
        hasGroup = false
        while complaintsAreOpen, let bytes = read(complaints), !bytes.isEmpty { note(bytes) }
        guard !wasRunning, let end = process.ended else { return "was stopped" }
        switch end {
        case .signal(let number): return "was ended by signal \(number)"
        // So a shell tells of the signal that ended what it had started.
        case .exit(let code) where (129...192).contains(code): return "was ended by signal \(code - 128)"
        case .exit(let code): return "ended with exit code \(code)"
        }
    }

    private func wait(_ limit: Duration) {
        let deadline = ContinuousClock.now + limit
        while process.isRunning, ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.002) }
    }

    /// The last lines of what it printed on standard error.
    var lastWords: String {
        String(decoding: complained, as: UTF8.self).split(whereSeparator: \.isNewline).suffix(12)
            .map { "    \($0)" }.joined(separator: "\n")
    }

    deinit {
        stop(patience: .zero)
        close(output)
        close(complaints)
    }
}
