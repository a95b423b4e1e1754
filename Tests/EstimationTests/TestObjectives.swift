import Essentials
import Estimation
import Evaluation
import Formulas
import ParameterSpace
import Synchronization

/// Steps held in memory.
struct MemorySteps<Scalar: ParameterScalar>: StepSource {
    var iterations: [Int]
    var iterates: [[Scalar]]
    var nextIterates: [[Scalar]]

    /// Every iterate of one path: the next iterate of a row is the iterate of the row after it.
    init(path: [[Scalar]]) {
        iterations = Array(0..<(path.count - 1))
        iterates = Array(path.dropLast())
        nextIterates = Array(path.dropFirst())
    }

    init(steps: [(iteration: Int, iterate: [Scalar], next: [Scalar])]) {
        iterations = steps.map(\.iteration)
        iterates = steps.map(\.iterate)
        nextIterates = steps.map(\.next)
    }

    func readIterate(ofRow row: Int, into point: inout [Scalar]) {
        for index in point.indices { point[index] = iterates[row][index] }
    }

    func readNextIterate(ofRow row: Int, into point: inout [Scalar]) {
        for index in point.indices { point[index] = nextIterates[row][index] }
    }
}

/// A component function and its gradient, in Double whatever the scalar, as closures; two blocks unless told otherwise.
struct ClosureObjective<Scalar: ParameterScalar>: Objective {
    var layout: ParameterLayout
    var weights: [Double]
    var value: @Sendable (_ component: Int, _ point: [Double]) -> (loss: Double, gradient: [Double])

    var componentCount: Int { weights.count }
    func weight(ofComponent component: Int) -> Double { weights[component] }

    func loss(ofComponent component: Int, at point: [Scalar]) -> Double {
        value(component, point.map { Double($0) }).loss
    }

    func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) -> Double {
        let (loss, exact) = value(component, point.map { Double($0) })
        for index in gradient.indices { gradient[index] = Scalar(exact[index]) }
        return loss
    }

    func initialPoint(seed: UInt64) -> [Scalar] { Array(repeating: 1, count: layout.count) }
}

/// ½ Σ aᵢⱼ xⱼ² over components i: the mean's Hessian is diagonal, Σ wᵢaᵢⱼ / Σ wᵢ.
func diagonalQuadratic<Scalar: ParameterScalar>(
    _ scalar: Scalar.Type, curvatures: [[Double]], weights: [Double]? = nil, layout: ParameterLayout? = nil
) -> ClosureObjective<Scalar> {
    let count = curvatures[0].count
    return ClosureObjective(
        layout: layout ?? ParameterLayout([("first", [count - count / 2]), ("second", [count / 2])]),
        weights: weights ?? Array(repeating: 1, count: curvatures.count)
    ) { component, x in
        let gradient = zip(curvatures[component], x).map { $0 * $1 }
        return (zip(gradient, x).reduce(0) { $0 + $1.0 * $1.1 } / 2, gradient)
    }
}

/// Counts calls, and adds to the gradient a part that grows with their number: a function that does not repeat itself.
final class CallCounter: Sendable {
    private let count = Mutex(0)
    func next() -> Int {
        count.withLock {
            $0 += 1
            return $0
        }
    }
    var value: Int { count.withLock { $0 } }
}

/// Another objective in all but its gradients.
protocol WrappingObjective: Objective {
    var inner: ClosureObjective<Scalar> { get }
}

extension WrappingObjective {
    var layout: ParameterLayout { inner.layout }
    var componentCount: Int { inner.componentCount }
    func weight(ofComponent component: Int) -> Double { inner.weight(ofComponent: component) }
    func initialPoint(seed: UInt64) -> [Scalar] { inner.initialPoint(seed: seed) }
    func loss(ofComponent component: Int, at point: [Scalar]) -> Double {
        inner.loss(ofComponent: component, at: point)
    }
}

/// Wraps an objective and notes where in memory the vectors lie that it is called with: a hidden copy would show.
struct AddressNotingObjective<Scalar: ParameterScalar>: WrappingObjective {
    var inner: ClosureObjective<Scalar>
    let addresses = AddressBook()

    func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) -> Double {
        // The addresses are only compared, never followed.
        addresses.note(
            point: point.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) },
            gradient: gradient.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) })
        return inner.gradient(ofComponent: component, at: point, into: &gradient)
    }
}

final class AddressBook: Sendable {
    private let sets = Mutex((points: Set<UInt>(), gradients: Set<UInt>()))
    func note(point: UInt, gradient: UInt) {
        sets.withLock {
            $0.points.insert(point)
            $0.gradients.insert(gradient)
        }
    }
    var counts: (points: Int, gradients: Int) { sets.withLock { ($0.points.count, $0.gradients.count) } }
}

func normal(_ count: Int, seed: UInt64) -> [Double] {
    var generator = SeededGenerator(seed: seed, purpose: "test")
    return (0..<count).map { _ in generator.normal() }
}

/// |a − b| ≤ tolerance·max(|a|, |b|)
func isClose(_ a: Double, _ b: Double, _ tolerance: Double) -> Bool {
    abs(a - b) <= tolerance * max(abs(a), abs(b))
}

/// The same bits everywhere, NaN included, but for what a file does not keep.
func identicalBits(_ a: [StepEstimate], _ b: [StepEstimate]) -> Bool {
    func kept(_ rows: [StepEstimate]) -> String {
        let stored = rows.map { row in
            var row = row
            row.blockLeaveOut = []
            return row
        }
        return "\(stored)"
    }
    return kept(a) == kept(b)
}

extension CalibratedEstimator {
    /// The components in the order given, as a part of all there are.
    init(
        objective: any Objective<Scalar>, components: [Int], gammas: [Double], sharesGradients: Bool = true,
        groupCount: Int = ComponentGroups.standardCount, workerCount: Int = 1, roundingStride: Int? = nil,
        configure: (inout EstimatorOptions<Scalar>) -> Void = { _ in },
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) {
        var options = EstimatorOptions<Scalar>(gammas: gammas)
        options.sharesGradients = sharesGradients
        options.workerCount = workerCount
        configure(&options)
        let groups = ComponentGroups(
            components: components, weights: components.map { objective.weight(ofComponent: $0) }, count: groupCount,
            populationWeight: objective.totalWeight(of: 0..<objective.componentCount))
        self.init(
            StepEstimator(objective: objective, groups: groups, options: options, isCancelled: isCancelled),
            roundingStride: roundingStride)
    }
}

/// Estimates of every row.
func estimates<Scalar: ParameterScalar>(
    of steps: MemorySteps<Scalar>, objective: any Objective<Scalar>, components: [Int]? = nil,
    gammas: [Double] = [0.25, 0.5, 1], sharesGradients: Bool = true, groupCount: Int = ComponentGroups.standardCount,
    workerCount: Int = 1, roundingStride: Int? = nil,
    configure: (inout EstimatorOptions<Scalar>) -> Void = { _ in }
) throws -> [StepEstimate] {
    var source = steps
    var estimator = CalibratedEstimator(
        objective: objective, components: components ?? Array(0..<objective.componentCount), gammas: gammas,
        sharesGradients: sharesGradients, groupCount: groupCount, workerCount: workerCount,
        roundingStride: roundingStride, configure: configure)
    var rows: [StepEstimate] = []
    let count = steps.iterations.count
    for row in 0..<count { rows.append(try estimator.estimate(row: row, of: &source, isFollowed: row + 1 < count)) }
    return rows
}
