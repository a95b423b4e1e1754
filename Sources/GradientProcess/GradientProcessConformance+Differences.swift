import Essentials
import Evaluation
import ParameterSpace

/// Gradients held against differences of the loss.
extension GradientProcessConformance {
    /// (f(x + hv) − f(x − hv)) / 2h = ⟨∇f(x), v⟩ along the gradient, along the gradient with its elements stretched at random, and along a direction
    /// that moves every block; with the best of several h. Blocks in which the two differ are named.
    mutating func checkDifferences<Scalar: ParameterScalar>(
        _ objective: any Objective<Scalar>, _ components: [TriedComponent<Scalar>], _ start: [Scalar]
    ) throws {
        let tried = components.map { component in
            (
                differences: LossDifferences(
                    objective: objective, start: start, component: component, losses: components.map(\.loss)),
                directions: BlockDirections(layout: objective.layout, start: start, gradient: component.gradient)
            )
        }
        if Scalar.self == Double.self, tried[0].differences.isLossInFloat {
            note("float64: the losses are numbers of float32, against which differences are taken with its tolerance")
        }
        let moving = tried.filter { $0.directions.gradientNorm > 0 }
        for (name, direction) in [
            ("along the gradient", \BlockDirections<Scalar>.gradient), ("along another direction", \.stretched),
            ("along a direction that moves every block", \.everyBlock),
        ] where !moving.isEmpty {
            let slopes = try moving.map {
                try $0.differences.slope(along: $0.directions[keyPath: direction], of: $0.directions.gradient)
            }
            let worst = slopes.indices.reduce(0) { slopes[$0].error >= slopes[$1].error ? $0 : $1 }
            check(
                "\(Scalar.scalarName): the gradient is the derivative of the loss, \(name)",
                slopes[worst].error <= moving[worst].differences.tolerance,
                expected:
                    "a slope of \(slopes[worst].expected) of component \(moving[worst].differences.component.index)",
                found: "\(slopes[worst].found) by differences of the loss")
        }
        try checkBlocks(tried[0].differences, tried[0].directions, components[0].gradient)
    }

    /// Names the blocks that the loss depends on otherwise than their gradient says: all are looked at where something did not agree, else those
    /// without a gradient.
    private mutating func checkBlocks<Scalar: ParameterScalar>(
        _ differences: LossDifferences<Scalar>, _ directions: BlockDirections<Scalar>, _ gradient: [Scalar]
    ) throws {
        let blocks = directions.layout.blocks
        let silent = blocks.filter { Scalar.squaredNorm(gradient, in: $0.range) == 0 }
        var isMoved = false
        if !silent.isEmpty {
            isMoved = try differences.isMoved(along: directions.direction(of: silent))
            let name = "\(Scalar.scalarName): the loss stands still with the blocks whose gradient is zero"
            let moving =
                isMoved ? try silent.filter { try differences.isMoved(along: directions.direction(of: [$0])) } : []
            check(
                name, !isMoved, expected: "no change of the loss with them",
                found: Self.listed(moving.isEmpty ? silent : moving)
                    + " move it. detach, no_grad, .data or a copy may stand between; what is meant to be constant is frozen "
                    + "with requires_grad_(False)")
            if silent.count == blocks.count, !isMoved {
                check(
                    "\(Scalar.scalarName): the loss depends on the parameters", try differences.isMovedFar(directions),
                    expected: "another loss at another point",
                    found: "the same. Does the loss use the model that it is given, or another one of the script?")
            }
        }
        guard !isMoved, findings.contains(where: { !$0.ok && $0.name.contains("moves every block") }) else { return }
        let wrong = try blocks.filter {
            let slope = try differences.slope(along: directions.direction(of: [$0]), of: gradient)
            return slope.error > differences.tolerance && slope.isAboveNoise
        }
        guard !wrong.isEmpty else { return }
        check(
            "\(Scalar.scalarName): the gradient of every block is the derivative of the loss", false,
            expected: "differences of the loss that agree with it",
            found: "others in " + Self.listed(wrong) + ". Is part of what they do behind detach, no_grad or .data?")
    }

    private static func listed(_ blocks: [ParameterBlock]) -> String {
        blocks.prefix(8).map(\.name).joined(separator: ", ") + (blocks.count > 8 ? " and \(blocks.count - 8) more" : "")
    }
}

/// Directions in which a gradient is tried.
private struct BlockDirections<Scalar: ParameterScalar> {
    let layout: ParameterLayout
    let gradient: [Scalar]
    let gradientNorm: Double
    /// Half random, half along the gradient where there is one; of norm 1 in every block.
    let everyBlock: [Scalar]
    /// The gradient, its elements stretched at random.
    let stretched: [Scalar]

