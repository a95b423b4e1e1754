import Foundation

/// A process, as a name of a file can hold it: `HOST-PROCESS-START`. The host is eight digits of the SHA-256 of its name, the start is in
/// ticks since the machine was started, so that a later process of the same number is another one.
package struct ProcessMark: Sendable, Hashable {
    package var host: String
    package var process: Int32
    /// 0 where the system does not tell.
    package var start: Int

    package static let own = ProcessMark(host: ownHost, process: getpid(), start: startTime(of: getpid()) ?? 0)

    private static let ownHost: String = {
        var name = [CChar](repeating: 0, count: 256)
        let status = gethostname(&name, name.count - 1)
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(Digest(of: status == 0 ? bytes : []).sha256.prefix(8))
    }()

    package var text: String { "\(host)-\(process)-\(start)" }

    package init(host: String, process: Int32, start: Int) {
        self.host = host
        self.process = process
        self.start = start
    }

    /// - Parameter text: may go on after another hyphen.
    /// - Returns: `nil` for what is no mark of a process.
    package init?(beginning text: Substring) {
        let parts = text.split(separator: "-", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0].utf8.count == 8, let process = Int32(parts[1]), process > 0,
            let start = Int(parts[2])
        else { return nil }
        self.init(host: String(parts[0]), process: process, start: start)
    }

    /// Whether it is a process of this machine that is there; `nil` where it is of another.
    package var isRunningHere: Bool? { host == Self.ownHost ? Self.isRunning(process, since: start) : nil }

    /// Whether the process of this number is there, and is the one that began then.
    package static func isRunning(_ process: Int32, since start: Int) -> Bool {
        guard kill(process, 0) == 0 || errno != ESRCH else { return false }
        guard start != 0, let now = startTime(of: process) else { return true }
        return now == start
    }

    /// - Returns: -1 for one that has ended and is not yet collected by its parent.
    package static func startTime(of process: Int32) -> Int? {
        guard let stat = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
        // After the name of the program, which is in parentheses: the state is the third field of all, this the 22nd.
        let fields = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 19 else { return nil }
        return fields[0] == "Z" ? -1 : Int(fields[19])
    }
}
