/// The expectile line: arg min over L0, L1 ≥ 0 of Σ w_k |τ − 1{L_k < L0 + L1 g_k}| (L_k − L0 − L1 g_k)² (Newey and Powell 1987,
/// Econometrica 55, 819–847).
///
/// τ = 6/7 weighs a point above the line 6 times one below: "squared error plus five times squared undershoot".
/// - Parameters: `gradientNorm`, `smoothness`: n positive finite values each; `weights`: n positive ones, all 1 by default;
///   `level`: τ in (0, 1).
/// - Returns: `nil` where all gradient norms are equal (or n < 2).
public func expectileLine(
    gradientNorm: [Double], smoothness: [Double], weights: [Double]? = nil, level: Double = 6.0 / 7
) -> SmoothnessLine? {
    precondition(level > 0 && level < 1, "the level of an expectile lies between 0 and 1")
    return ScaledPoints(gradientNorm, smoothness, weights)?.solve { $0.expectile(level, isConstrained: true) }
}

extension ScaledPoints {
    /// Newton's method: with the signs of the residuals fixed, the problem is least squares with weights. Where the signs of
    /// the answer are those that it was made with, it is exact; a step that does not descend is halved.
    func expectile(
        _ level: Double, isConstrained: Bool, from start: SmoothnessLine? = nil
    ) -> SmoothnessLine? {
        guard var line = start ?? leastSquares(isConstrained: isConstrained) else { return nil }
        var loss = expectileLoss(line, level)
        for _ in 0..<200 {
            var sums = LineSums(about: center)
            for index in x.indices {
                let isAbove = y[index] > line(x[index])
                sums.add(
                    x[index] - center.g, y[index] - center.l, w[index] * (isAbove ? level : 1 - level))
            }
            guard var next = isConstrained ? sums.nonNegativeLine : sums.freeLine else { return nil }
            var isSettled = true
            for index in x.indices where (y[index] > line(x[index])) != (y[index] > next(x[index])) && w[index] > 0 {
                isSettled = false
                break
            }
            if isSettled { return next }
            var nextLoss = expectileLoss(next, level)
            var halvings = 0
            while nextLoss > loss, halvings < 60 {
                next = SmoothnessLine(
                    intercept: (line.intercept + next.intercept) / 2, slope: (line.slope + next.slope) / 2)
                nextLoss = expectileLoss(next, level)
                halvings += 1
            }
            // Nothing is left to gain but rounding.
            if halvings == 60 || next == line { return line }
            (line, loss) = (next, nextLoss)
        }
        return line
    }

    private func expectileLoss(_ line: SmoothnessLine, _ level: Double) -> Double {
        var sum = 0.0
        for index in x.indices {
            let residual = y[index] - line(x[index])
            sum += w[index] * (residual > 0 ? level : 1 - level) * residual * residual
        }
        return sum
    }
}

extension Law {
    /// The expectile line.
    public static let expectile = levelLine(
        "expectile", formula: "L = L0 + L1 g, squared residuals above the line weighted τ and below 1 − τ",
        source: "Newey and Powell 1987", isSmooth: true, level: \.expectile,
        fit: { $0.expectile($1.expectile, isConstrained: $2) },
        heading: { level, style in
            "Expectile τ = \(style.short(level)): squared error + \(style.short(level / (1 - level) - 1)) × squared undershoot"
        },
        replicate: { lines, work in
            let (level, start) = (work.options.expectile, work.scaled.scaled(lines.bounded))
            return { resample in
                let drawn = resample.drawn
                let free = resample.freeLine.flatMap { _ in
                    drawn.expectile(level, isConstrained: false, from: start)
                }
                return drawn.boundedReplicate(free) { drawn.expectile(level, isConstrained: true, from: start) }
            }
        })
}

extension FitReport {
    public var expectile: FittedValues { required(.expectile) }
}
