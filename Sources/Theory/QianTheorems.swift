import Essentials
import Fitting

/// [Q]: example 1 and theorems 3.1 (SGD) and 3.2 (IGC) with clipping of every component gradient.
struct QianTheorems {
    let options: TheoryOptions

    init(_ options: TheoryOptions) { self.options = options }

    // MARK: - Example 1

    /// From x₀ = 1 with clip norm c and step α: E x₁ = 1 + (2/3)α for c = 2. For 2x ≤ c ≤ 10x the three clipped gradients add up to c − 4x,
    /// so the mean step leads outwards exactly where x > c/4, and divergence from x₀ stops at c = 4x₀.
    func exampleLines() -> [TheoryLine] {
        let example = FiniteSum.example
        let alpha = 0.01
        let drift = { (clipNorm: Double, x: Double) in
            (0..<3).reduce(0) { $0 + Self.clipped(example.componentGradient($1, [x]), clipNorm)[0] / 3 }
        }
        var lines = [
            line("E x₁", .equal, 1 - alpha * drift(2, 1), 1 + 2 * alpha / 3, "SGD, α = \(short(alpha)), c = 2"),
            line(
                "the clip norm at which divergence stops", .equal,
                Self.root(from: 2, to: 10) { drift($0, 1) }, 4, "mean clipped step from x₀ = 1"),
            line(
                "the x beyond which it diverges", .equal, Self.root(from: 0.21, to: 0.99) { -drift(2, $0) }, 0.5,
                "mean clipped step, c = 2"),
        ]
        for clipNorm in [2.0, 3, 3.9] {
            let end = passes(from: 1, clipNorm: clipNorm, alpha: alpha, count: 2000)
            lines.append(
                line("|x| after 2000 passes", .atLeast, abs(end), 1, "IGC, α = \(short(alpha)), c = \(short(clipNorm))")
            )
        }
        // One pass moves by at most 3αc, and near zero by O(α).
        for clipNorm in [4.2, 5, 12] {
            let end = passes(from: 1, clipNorm: clipNorm, alpha: alpha, count: 2000)
            lines.append(
                line(
                    "|x| after 2000 passes", .atMost, abs(end), 3 * alpha * clipNorm,
                    "IGC, α = \(short(alpha)), c = \(short(clipNorm))"))
        }
        let inside = passes(from: 0.45, clipNorm: 2, alpha: alpha, count: 2000)
        lines.append(
            line("|x| after 2000 passes from 0.45", .atMost, abs(inside), 6 * alpha, "IGC, α = \(short(alpha)), c = 2"))
        return lines
    }

    private func line(
        _ quantity: String, _ relation: TheoryLine.Relation, _ measured: Double, _ bound: Double, _ algorithm: String
    ) -> TheoryLine {
        TheoryLine(
            source: "[Q] example 1", instance: FiniteSum.example.name, algorithm: algorithm, quantity: quantity,
            relation: relation, measured: measured, bound: bound, assumptions: [])
    }

    private func passes(from start: Double, clipNorm: Double, alpha: Double, count: Int) -> Double {
        let example = FiniteSum.example
        var x = [start]
        for _ in 0..<count {
            for component in 0..<3 {
                x = Descent.moved(x, by: alpha, along: Self.clipped(example.componentGradient(component, x), clipNorm))
            }
        }
        return x[0]
    }

    /// C(g; c) = min(1, c/‖g‖) g
    private static func clipped(_ gradient: [Double], _ clipNorm: Double) -> [Double] {
        let norm = Descent.norm(gradient)
        return norm > clipNorm ? gradient.map { clipNorm / norm * $0 } : gradient
    }

    private static func root(from lower: Double, to upper: Double, of value: (Double) -> Double) -> Double {
        var (low, high) = (lower, upper)
        for _ in 0..<200 {
            let middle = (low + high) / 2
            if value(middle) < 0 { low = middle } else { high = middle }
        }
        return high
    }

    // MARK: - Theorems 3.1 and 3.2

    func theoremLines() -> [TheoryLine] {
        let sums = [
            FiniteSum.scaledCosh([1, 1.5, 2], L1: options.L1), .scaledCosh([0.5, 1, 1, 4], L1: options.L1),
            .turnedQuadratics, .example,
        ]
        return sums.flatMap { sum in
            [0.3, 1, 3].flatMap { clipNorm in [theoremOne(sum, clipNorm), theoremTwo(sum, clipNorm)] }
        }
    }

    private static let iterations = 2000

    /// (A3) and (A4) along a path: the least mean cosine, the least ratio of norms, and whether all cosines were ≥ 0.
    private struct Agreement {
        var meanCosine = 1.0
        var normRatio = 1.0
        var isNonnegative = true

        mutating func include(_ sum: FiniteSum, at x: [Double]) {
            let gradients = (0..<sum.componentCount).map { sum.componentGradient($0, x) }
            let mean = sum.gradient(x)
            let norms = gradients.map(Descent.norm)
            let length = Descent.norm(mean)
            guard length > 0, let least = norms.min(), let largest = norms.max(), least > 0 else { return }
            let cosines = zip(gradients, norms).map { gradient, norm in
                zip(gradient, mean).reduce(0) { $0 + $1.0 * $1.1 } / (norm * length)
            }
            meanCosine = min(meanCosine, cosines.reduce(0, +) / Double(cosines.count))
            normRatio = min(normRatio, least / largest)
            if cosines.contains(where: { $0 < 0 }) { isNonnegative = false }
        }

