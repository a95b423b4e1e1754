import Essentials
import Foundation
import Interprocess
import Synchronization

/// What came of a pool's work.
public struct PoolResult: Sendable, Equatable {
    public var done = 0
    public var had = 0
    public var failed = 0
    /// Left to workers of other calls.
    public var held = 0
    /// How often a worker was lost and replaced.
    public var lostWorkers = 0
    public var wasStopped = false
}

/// Several worker processes over one list of units. Workers are programs of their own, so that one that crashes or is killed for its memory
/// takes nothing with it: its unit is given to a new one.
///
/// A worker reads names of units from its standard input, a line each, and answers each with a line on its standard output: the outcome.
public final class WorkerPool: Sendable {
    /// How a unit may end its worker before it counts as failed: killed from outside, and by its own fault.
    private static let (mostKills, mostCrashes) = (10, 2)
    /// How long workers have, after they were asked to stop, before they are killed: ten seconds are allowed in all.
    private static let patience = 7.0
    /// Seconds between two looks at units that workers of other calls are at.
    private static let lookInterval = 1.0
    /// Signals that come from outside.
    private static let foreign: Set<Int32> = [SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT]

    private struct State {
        var queue: UnitQueue
        var result = PoolResult()
        /// Units that workers of other calls are at.
        var held: [(index: Int, run: Int)] = []
        /// Whether there is nothing else left.
        var isWaiting = false
        var losses: [Int: (kills: Int, crashes: Int)] = [:]
        var processes: [Int: SpawnedProcess] = [:]
        var isStopping = false
        var error: (any Error)?
        var workersLeft: Int
    }

    private let executable: String
    private let arguments: [String]
    private let state: Mutex<State>
    /// Of all units, by their indices: the manifest may be renewed while workers are at it.
    private let names: [Int: String]
    private let fail: @Sendable (_ unit: Int, _ reason: String) throws -> Void
    private let isHeld: @Sendable (_ name: String) -> Bool
    /// Whether the outcome of units that others are at is waited for.
    private let waits: Bool

    /// - Parameters:
    ///   - executable: the program of a worker, and its arguments.
    ///   - units: in the order in which they are to be taken, with their runs.
    ///   - isHeld: whether another worker is at a unit.
    ///   - waits: whether the outcome of such units is waited for, and they are taken where there comes none; otherwise they are left to the others.
    ///   - fail: keeps the reason of a unit that ends its workers again and again.
    public init(
        executable: String, arguments: [String], jobs: Int, units: [(index: Int, unit: BatchUnit)],
        isHeld: @escaping @Sendable (_ name: String) -> Bool, waits: Bool,
        fail: @escaping @Sendable (_ unit: Int, _ reason: String) throws -> Void
    ) {
        self.executable = executable
        self.arguments = arguments
        self.fail = fail
        self.isHeld = isHeld
        self.waits = waits
        names = Dictionary(uniqueKeysWithValues: units.map { ($0.index, $0.unit.name) })
        state = Mutex(State(queue: UnitQueue(units.map { ($0.index, $0.unit.run) }), workersLeft: jobs))
    }

    /// Works until nothing is left or it is told to stop.
    /// - Parameters:
    ///   - shouldStop: asked several times a second.
    ///   - progress: how many units have an outcome.
    ///   - waiting: told once, when workers of other calls are at everything that is left; with the number of such units.
    public func run(
        shouldStop: () -> Bool, progress: (Int) -> Void, waiting: (Int) -> Void
    ) throws -> PoolResult {
        let jobs = state.withLock { $0.workersLeft }
        for slot in 0..<jobs {
            let thread = Thread { [self] in
                serve(slot)
                state.withLock { $0.workersLeft -= 1 }
            }
            thread.start()
        }
        var (stopping, hasTold): (Stopwatch?, Bool) = (nil, false)
        while state.withLock({ $0.workersLeft }) > 0 {
            Thread.sleep(forTimeInterval: 0.02)
            progress(state.withLock { $0.result.done + $0.result.had + $0.result.failed })
            if !hasTold, let count = state.withLock({ $0.isWaiting ? $0.held.count : nil }) {
                hasTold = true
                waiting(count)
            }
            if stopping == nil, shouldStop() {
                stopping = Stopwatch()
                signalAll(SIGTERM, isStopping: true)
            }
            if let stopping, stopping.seconds > Self.patience { signalAll(SIGKILL, isStopping: true) }
        }
        if let error = state.withLock({ $0.error }) { throw error }
        return state.withLock {
            $0.result.wasStopped = $0.isStopping
            return $0.result
        }
    }

    private func signalAll(_ signal: Int32, isStopping: Bool) {
        state.withLock {
            if isStopping { $0.isStopping = true }
            for process in $0.processes.values { process.send(signal: signal) }
        }
    }

    // MARK: - One worker after the other

    private func serve(_ slot: Int) {
        var lastRun: Int?
        while let first = next(after: lastRun, slot) {
            do {
                let worker = try start(slot)
                var unit: Int? = first.index
                var run = first.run
                while let current = unit {
                    guard let outcome = worker.ask(names[current] ?? "") else { break }
                    unit = nil
                    record(outcome, of: current, run: run)
                    // One that was told to stop, by whomever, takes no more.
                    guard outcome != .interrupted, let following = next(after: run, slot) else { break }
                    (unit, run) = (following.index, following.run)
                }
                lastRun = run
                let end = worker.finish()
                state.withLock { $0.processes[slot] = nil }
                if let unit { try lose(unit, run: run, end) }
            } catch {
                state.withLock {
                    $0.processes[slot] = nil
                    $0.error = $0.error ?? error
                    $0.isStopping = true
                }
            }
            state.withLock { $0.queue.leave(slot) }
        }
        state.withLock { $0.queue.leave(slot) }
    }