    init(layout: ParameterLayout, start: [Scalar], gradient: [Scalar]) {
        var generator = SeededGenerator(seed: 0, purpose: "finite differences", index: 0)
        func uniform() -> Double { Double(generator.next() >> 11) * 0x1p-53 }
        self.layout = layout
        self.gradient = gradient
        gradientNorm = layout.norm(of: gradient)
        stretched = gradient.map { $0 * Scalar(2 * uniform()) }
        var direction = [Scalar](repeating: 0, count: gradient.count)
        for block in layout.blocks {
            let norm = max(Scalar.squaredNorm(gradient, in: block.range).squareRoot(), .leastNormalMagnitude)
            let share = (3 / Double(block.range.count)).squareRoot()
            for index in block.range {
                direction[index] = Scalar(Double(gradient[index]) / norm + share * (2 * uniform() - 1))
            }
            let length = Scalar.squaredNorm(direction, in: block.range).squareRoot()
            for index in block.range { direction[index] = Scalar(Double(direction[index]) / max(length, 1e-300)) }
        }
        everyBlock = direction
    }

    /// The direction that moves every block, in some blocks alone.
    func direction(of blocks: [ParameterBlock]) -> [Scalar] {
        var direction = [Scalar](repeating: 0, count: everyBlock.count)
        for block in blocks { direction.replaceSubrange(block.range, with: everyBlock[block.range]) }
        return direction
    }
}

/// Differences of the loss of a component around a point.
private struct LossDifferences<Scalar: ParameterScalar> {
    struct Slope {
        var expected: Double
        var found = Double.nan
        /// Relative to the larger of the two.
        var error = Double.infinity
        /// Whether the difference of the two is more than the rounding of losses makes.
        var isAboveNoise = false
    }

    let objective: any Objective<Scalar>
    let start: [Scalar]
    let component: TriedComponent<Scalar>
    /// The losses of all components that are tried.
    let losses: [Double]

    /// Whether every loss could be one in Float: then they are rounded so.
    var isLossInFloat: Bool { losses.allSatisfy { Double(Float($0)) == $0 } }
    /// How far losses are rounded.
    private var epsilon: Double { Double(isLossInFloat ? Double(Float.ulpOfOne) : Double(Scalar.ulpOfOne)) }
    var tolerance: Double { Scalar.self == Double.self && !isLossInFloat ? 1e-5 : 2e-2 }

    private func rise(along direction: [Scalar], by amount: Double) throws -> Double {
        func moved(_ amount: Double) -> [Scalar] {
            var point = start
            Scalar.axpby(amount, direction, 1, into: &point)
            return point
        }
        return try objective.loss(ofComponent: component.index, at: moved(amount))
            - objective.loss(ofComponent: component.index, at: moved(-amount))
    }

    private func norm(_ vector: [Scalar]) -> Double { Scalar.squaredNorm(vector, in: vector.indices).squareRoot() }
    private func noise(of distance: Double) -> Double { 8 * epsilon * max(abs(component.loss), 1e-30) / (2 * distance) }
    private var scale: Double { 1 + norm(start) }

    /// The slope of the loss along a direction, as the gradient has it and as differences have it at the best of several distances.
    func slope(along direction: [Scalar], of gradient: [Scalar]) throws -> Slope {
        let length = max(norm(direction), .leastNormalMagnitude)
        var best = Slope(expected: Scalar.dot(gradient, direction, in: start.indices) / length)
        for exponent in 1...7 where best.error > tolerance {
            let distance = scale * Self.power(exponent)
            let found = try rise(along: direction, by: distance / length) / (2 * distance)
            let error = abs(found - best.expected) / max(abs(best.expected), abs(found), .leastNormalMagnitude)
            if error < best.error {
                (best.found, best.error) = (found, error)
                best.isAboveNoise = abs(found - best.expected) > 10 * noise(of: distance)
            }
        }
        return best
    }

    /// Whether the loss has a slope along a direction in which the gradient has none: one that two distances agree on and rounding does not make.
    func isMoved(along direction: [Scalar]) throws -> Bool {
        let length = max(norm(direction), .leastNormalMagnitude)
        var before: Double?
        for exponent in 1...6 {
            let distance = scale * Self.power(exponent)
            let found = try rise(along: direction, by: distance / length) / (2 * distance)
            guard abs(found) > 10 * noise(of: distance) else { return false }
            if let before, abs(found - before) <= 0.2 * abs(found) { return true }
            before = found
        }
        return false
    }

    /// Whether the loss is another one far away.
    func isMovedFar(_ directions: BlockDirections<Scalar>) throws -> Bool {
        var point = start
        Scalar.axpby(0.1 * scale, directions.everyBlock, 1, into: &point)
        return try objective.loss(ofComponent: component.index, at: point) != component.loss
    }

    private static func power(_ exponent: Int) -> Double { (0..<exponent).reduce(1.0) { value, _ in value / 10 } }
}
