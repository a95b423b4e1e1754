import Dispatch
import Essentials
import Evaluation
import ParameterSpace
import Synchronization

/// How gradient processes are started and how long they are waited for.
public struct GradientProcessSettings: Sendable {
    /// A line for the shell. It comes from the caller, never from a file.
    public var command: String
    /// How many are started; each is told its index, for a device of its own.
    public var workerCount: Int
    /// How long an answer may take for each component of the request, and the start of a process.
    public var secondsPerComponent: Double
    /// Variables of the environment that this program has set for itself, and the processes are not to inherit.
    public var withheldVariables: [String]
    /// Asked while an answer is waited for.
    public var isCancelled: @Sendable () -> Bool

    public static let standardSeconds = 600.0

    public init(
        command: String, workerCount: Int = 1, secondsPerComponent: Double = standardSeconds,
        withheldVariables: [String] = [], isCancelled: @escaping @Sendable () -> Bool = { false }
    ) {
        self.isCancelled = isCancelled
        self.command = command
        self.workerCount = workerCount
        self.secondsPerComponent = secondsPerComponent
        self.withheldVariables = withheldVariables
    }
}

/// Gradient processes (docs/gradient-process.md) that serve one function, lent to whoever needs one.
public final class GradientProcessPool: ServedObjective {
    public let settings: GradientProcessSettings
    public let layout: ParameterLayout
    /// wᵢ of every component.
    public let weights: [Double]
    public let name: String
    /// What the process calls itself.
    public let software: String
    /// Scalars in which it gives gradients, as `float32`.
    public let precisions: [String]
    /// What the process says may keep its gradients from repeating.
    public let notes: [String]
    /// What the process says may make its numbers wrong.
    public let warnings: [String]
    /// Another text where the data behind the function are other ones.
    public let digest: String?

    private let workers: [GradientWorker]
    private let idle: Mutex<[GradientWorker]>
    private let free: DispatchSemaphore
    private let points = Atomic<Int>(0)

    /// Starts the first process and asks it what it serves; the others start when they are needed.
    /// - Throws: `SmoothnessError`: `.usage` for settings that make no sense, `.inputOutput` for a process that dies or does not answer, `.data`
    ///   for one whose answers are wrong. The last lines of its standard error are in the message.
    public init(_ settings: GradientProcessSettings) throws {
        guard settings.workerCount >= 1, settings.workerCount <= 1024 else {
            throw SmoothnessError(
                .usage, "there must be between 1 and 1024 gradient processes", found: "\(settings.workerCount)")
        }
        guard settings.secondsPerComponent > 0 else {
            throw SmoothnessError(
                .usage, "the time limit of a gradient process must be above 0",
                found: "\(settings.secondsPerComponent)")
        }
        self.settings = settings
        let workers = (0..<settings.workerCount).map { GradientWorker(index: $0, settings: settings) }
        let description = try workers[0].start()
        for worker in workers.dropFirst() { worker.expect(description) }
        layout = description.layout
        weights = description.weights ?? [Double](repeating: 1, count: description.components)
        name = description.name
        software = workers[0].software
        precisions = description.precisions
        (notes, warnings) = (Self.brief(description.notes), Self.brief(description.warnings))
        digest = description.digest
        self.workers = workers
        idle = Mutex(workers.reversed())
        free = DispatchSemaphore(value: workers.count)
    }

    /// Texts that are shown: as many and as long as a person reads.
    private static func brief(_ texts: [String]?) -> [String] {
        (texts ?? []).prefix(20).map { $0.count > 1000 ? $0.prefix(1000) + "…" : $0 }
    }

    public var identity: GradientProcessIdentity {
        GradientProcessIdentity(
            name: name, componentCount: weights.count, totalWeight: weights.reduce(0, +), digest: digest)
    }

    /// How many processes have died and were replaced.
    public var restartCount: Int { workers.reduce(0) { $0 + $1.restartCount } }

    /// The served function as an objective.
    /// - Throws: `SmoothnessError(.usage)` where its gradients are not given in this scalar.
    public func objective<Scalar: ParameterScalar>(as scalar: Scalar.Type) throws -> any Objective<Scalar> {
        guard precisions.contains(Scalar.scalarName) else {
            throw SmoothnessError(
                .usage, "the gradient process does not give gradients in \(Scalar.scalarName)", object: name,
                expected: precisions.joined(separator: " or "), found: Scalar.scalarName,
                remedy: "Choose with --precision")
        }
        return GradientProcessObjective<Scalar>(pool: self)
    }

    /// The parameters that the process has when it starts.
    public func startingPoint<Scalar: ParameterScalar>(as scalar: Scalar.Type) throws -> [Scalar] {
        var point = Scalar.zeros(layout.count)
        try lend { try $0.readParameters(into: &point) }
        return point
    }

    func lend<Result>(_ work: (GradientWorker) throws -> Result) rethrows -> Result {
        free.wait()
        let worker = idle.withLock { $0.removeLast() }
        defer {
            idle.withLock { $0.append(worker) }
            free.signal()
        }
        return try work(worker)
    }

    func newPointID() -> Int { points.add(1, ordering: .relaxed).newValue }

    /// Why two evaluations of a component may differ, for a person: what the process says of itself, and what is usual.
    var explanation: String {
        let usual = [
            "dropout draws new masks: serve seeds every component itself, or call model.eval()",
            "a loader shuffles or augments: component i must be the same data whenever it is asked for, as list(loader) is",
            "BatchNorm changes its running statistics: they must not change while gradients are served",
            "cuDNN chooses other algorithms: torch.backends.cudnn.deterministic = True, benchmark = False",
        ]
        return (["What usually causes it:"] + notes.map { "the process says: \($0)" } + usual).joined(
            separator: "\n    - ")
    }

    /// Refuses a function that is not the same twice.
    /// - Parameters:
    ///   - difference: ‖g − g′‖ of two evaluations of ∇f_S at one point.
    ///   - norm: ‖∇f_S‖ there.
    public func requireRepeatable(difference: Double, norm: Double) throws {
        guard !(difference <= Self.largestDifference * norm) else { return }
        throw SmoothnessError(
            .data, "two gradients of the same components at the same point differ: this is no function",
            object: name, expected: "a difference below \(Self.largestDifference) of the norm, \(norm)",
            found: "\(difference)", remedy: explanation)
    }

    /// More than what parallel sums in another order make of Float.
    private static let largestDifference = 1e-3

    deinit { for worker in workers { worker.end() } }
}
