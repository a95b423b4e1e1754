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
        // Slurm, PBS Pro and Torque, LSF, Grid Engine.
        let scheduled = number("SLURM_CPUS_PER_TASK", "NCPUS", "PBS_NUM_PPN", "LSB_DJOB_NUMPROC", "NSLOTS")
        processors = max(1, scheduled ?? ProcessInfo.processInfo.activeProcessorCount)
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

    private static func controlGroupMemory() -> Int? {
        ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].lazy.compactMap {
            (try? String(contentsOfFile: $0, encoding: .utf8)).flatMap {
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }.first
    }

    private static func availableMemory() -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
            let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return nil }
        return 1024 * kilobytes
    }
}
