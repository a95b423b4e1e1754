import Foundation

/// The processors and the memory that this process may use: what the scheduler allots, what the control group allows, what the machine has.
public struct Allotment: Sendable, Equatable {
    public var processors: Int
    /// In bytes; `nil` where nobody says.
    public var memory: Int?

    public init(processors: Int, memory: Int?) {
        self.processors = processors
        self.memory = memory
    }

    public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        func number(_ names: String...) -> Int? {
            names.lazy.compactMap { environment[$0].flatMap { Int($0.prefix { $0.isNumber }) } }.first { $0 > 0 }
        }
        // Slurm (the first only where --cpus-per-task was given), PBS Pro and Torque, LSF, Grid Engine.
        let scheduled = number(
            "SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "NCPUS", "PBS_NUM_PPN", "LSB_DJOB_NUMPROC", "NSLOTS")
        processors = max(1, scheduled ?? Self.usableProcessors() ?? ProcessInfo.processInfo.activeProcessorCount)
        let perNode = number("SLURM_MEM_PER_NODE").map { $0 << 20 }
        let perProcessor = number("SLURM_MEM_PER_CPU").map { ($0 << 20) * (scheduled ?? 1) }
        memory = [perNode ?? perProcessor, Self.controlGroupMemory(), Self.availableMemory()].compactMap(\.self).min()
    }

    /// How many workers at a time, and how many threads each.
    /// - Parameters:
    ///   - jobs: as many were asked for; `nil`: one a processor, as far as the memory allows.
    ///   - peakBytes: what a worker is expected to need; 0 where that is not known.
    public func workers(jobs: Int?, peakBytes: Int, units: Int) -> (jobs: Int, threads: Int) {
        let room = peakBytes > 0 ? memory.map { max(1, $0 / peakBytes) } ?? processors : processors
        let count = max(1, min(jobs ?? min(processors, room), max(1, units)))
        return (count, max(1, processors / count))
    }

    /// Those on which this process may run, as a list like `0-3,7`.
    private static func usableProcessors() -> Int? {
        statusLine("/proc/self/status", "Cpus_allowed_list:")?.split(separator: ",").reduce(0) { sum, part in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            return sum + (ends.isEmpty ? 0 : ends[ends.count - 1] - ends[0] + 1)
        }
    }

    /// What stands behind a word at the beginning of a line.
    private static func statusLine(_ path: String, _ word: String) -> Substring? {
        (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n").first { $0.hasPrefix(word) }?
            .dropFirst(word.count).split(whereSeparator: \.isWhitespace).first
    }

    /// The smallest limit of this process's control group and of those around it.
    private static func controlGroupMemory() -> Int? {
        let groups = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
        return controlGroupMemory(groups: groups, below: "/sys/fs/cgroup")
    }

    /// - Parameters:
    ///   - groups: `/proc/self/cgroup`: lines `number:controllers:path`, of the second version without controllers.
    ///   - root: where the groups lie.
    package static func controlGroupMemory(groups: String, below root: String) -> Int? {
        groups.split(separator: "\n").compactMap { line -> Int? in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[1].isEmpty || parts[1].split(separator: ",").contains("memory") else {
                return nil
            }
            let (folder, limit) =
                parts[1].isEmpty ? (root, "memory.max") : (root + "/memory", "memory.limit_in_bytes")
            var names = parts[2].split(separator: "/")
            var limits: [Int] = []
            while true {
                let path = ([folder] + names.map(String.init) + [limit]).joined(separator: "/")
                // `max` is no number: no limit.
                let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                if let bytes = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) { limits.append(bytes) }
                guard names.popLast() != nil else { return limits.min() }
            }
        }.min()
    }

    private static func availableMemory() -> Int? {
        statusLine("/proc/meminfo", "MemAvailable:").flatMap { Int($0) }.map { 1024 * $0 }
    }
}
