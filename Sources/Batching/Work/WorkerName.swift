import Essentials
import Foundation

/// A process that works on a plan, as other processes know it: `HOST-PROCESS-START`, with the time at which it began, so that a later process of
/// the same number is another worker.
struct WorkerName: Sendable, Hashable {
    var host: String
    var process: Int32
    /// Ticks since the machine was started; 0 where the system does not tell.
    var start: Int

    static let own = WorkerName(host: Host.name, process: getpid(), start: ProcessMark.startTime(of: getpid()) ?? 0)

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
        guard parts.count >= 3, let start = Int(parts[parts.count - 1]), let process = Int32(parts[parts.count - 2]),
            process > 0
        else { return nil }
        self.init(host: parts.dropLast(2).joined(separator: "-"), process: process, start: start)
    }

    /// Whether it is a process of this machine that is there; `nil` where it is of another.
    var isRunningHere: Bool? {
        guard host == Host.name else { return nil }
        return ProcessMark.isRunning(process, since: start)
    }
}
