import Fitting

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// [Z] theorems 3, 4 and 6: clipped gradient descent and gradient descent with a fixed step.
struct DeterministicTheorems {
    let options: TheoryOptions

    init(_ options: TheoryOptions) { self.options = options }

    private var fast: Instance { .fast(options) }
    private var slow: Instance { .slow(epsilon: options.epsilon, gap: options.gap) }

    func lines() -> [TheoryLine] {
        let hard = [fast, slow]
        return [lowerBound()] + hard.map { theoremSix($0, L0: options.L0) }
            + hard.map { theoremThree($0, L0: options.L0) }
            // The constants of the other functions are their own: the least L0 for this L1.
            + Instance.others(L1: options.L1).map { theoremThree($0.instance, L0: $0.L0) }
    }

    /// Theorem 4: whatever the fixed step h, one of the two functions takes at least so long. The best h of a grid is measured: above
    /// 2x₀/M the fast function never arrives, below it the slow one takes the longer the smaller h is.
    private func lowerBound() -> TheoryLine {
        let (L1, M, epsilon) = (options.L1, options.largestGradient, options.epsilon)
        let critical = (2 * log(M) + 2) / (M * L1)
        let grid = (0..<40).map { critical * pow(10, -1 + 1.2 * Double($0) / 39) } + [critical * (1 - 1e-9)]
        var best: (count: Double, step: Double)?
        for step in grid {
            let counts = [fast, slow].map { instance in
                Descent.iterations(instance, untilGradient: epsilon, limit: options.iterationLimit) { _ in step }
            }
            guard let first = counts[0], let second = counts[1] else { continue }
            let longer = max(first, second)
            if longer < best?.count ?? .infinity { best = (longer, step) }
        }
        let gap = slow.gap
        return TheoryLine(
            source: "[Z] theorem 4", instance: "\(fast.name); \(slow.name)",
            algorithm: "GD, best fixed step of a grid" + (best.map { ", h = \(short($0.step))" } ?? ""),
            quantity: "iterations until ‖∇f‖ ≤ ε, the longer of the two", relation: .atLeast, measured: best?.count,
            bound: StepRules.zhangFour(L1: L1, largestGradient: M, epsilon: epsilon, gap: gap).fewestIterations ?? .nan,
            assumptions: [
                .init("L0 ≥ 1", options.L0 >= 1), .init("L1 ≥ 1", L1 >= 1), .init("M > 1", M > 1),
                .init("Δ ≥ 5ε/4", options.gap >= 5 * epsilon / 4), .init("M ≥ 2ε", M >= 2 * epsilon),
                .init("the fast function starts with ‖∇f‖ > ε", M > epsilon),
                .smooth(fast, L0: options.L0, L1: L1), .smooth(slow, L0: options.L0, L1: L1),
            ])
    }

    private func theoremSix(_ instance: Instance, L0: Double) -> TheoryLine {
        let (L1, M, epsilon) = (options.L1, options.largestGradient, options.epsilon)
        let rule = StepRules.zhangSix(L0: L0, L1: L1, largestGradient: M, epsilon: epsilon, gap: instance.gap)
        let (step, bound) = (rule.stepSize ?? .nan, rule.iterations ?? .nan)
        return TheoryLine(
            source: "[Z] theorem 6", instance: instance.name, algorithm: "GD, h = 1/(2(M L1 + L0)) = \(short(step))",
            quantity: "iterations until ‖∇f‖ ≤ ε", relation: .atMost,
            measured: iterations(instance, bound: bound) { _ in step }, bound: bound,
            assumptions: [
                .smooth(instance, L0: L0, L1: L1),
                .init(
                    "sup ‖∇f‖ over f ≤ f(x₀) is at most M",
                    (instance.sublevelGradient ?? .infinity) <= M * (1 + 1e-12)),
            ])
    }

    private func theoremThree(_ instance: Instance, L0: Double) -> TheoryLine {
        let (L1, epsilon) = (options.L1, options.epsilon)
        let rule = StepRules.zhangThree(L0: L0, L1: L1, epsilon: epsilon, gap: instance.gap)
        let (eta, gamma) = (rule.stepSize ?? .nan, rule.clipNorm ?? .nan)
        let bound = rule.iterations ?? .nan
        return TheoryLine(
            source: "[Z] theorem 3", instance: instance.name + ", L0 = \(short(L0))",
            algorithm: "clipped GD, η = \(short(eta)), clip norm γ = \(short(gamma))",
            quantity: "iterations until ‖∇f‖ ≤ ε", relation: .atMost,
            measured: iterations(instance, bound: bound) { min(eta, gamma * eta / $0) }, bound: bound,
            assumptions: [.smooth(instance, L0: L0, L1: L1)])
    }

    /// Beyond the bound it does not matter by how much; `nil` where the bound itself is beyond the limit.
    private func iterations(_ instance: Instance, bound: Double, stepSize: (Double) -> Double) -> Double? {
        let enough = bound < Double(options.iterationLimit)
        let limit = enough ? Int(bound) + 1 : options.iterationLimit
        let count = Descent.iterations(
            instance, untilGradient: options.epsilon, limit: limit, stepSize: stepSize)
        return count ?? (enough ? .infinity : nil)
    }
}
