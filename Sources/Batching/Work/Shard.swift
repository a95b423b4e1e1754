import Essentials
import Foundation

/// The part of a batch that one of several workers takes, without talking to the others.
public enum Shard: Sendable, Equatable {
    /// The `index`-th of `count`, from 1.
    case part(index: Int, count: Int)
    /// Everything, from the `index`-th of `count` places on and around: where it is not known which others there are. Units that are done, or that
    /// another worker is at, are passed over.
    case ring(index: Int, count: Int)

    public static let whole = Shard.part(index: 1, count: 1)

    /// - Parameter text: `i/n` with i from 1 to n; `auto/n`: i is the number of the array's task, from 1, or its place in the array where that is
    ///   known to have n tasks at equal distances, as one from 0 to n − 1; `auto`: both from the variables of the scheduler's array.
    /// - Throws: `SmoothnessError(.usage)`
    public init(
        parsing text: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        if text == "auto" {
            guard let array = ArrayTask(environment) else { throw Self.noArray(text) }
            self = try array.shard()
            return
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Int(parts[1]), count > 0 else { throw Self.malformed(text) }
        var index = Int(parts[0])
        if parts[0] == "auto" {
            guard let array = ArrayTask(environment) else { throw Self.noArray(text) }
            index = array.place(in: count) ?? array.task
        }
        guard let index else { throw Self.malformed(text) }
        guard (1...count).contains(index) else {
            throw SmoothnessError(
                .usage, "there is no such shard", object: "--shard", expected: "1/\(count) to \(count)/\(count)",
                found: "\(index)/\(count)",
                remedy: parts[0] == "auto" ? "Submit an array of \(count) tasks from 1 on." : nil)
        }
        self = .part(index: index, count: count)
    }

    private static func malformed(_ text: String) -> SmoothnessError {
        SmoothnessError(
            .usage, "a shard is a number and how many there are", object: "--shard",
            expected: "i/n with i from 1 to n, auto/n or auto", found: text)
    }

    private static func noArray(_ text: String) -> SmoothnessError {
        SmoothnessError(
            .usage, "this is no task of an array", object: "--shard",
            expected: "one of " + ArrayTask.variables.map(\.task).joined(separator: ", ") + " in the environment",
            found: text, remedy: "Say --shard i/n.")
    }

    /// The indices of the units that belong to it, in the order in which they are to be taken.
    ///
    /// Shards are consecutive units whose expected time is about the same, so that a run's objective is made by few workers.
    /// - Parameter costs: of all units.
    public func units(costs: [Double]) -> [Int] {
        switch self {
        case .part(let index, let count):
            let ends = Self.ends(costs, count)
            return Array((index == 1 ? 0 : ends[index - 2])..<ends[index - 1])
        case .ring(let index, let count):
            let ends = Self.ends(costs, count)
            let start = index <= 1 ? 0 : ends[index - 2]
            return Array(start..<costs.count) + Array(0..<start)
        }
    }

    /// Behind the last unit of every shard.
    private static func ends(_ costs: [Double], _ count: Int) -> [Int] {
        // Where nothing is known all cost alike.
        let known = costs.allSatisfy { $0 > 0 } ? costs : costs.map { _ in 1 }
        let total = known.reduce(0, +)
        var ends = [Int](repeating: costs.count, count: count)
        var (sum, shard) = (0.0, 0)
        for (index, cost) in known.enumerated() {
            // A unit belongs to the shard in which its middle lies.
            while shard < count - 1, sum + cost / 2 >= total * Double(shard + 1) / Double(count) {
                ends[shard] = index
                shard += 1
            }
            sum += cost
        }
        return ends
    }
}

/// A task of a scheduler's array, from its environment.
struct ArrayTask {
    var task: Int
    var first: Int?
    var last: Int?
    var step: Int?
    var count: Int?

    static let variables: [(task: String, first: String, last: String, step: String, count: String)] = [
        (
            "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP",
            "SLURM_ARRAY_TASK_COUNT"
        ),
        ("PBS_ARRAY_INDEX", "PBS_ARRAY_FIRST", "PBS_ARRAY_LAST", "PBS_ARRAY_STEP", "PBS_ARRAY_COUNT"),
        ("PBS_ARRAYID", "PBS_ARRAY_FIRST", "PBS_ARRAY_LAST", "PBS_ARRAY_STEP", "PBS_ARRAY_COUNT"),
        ("LSB_JOBINDEX", "LSB_JOBINDEX_FIRST", "LSB_JOBINDEX_END", "LSB_JOBINDEX_STEP", "LSB_JOBINDEX_COUNT"),
        ("SGE_TASK_ID", "SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE", "SGE_TASK_COUNT"),
    ]

    init?(_ environment: [String: String]) {
        for names in Self.variables {
            // LSF says 0, and Grid Engine `undefined`, where there is no array.
            guard let task = environment[names.task].flatMap({ Int($0) }),
                task > 0 || names.task.hasPrefix("SLURM")
                    || names.task.hasPrefix("PBS")
            else { continue }
            func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
            self.task = task
            (first, last, step, count) = (
                number(names.first), number(names.last), number(names.step), number(names.count)
            )
            if names.task == "LSB_JOBINDEX", first == nil { first = 1 }
            return
        }
        return nil
    }

    /// Which of how many the task is. A sparse array does not say which tasks it has: its tasks share a ring then.
    func shard() throws -> Shard {
        guard let first, let last, last >= first else {
            throw SmoothnessError(
                .usage, "the scheduler does not say how many tasks the array has", object: "--shard auto",
                remedy: "Say it: --shard auto/n with tasks from 1 to n.")
        }
        if let (place, places) = regularPlace { return .part(index: place, count: places) }
        return .ring(index: task - first + 1, count: last - first + 1)
    }

    /// Which task it is, from 1, of an array that has as many tasks as that, at equal distances.
    func place(in wanted: Int) -> Int? {
        guard let (place, places) = regularPlace, places == wanted else { return nil }
        return place
    }

    private var regularPlace: (place: Int, places: Int)? {
        guard let first, let last, last >= first else { return nil }
        let step = max(1, step ?? 1)
        let places = (last - first) / step + 1
        guard (task - first).isMultiple(of: step), (count ?? places) == places else { return nil }
        return ((task - first) / step + 1, places)
    }
}