        var assumptions: [TheoryLine.Assumption] {
            [
                .init(
                    "(A3): cosines ≥ 0 on the path, their mean ≥ c₁ = \(short(meanCosine))",
                    isNonnegative && meanCosine > 0),
                .init("(A4): m_g/M_g ≥ c₂ = \(short(normRatio)) on the path", normRatio > 0),
            ]
        }
    }

    /// The constants c₁ and c₂ decide the step and the path decides them: begin with those of the start, and take those of the
    /// path again until they hold on it.
    private func path(
        _ sum: FiniteSum, step: (Agreement) -> Double, walk: (Double, (_ x: [Double]) -> Void) -> Void
    ) -> (agreement: Agreement, step: Double, visited: [[Double]]) {
        var agreement = Agreement()
        agreement.include(sum, at: sum.start)
        while true {
            let alpha = step(agreement)
            var seen = agreement
            var visited: [[Double]] = []
            walk(alpha) { x in
                visited.append(x)
                seen.include(sum, at: x)
            }
            let isSettled =
                !seen.isNonnegative || seen.meanCosine <= 0
                || (seen.meanCosine >= agreement.meanCosine && seen.normRatio >= agreement.normRatio)
            if isSettled { return (seen, alpha, visited) }
            agreement = seen
        }
    }

    /// mean over the path of min{c·c₁, c₂‖∇f‖}‖∇f‖
    private static func descent(_ sum: FiniteSum, _ agreement: Agreement, _ clipNorm: Double, _ path: [[Double]])
        -> Double
    {
        path.reduce(0) { total, x in
            let norm = Descent.norm(sum.gradient(x))
            return total + min(clipNorm * agreement.meanCosine, agreement.normRatio * norm) * norm
        } / Double(path.count)
    }

    private func theoremOne(_ sum: FiniteSum, _ clipNorm: Double) -> TheoryLine {
        let longest = 0.05 / sum.L0
        let repetitions = options.repetitions
        let result = path(
            sum,
            step: { agreement in
                guard agreement.meanCosine > 0 else { return longest }
                let rule = StepRules.qianOne(L1: sum.L1, clipNorm: clipNorm, meanCosine: agreement.meanCosine)
                return min(longest, rule.stepSize ?? longest)
            }
        ) { alpha, visit in
            // The runs one after another: the mean over all of them estimates the expectation.
            for repetition in 0..<repetitions {
                var generator = SeededGenerator(seed: options.seed, purpose: "clipped SGD", index: repetition)
                var x = sum.start
                for iteration in 0...Self.iterations {
                    visit(x)
                    guard iteration < Self.iterations else { break }
                    let component = generator.index(below: sum.componentCount)
                    x = Descent.moved(
                        x, by: alpha, along: Self.clipped(sum.componentGradient(component, x), clipNorm))
                }
            }
        }
        let (alpha, agreement) = (result.step, result.agreement)
        let squared = clipNorm * clipNorm
        let bound =
            2 * sum.gap / (Double(Self.iterations + 1) * alpha) + 5 * alpha * squared * sum.L0
            + alpha * squared * clipNorm * sum.L1 * agreement.meanCosine / agreement.normRatio
        return TheoryLine(
            source: "[Q] theorem 3.1", instance: sum.name,
            algorithm: "SGD, c = \(short(clipNorm)), α = \(short(alpha)), T = \(Self.iterations)",
            quantity: "mean of min{c c₁, c₂‖∇f‖}‖∇f‖ over T and \(repetitions) runs", relation: .atMost,
            measured: Self.descent(sum, agreement, clipNorm, result.visited), bound: bound,
            assumptions: agreement.assumptions)
    }

    private func theoremTwo(_ sum: FiniteSum, _ clipNorm: Double) -> TheoryLine {
        let m = Double(sum.componentCount)
        let G = 5 * sum.componentL0 + 16 * clipNorm * sum.componentL1
        let result = path(
            sum,
            step: { agreement in
                StepRules.qianTwo(
                    L1: sum.L1, clipNorm: clipNorm, meanCosine: max(agreement.meanCosine, 1e-3),
                    componentL0: sum.componentL0, componentL1: sum.componentL1, components: sum.componentCount
                ).stepSize ?? 0
            }
        ) { alpha, visit in
            var x = sum.start
            for iteration in 0...Self.iterations {
                visit(x)
                guard iteration < Self.iterations else { break }
                for component in 0..<sum.componentCount {
                    x = Descent.moved(
                        x, by: alpha, along: Self.clipped(sum.componentGradient(component, x), clipNorm))
                }
            }
        }
        let (alpha, agreement) = (result.step, result.agreement)
        let squared = clipNorm * clipNorm
        let bound =
            2 * sum.gap / (Double(Self.iterations + 1) * alpha * m) + 5 * alpha * m * squared * sum.L0
            + alpha * m * squared * agreement.meanCosine * (2 * clipNorm * sum.L1 + G) / (2 * agreement.normRatio)
        return TheoryLine(
            source: "[Q] theorem 3.2", instance: sum.name,
            algorithm: "IGC, c = \(short(clipNorm)), α = \(short(alpha)), T = \(Self.iterations)",
            quantity: "mean of min{c c₁, c₂‖∇f‖}‖∇f‖ over T", relation: .atMost,
            measured: Self.descent(sum, agreement, clipNorm, result.visited), bound: bound,
            assumptions: agreement.assumptions)
    }
}