    /// The next unit; where others are at everything that is left, once one of them has let go of it.
    private func next(after run: Int?, _ slot: Int) -> (index: Int, run: Int)? {
        var lastLook: Stopwatch?
        while true {
            let (taken, held) = state.withLock { state -> ((index: Int, run: Int)?, [(index: Int, run: Int)]) in
                state.isStopping ? (nil, []) : (state.queue.take(slot, preferring: run), state.held)
            }
            guard taken == nil, !held.isEmpty else { return taken }
            if lastLook.map({ $0.seconds < Self.lookInterval }) ?? false {
                Thread.sleep(forTimeInterval: 0.05)
                continue
            }
            lastLook = Stopwatch()
            let free = Set(held.filter { !isHeld(names[$0.index] ?? "") }.map(\.index))
            let isOver = state.withLock { state in
                for unit in state.held where free.contains(unit.index) {
                    state.queue.putBack(unit.index, run: unit.run)
                }
                state.held.removeAll { free.contains($0.index) }
                state.isWaiting = state.isWaiting || (free.isEmpty && waits)
                guard free.isEmpty, !waits else { return false }
                state.result.held += state.held.count
                state.held = []
                return true
            }
            if isOver { return nil }
        }
    }

    private func start(_ slot: Int) throws -> WorkerProcess {
        let worker = try WorkerProcess(executable, arguments)
        let isLate = state.withLock {
            $0.processes[slot] = worker.process
            return $0.isStopping
        }
        if isLate { worker.process.send(signal: SIGTERM) }
        return worker
    }

    private func record(_ outcome: UnitOutcome, of unit: Int, run: Int) {
        state.withLock {
            switch outcome {
            case .done: $0.result.done += 1
            case .had: $0.result.had += 1
            case .failed: $0.result.failed += 1
            case .interrupted: $0.queue.putBack(unit, run: run)
            case .held: $0.held.append((unit, run))
            }
        }
    }

    /// A worker has ended without an answer.
    private func lose(_ unit: Int, run: Int, _ end: ProcessEnd) throws {
        guard !state.withLock({ $0.isStopping }) else { return state.withLock { $0.queue.putBack(unit, run: run) } }
        if case .exit(let code) = end, code != SmoothnessError.Kind.interrupted.rawValue {
            // It has said why on standard error: no place to write to, as a rule.
            throw SmoothnessError(
                SmoothnessError.Kind(rawValue: code) ?? .internalFailure,
                "a worker has ended with exit code \(code); what it has published is kept")
        }
        let losses = state.withLock { state in
            state.result.lostWorkers += 1
            var losses = state.losses[unit] ?? (0, 0)
            switch end {
            case .signal(let number) where Self.foreign.contains(number): losses.kills += 1
            case .signal: losses.crashes += 1
            case .exit: break
            }
            state.losses[unit] = losses
            return losses
        }
        guard losses.kills >= Self.mostKills || losses.crashes >= Self.mostCrashes else {
            return state.withLock { $0.queue.putBack(unit, run: run) }
        }
        let reason =
            losses.crashes >= Self.mostCrashes
            ? "its worker has crashed \(losses.crashes) times (\(end))"
            : "its worker was killed \(losses.kills) times (\(end)): for its memory, as a rule"
        try fail(unit, reason)
        state.withLock { $0.result.failed += 1 }
    }
}

/// Units that nobody has taken, those of a run together.
struct UnitQueue {
    private var runs: [(run: Int, units: [Int])] = []
    private var places: [Int: Int] = [:]
    /// The first run that may have units left.
    private var head = 0
    /// Which run every worker is at.
    private var active: [Int: Int] = [:]

    init(_ units: [(index: Int, run: Int)]) {
        for unit in units {
            if let place = places[unit.run] {
                runs[place].units.append(unit.index)
            } else {
                places[unit.run] = runs.count
                runs.append((unit.run, [unit.index]))
            }
        }
        // Taken from the end.
        for place in runs.indices { runs[place].units.reverse() }
    }

    /// The next unit of the run that the worker knows, else of one that nobody is at, else of any.
    mutating func take(_ slot: Int, preferring run: Int?) -> (index: Int, run: Int)? {
        while head < runs.count, runs[head].units.isEmpty { head += 1 }
        let own = run.flatMap { places[$0] }.flatMap { runs[$0].units.isEmpty ? nil : $0 }
        let others = Set(active.filter { $0.key != slot }.values)
        // A look at a few runs is enough to find one that is free.
        let window = head..<min(runs.count, head + 2 * others.count + 2)
        let free = window.first { !runs[$0].units.isEmpty && !others.contains(runs[$0].run) }
        guard let place = own ?? free ?? runs[head...].indices.first(where: { !runs[$0].units.isEmpty }) else {
            active[slot] = nil
            return nil
        }
        active[slot] = runs[place].run
        return (runs[place].units.removeLast(), runs[place].run)
    }

    mutating func putBack(_ unit: Int, run: Int) {
        guard let place = places[run] else { return }
        runs[place].units.append(unit)
        head = min(head, place)
    }

    mutating func leave(_ slot: Int) { active[slot] = nil }
}
