import ParameterSpace

/// The vectors that a rule carries from one iteration to the next, and one to work in.
public struct UpdateMemory<Scalar: ParameterScalar>: Sendable {
    /// m; empty where the rule keeps none.
    public internal(set) var momentum: [Scalar]
    /// v of Adam; empty elsewhere.
    public internal(set) var secondMoment: [Scalar]
    /// The gradient with weight decay in it; no state.
    var adjusted: [Scalar]

    /// All zero, for P parameters.
    public init(for rule: UpdateRule, parameterCount: Int) {
        func vector(_ isKept: Bool) -> [Scalar] { Scalar.zeros(isKept ? parameterCount : 0) }
        momentum = vector(rule.keepsMomentum)
        secondMoment = vector(rule.keepsSecondMoment)
        adjusted = vector(rule.adjustsGradient)
    }
}

extension UpdateRule {
    /// One step. Overwrites `memory` with m_{t+1} and v_{t+1}, and `next` with x_{t+1}.
    /// - Parameters:
    ///   - gradient: the gradient at x_t, without weight decay.
    ///   - gradientNorm: its norm, `layout.norm(of: gradient)`, which the caller has already.
    ///   - iteration: t, from 0.
    /// - Returns: whether a clip norm was reached, with the scope `block` in any block.
    public func advance<Scalar: ParameterScalar>(
        from iterate: [Scalar], gradient: [Scalar], gradientNorm: Double, iteration: Int,
        memory: inout UpdateMemory<Scalar>, into next: inout [Scalar], layout: ParameterLayout
    ) -> Bool {
        guard decayBefore != 0 else {
            return advance(from: iterate, gradient, gradientNorm, iteration, &memory, into: &next, layout)
        }
        Scalar.combine(into: &memory.adjusted, 1, gradient, decayBefore, iterate, in: 0..<iterate.count)
        let decayed = memory.adjusted
        return advance(from: iterate, decayed, layout.norm(of: decayed), iteration, &memory, into: &next, layout)
    }

    /// The same for a gradient that has in it what belongs before clipping.
    private func advance<Scalar: ParameterScalar>(
        from iterate: [Scalar], _ gradient: [Scalar], _ norm: Double, _ iteration: Int,
        _ memory: inout UpdateMemory<Scalar>, into next: inout [Scalar], _ layout: ParameterLayout
    ) -> Bool {
        switch scope {
        case .global:
            return advance(
                in: 0..<iterate.count, from: iterate, gradient, norm, iteration, &memory, into: &next,
                norm: { layout.norm(of: $0) })
        case .block:
            var isClipped = false
            for block in layout.blocks {
                func norm(_ vector: [Scalar]) -> Double {
                    Scalar.squaredNorm(vector, in: block.range).squareRoot()
                }
                let blockIsClipped = advance(
                    in: block.range, from: iterate, gradient, norm(gradient), iteration, &memory, into: &next,
                    norm: norm)
                isClipped = isClipped || blockIsClipped
            }
            return isClipped
        }
    }

    /// The same for a range of the parameters that is clipped as one.
    /// - Parameter norm: the norm of a vector over this range.
    private func advance<Scalar: ParameterScalar>(
        in range: Range<Int>, from iterate: [Scalar], _ gradient: [Scalar], _ gradientNorm: Double, _ iteration: Int,
        _ memory: inout UpdateMemory<Scalar>, into next: inout [Scalar], norm: ([Scalar]) -> Double
    ) -> Bool {
        switch algorithm.memory {
        case .moments:
            let (gain, isClipped) = gain(gradientNorm: gradientNorm)
            let remaining = decay(gradient, gain, at: iterate, in: range, &memory)
            Scalar.adam(
                into: &next, keeping: keep, of: iterate, firstMoment: &memory.momentum,
                secondMoment: &memory.secondMoment, gradient: decayInMemory == 0 ? gradient : memory.adjusted,
                adamNumbers(gain: remaining, iteration: iteration), in: range)
            return isClipped
        case .sum where keepsMomentum:
            let remaining = decay(gradient, gain(gradientNorm: gradientNorm).factor, at: iterate, in: range, &memory)
            let entering = decayInMemory == 0 ? gradient : memory.adjusted
            Scalar.axpby(remaining, entering, beta, into: &memory.momentum, in: range)
        case .none, .mean, .sum:
            if keepsMomentum { Scalar.axpby(1 - beta, gradient, beta, into: &memory.momentum, in: range) }
        }
        // The length of m matters to all but heavy ball.
        let momentumNorm = keepsMomentum && algorithm.memory != .sum ? norm(memory.momentum) : .nan
        let step = step(gradientNorm: gradientNorm, momentumNorm: momentumNorm)
        Scalar.step(
            into: &next, keeping: keep, of: iterate, step.momentumFactor,
            keepsMomentum ? memory.momentum : gradient, step.gradientFactor, gradient, in: range)
        return step.isClipped
    }

    /// Writes fl(gain g + λ x) into `memory.adjusted` where weight decay enters a memory after clipping.
    /// - Returns: the factor that is still to be applied to what enters the memory.
    private func decay<Scalar: ParameterScalar>(
        _ gradient: [Scalar], _ gain: Double, at iterate: [Scalar], in range: Range<Int>,
        _ memory: inout UpdateMemory<Scalar>
    ) -> Double {
        guard decayInMemory != 0 else { return gain }
        Scalar.combine(into: &memory.adjusted, gain, gradient, decayInMemory, iterate, in: range)
        return 1
    }
}
