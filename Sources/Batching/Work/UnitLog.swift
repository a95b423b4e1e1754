import Essentials
import Foundation

/// The log of a unit: time-stamped lines, those of later attempts below the earlier ones.
struct UnitLog: Sendable {
    let path: String

    init(_ unit: BatchUnit, in folder: PlanFolder) { path = folder.log(of: unit.name) }

    /// A log that cannot be written is no reason to stop the work.
    func write(_ text: String) {
        // Neither through a link that leads elsewhere, nor into a pipe that would be waited for.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o666)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        let stamp = Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let line = "\(stamp) \(Host.name)[\(getpid())] \(Escaping.terminal(text))\n"
        // One call, so that lines of two processes do not mix.
        let bytes = Array(line.utf8)
        _ = Foundation.write(descriptor, bytes, bytes.count)
    }
}

/// The memory of this process.
enum PeakMemory {
    /// Forgets the largest so far, where the system allows it.
    static func reset() {
        let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = Foundation.write(descriptor, "5", 1)
        close(descriptor)
    }

    /// The largest resident memory since then, in bytes.
    static func bytes() -> Int {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
            let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return 0 }
        return 1024 * kilobytes
    }
}
