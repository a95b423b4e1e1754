import Essentials
import Evaluation
import ParameterSpace

/// Holds gradient processes against docs/gradient-process.md: shapes, determinism within a process and between two, additivity over
/// components, finite differences against the loss, and errors as messages.
public struct GradientProcessConformance: Sendable {
    /// One promise, kept or not.
    public struct Finding: Sendable, Equatable {
        public var name: String
        public var ok: Bool
        public var expected: String?
        public var found: String?
    }

    public private(set) var findings: [Finding] = []
    public private(set) var notes: [String] = []
    private let settings: GradientProcessSettings

    public init(_ settings: GradientProcessSettings) {
        self.settings = settings
        run()
    }

    mutating func note(_ text: String) { notes.append(text) }

    mutating func check(_ name: String, _ ok: Bool, expected: String? = nil, found: String? = nil) {
        findings.append(Finding(name: name, ok: ok, expected: ok ? nil : expected, found: ok ? nil : found))
    }

    private mutating func run() {
        do {
            let pool = try GradientProcessPool(settings)
            check("answers version and describe", true)
            notes.append(
                "\(pool.name), served by \(pool.software): \(pool.layout.count) parameters in \(pool.layout.blocks.count) "
                    + "blocks, \(pool.weights.count) components, \(pool.precisions.joined(separator: " and "))")
            notes += (pool.warnings + pool.notes).map { "the process says: \($0)" }
            var exact: [Double]?
            if pool.precisions.contains(Double.scalarName) { exact = try checkFunction(pool, as: Double.self) }
            if pool.precisions.contains(Float.scalarName) {
                let rounded = try checkFunction(pool, as: Float.self)
                if let exact, let rounded { checkPrecisions(pool.layout, exact, rounded) }
            }
            try checkErrors(pool)
            let restarts = pool.restartCount
            check("stays alive", restarts == 0, expected: "one process", found: "\(restarts) died")
        } catch {
            check("answers every request", false, expected: "an answer as specified", found: "\(error)")
        }
    }

    // MARK: one precision

    /// - Returns: the gradient of the first component where the process starts; `nil` where nothing further can be checked.
    private mutating func checkFunction<Scalar: ParameterScalar>(
        _ pool: GradientProcessPool, as scalar: Scalar.Type
    ) throws -> [Scalar]? {
        let objective = try pool.objective(as: scalar)
        let all = 0..<pool.layout.count
        let start = try pool.startingPoint(as: scalar)
        let isFinite = Scalar.nonfiniteCount(start, in: all) == 0
        check(
            "\(Scalar.scalarName): starts at a finite point", isFinite, expected: "finite parameters",
            found: "\(Scalar.nonfiniteCount(start, in: all)) that are not")
        guard isFinite else { return nil }
        var components: [TriedComponent<Scalar>] = []
        for index in Set([0, pool.weights.count / 2, pool.weights.count - 1]).sorted() {
            // What is not written shows.
            var gradient = [Scalar](repeating: .nan, count: all.count)
            pool.lend { $0.write(gradient, slot: 0) }
            let loss = try objective.gradient(ofComponent: index, at: start, into: &gradient)
            components.append(TriedComponent(index: index, loss: loss, gradient: gradient))
            let bad = Scalar.nonfiniteCount(gradient, in: all)
            check(
                "\(Scalar.scalarName): writes whole, finite gradients", bad == 0 && loss.isFinite,
                expected: "\(all.count) finite numbers and a finite loss of component \(index)",
                found: "\(bad) not finite or not written, loss \(loss)")
        }
        guard findings.allSatisfy(\.ok) else { return nil }
        try checkRepeatability(pool, objective, components, start)
        try checkSums(pool, objective, components, start)
        try checkDifferences(objective, components, start)
        return components[0].gradient
    }

    /// The gradients of one component in both precisions are one up to rounding.
    private mutating func checkPrecisions(_ layout: ParameterLayout, _ exact: [Double], _ rounded: [Float]) {
        let widened = rounded.map { Double($0) }
        let (norm, distance) = (layout.norm(of: exact), layout.distance(from: exact, to: widened))
        check(
            "float32 and float64 are the same function", distance <= 0.1 * max(norm, layout.norm(of: widened)),
            expected: "a gradient of norm \(norm), as in float64", found: "one \(distance) away in float32")
    }

