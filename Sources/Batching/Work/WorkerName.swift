import Foundation

/// A process that works on a plan, as other processes know it: `HOST-PROCESS-START`, with the time at which it began, so that a later process of
/// the same number is another worker.
struct WorkerName: Sendable, Hashable {
    var host: String
    var process: Int32
    /// Ticks since the machine was started; 0 where the system does not tell.
    var start: Int

    static let own = WorkerName(host: Host.name, process: getpid(), start: startTime(of: getpid()) ?? 0)

    var text: String { "\(host)-\(process)-\(start)" }

    init(host: String, process: Int32, start: Int) {
        self.host = host
        self.process = process
        self.start = start
    }

    /// - Returns: `nil` for what is no name of a worker.
    init?(_ text: String) {
        // Names of hosts may hold hyphens.
        let parts = text.split(separator: "-")
        guard parts.count >= 3, let start = Int(parts[parts.count - 1]), let process = Int32(parts[parts.count - 2])
        else { return nil }
        self.init(host: parts.dropLast(2).joined(separator: "-"), process: process, start: start)
    }

    /// Whether it is a process of this machine that is there; `nil` where it is of another.
    var isRunningHere: Bool? {
        guard host == Host.name else { return nil }
        guard kill(process, 0) == 0 || errno != ESRCH else { return false }
        guard start != 0, let now = Self.startTime(of: process) else { return true }
        return now == start
    }

    /// - Returns: -1 for one that has ended and is not yet collected by its parent.
    private static func startTime(of process: Int32) -> Int? {
        guard let stat = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
        // After the name of the program, which is in parentheses: the state is the third field of all, this the 22nd.
        let fields = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 19 else { return nil }
        return fields[0] == "Z" ? -1 : Int(fields[19])
    }
}