    /// The same components again, after others and another point, and in a new process.
    private mutating func checkRepeatability<Scalar: ParameterScalar>(
        _ pool: GradientProcessPool, _ objective: any Objective<Scalar>, _ components: [TriedComponent<Scalar>],
        _ start: [Scalar]
    ) throws {
        var (again, elsewhere) = (start, start)
        Scalar.axpby(-Double(Scalar.ulpOfOne).squareRoot(), components[0].gradient, 1, into: &elsewhere)
        /// Evaluates every component and returns the one that differs most from what it was, relative to its gradient.
        func furthest(_ objective: any Objective<Scalar>) throws -> Repetition {
            let repetitions = try components.map { component in
                let loss = try objective.gradient(ofComponent: component.index, at: start, into: &again)
                return Repetition(
                    component: component.index, loss: loss, firstLoss: component.loss,
                    distance: pool.layout.distance(from: component.gradient, to: again),
                    norm: pool.layout.norm(of: component.gradient))
            }
            return repetitions.reduce(repetitions[0]) { $0.change >= $1.change ? $0 : $1 }
        }
        _ = try objective.gradient(ofComponent: components[components.count - 1].index, at: elsewhere, into: &again)
        let tolerance = 1e3 * Double(Scalar.ulpOfOne)
        let second = try furthest(objective)
        check(
            "\(Scalar.scalarName): the same component is the same function twice", second.change <= tolerance,
            expected: second.expected, found: "\(second.found). \(pool.explanation)")
        if second.distance > 0, second.change <= tolerance {
            notes.append(
                "\(Scalar.scalarName): gradients repeat to \(second.distance / second.norm) of their norm, not to the bit"
            )
        }
        let other = try GradientProcessPool(settings)
        let elsewhereFound = try furthest(other.objective(as: Scalar.self))
        check(
            "\(Scalar.scalarName): a new process serves the same function",
            other.layout == pool.layout && other.weights == pool.weights && elsewhereFound.change <= tolerance,
            expected: elsewhereFound.expected, found: "\(elsewhereFound.found). \(pool.explanation)")
    }

    /// The gradient of a list is the mean of its components' gradients, and a loss alone is that of the gradient.
    private mutating func checkSums<Scalar: ParameterScalar>(
        _ pool: GradientProcessPool, _ objective: any Objective<Scalar>, _ components: [TriedComponent<Scalar>],
        _ start: [Scalar]
    ) throws {
        var (mean, left) = (start, start)
        let (indices, losses) = (components.map(\.index), components.map(\.loss))
        let found = try pool.lend { worker in
            try worker.begin(indices, at: start, pointID: pool.newPointID(), slot: 1, draw: 0)
            let found = try worker.finish()
            worker.read(slot: 1, into: &mean)
            worker.readPoint(into: &left)
            return found
        }
        check(
            "\(Scalar.scalarName): the point stays as it was written", left == start, expected: "no write to the point",
            found: "another point after a gradient")
        var sum = [Double](repeating: 0, count: mean.count)
        for component in components {
            Scalar.accumulate(into: &sum, scale: pool.weights[component.index], component.gradient)
        }
        var expected = start
        Scalar.round(into: &expected, factor: 1 / indices.reduce(0) { $0 + pool.weights[$1] }, sum)
        let difference = pool.layout.distance(from: expected, to: mean)
        let size = components.reduce(0) { max($0, pool.layout.norm(of: $1.gradient)) }
        let tolerance = 1e3 * Double(Scalar.ulpOfOne)
        check(
            "\(Scalar.scalarName): gradients add up over components", difference <= tolerance * size,
            expected: "Σ wᵢ∇fᵢ / Σ wᵢ of components \(indices)",
            found: "a vector \(difference) away, of gradients of norm \(size)")
        let alone = try indices.map { try objective.loss(ofComponent: $0, at: start) }
        let agree =
            found.count == losses.count
            && zip(found + alone, losses + losses).allSatisfy {
                abs($0 - $1) <= tolerance * max(abs($1), size)
            }
        check(
            "\(Scalar.scalarName): losses are those of the gradients", agree, expected: "\(losses + losses)",
            found: "\(found + alone)")
    }

    // MARK: errors

    /// A component that is not there must be refused in words, and the process must go on.
    private mutating func checkErrors(_ pool: GradientProcessPool) throws {
        func ask<Scalar: ParameterScalar>(_ scalar: Scalar.Type) -> (any Error)? {
            let point = Scalar.zeros(pool.layout.count)
            do {
                try pool.lend { worker in
                    try worker.begin([pool.weights.count], at: point, pointID: pool.newPointID(), slot: 0, draw: 0)
                    _ = try worker.finish()
                }
                return nil
            } catch { return error }
        }
        let error = pool.precisions.contains(Float.scalarName) ? ask(Float.self) : ask(Double.self)
        let text = error.map { "\($0)" } ?? "an answer"
        check(
            "errors are messages", text.contains("reports: "),
            expected: "an error for component \(pool.weights.count), of which there are \(pool.weights.count)",
            found: text)
    }
}

/// A component as the process gave it at the start.
struct TriedComponent<Scalar: ParameterScalar> {
    let index: Int
    let loss: Double
    let gradient: [Scalar]
}

/// How a component that was evaluated again differs from what it was.
private struct Repetition {
    let component: Int
    let loss: Double
    let firstLoss: Double
    /// Between the gradients.
    let distance: Double
    /// Of the first gradient.
    let norm: Double

    /// Of the gradient and of the loss, whichever is more, relative to the sizes of both.
    var change: Double {
        let gradient = distance == 0 ? 0 : distance / norm
        let loss = loss == firstLoss ? 0 : abs(loss - firstLoss) / max(abs(firstLoss), norm)
        return gradient.isNaN || loss.isNaN ? .infinity : max(gradient, loss)
    }

    var expected: String { "loss \(firstLoss) and a gradient of norm \(norm) of component \(component) again" }
    var found: String { "loss \(loss), a gradient \(distance) away" }
}
