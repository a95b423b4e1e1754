/// The warnings of a report that is otherwise complete, in the order of `FitWarning.Code`.
func warnings(
    for report: FitReport, blockCount: Double, lostReplicates: Int, repeatedIterations: Int
) -> [FitWarning] {
    var warnings: [FitWarning] = []
    func warn(_ code: FitWarning.Code, _ message: String) {
        warnings.append(FitWarning(code: code, message: message))
    }

    let counts = report.points
    if counts.leftOut > 0 {
        let reasons = LeftOutReason.allCases.filter { counts[$0] > 0 }
            .map { "\(counts[$0]) (\($0.explanation))" }
        warn(
            .pointsLeftOut,
            "\(counts.leftOut) of \(counts.given) points were left out: " + reasons.joined(separator: ", "))
    }
    if counts.used < 20 {
        warn(.fewPoints, "only \(counts.used) points: fewer than 20 say little about L0 and L1")
    }
    if report.bootstrap.replicates > 0, blockCount < 10 {
        warn(
            .fewBlocks,
            "the points are worth about \(short(blockCount)) independent blocks of \(report.bootstrap.blockLength): the "
                + "intervals cover less often than they say")
    }
    if report.gradientNormDecades < 1 {
        warn(
            .narrowGradientNorm,
            "the gradient norm spans \(short(report.gradientNormDecades)) decades, less than one: L0 and L1 can hardly be "
                + "told apart")
    }
    warnOfBounds(report, warn)
    warnOfStepSizes(report, warn)
    warnOfExponent(report.powerLaw.exponent, warn)
    if lostReplicates > 0 {
        warn(
            .replicatesLost,
            "\(lostReplicates) of \(report.bootstrap.replicates) resamples had one gradient norm only and gave no line")
    }
    if repeatedIterations > 0 {
        warn(
            .repeatedIterations,
            "\(repeatedIterations) points have the iteration of another one: points of several runs must not be one series; give "
                + "each run a file of its own, and --by run or --by joint")
    }
    for (name, line) in [("expectile line", report.expectile), ("quantile line", report.quantile)]
    where (line.level ?? 0) > 0.5 && line.shareAbove > 0.1 {
        warn(
            .pointsAboveUpperFit,
            "\(short(100 * line.shareAbove)) % of the points lie above the \(name) (τ = \(short(line.level ?? 0))): it is no upper "
                + "bound of the smoothness seen")
    }
    if report.theilSen.intercept.value < 0 || report.theilSen.slope.value < 0 {
        warn(
            .negativeTheilSen,
            "the robust line of Theil and Sen, which knows no bounds, has a negative "
                + (report.theilSen.slope.value < 0 ? "L1" : "L0"))
    }
    return warnings
}

private func warnOfBounds(_ report: FitReport, _ warn: (FitWarning.Code, String) -> Void) {
    let bounds = [
        (report.leastSquares.interceptOnBound, "L0 of least squares"),
        (report.leastSquares.slopeOnBound, "L1 of least squares"),
        (report.expectile.interceptOnBound, "L0 of the expectile line"),
        (report.expectile.slopeOnBound, "L1 of the expectile line"),
        (report.quantile.interceptOnBound, "L0 of the quantile line"),
        (report.quantile.slopeOnBound, "L1 of the quantile line"),
        (report.upperEnvelope.interceptOnBound, "L0 of the upper envelope"),
        (report.upperEnvelope.slopeOnBound, "L1 of the upper envelope"),
    ].filter(\.0).map(\.1)
    guard !bounds.isEmpty else { return }
    warn(
        .coefficientOnBound,
        bounds.joined(separator: ", ") + (bounds.count == 1 ? " sits" : " sit") + " on the bound 0")
}

extension DecisivePoint {
    var warning: FitWarning {
        func text(_ estimate: Estimate) -> String {
            guard let lower = estimate.lower, let upper = estimate.upper else { return short(estimate.value) }
            return "\(short(estimate.value)) [\(short(lower)), \(short(upper))]"
        }
        return FitWarning(
            code: .pointDecides,
            message:
                "iteration \(iteration) alone (‖∇f‖ = \(short(gradientNorm)), L = \(short(smoothness))) decides the line of least "
                + "squares: without it L0 = \(text(intercept)), L1 = \(text(slope))")
    }
}

private func warnOfStepSizes(_ report: FitReport, _ warn: (FitWarning.Code, String) -> Void) {
    if report.stepSize == nil, report.neighbourhood == nil {
        warn(
            .stepSizeUnknown,
            "without step sizes (a column step_norm) it cannot be judged whether L̂ follows 2/η_eff, is √2‖∇f‖/‖d‖ as of independent "
                + "minibatches, or was measured beyond 1/L1")
    }
    if let step = report.stepSize, step.isOfIndependentMinibatches {
        warn(
            .independentMinibatches,
            "L̂·‖d‖/‖∇f‖ is √2 throughout (median \(short(2 * step.medianRatio)), spread of its log \(short(step.ratioLogSpread))), as gradients of "
                + "two independent minibatches give whatever the function: measure both ends of a step on the same data"
        )
    } else if let step = report.stepSize {
        // Three quarters of the variance of log L̂ is that of log 2/η_eff, or four points of five hover at 2/η_eff.
        let follows = (step.explainedShare ?? 0) >= 0.75
        if follows || step.hoveringShare >= 0.8 {
            let why =
                follows
                ? "2/η_eff has \(short(100 * (step.explainedShare ?? 0))) % of the variance of log L̂"
                : "\(short(100 * step.hoveringShare)) % of the points lie within a factor 1.25 of 2/η_eff"
            warn(
                .stepSizeReturned,
                "L̂ follows 2/η_eff (\(why); median of L̂·η_eff/2: \(short(step.medianRatio))): the fit may return the step size, not "
                    + "the smoothness")
        }
    }
    if let near = report.neighbourhood, near.largestProduct > 1 {
        warn(
            .beyondNeighbourhood,
            "L1·‖d‖ is up to \(short(near.largestProduct)), above 1 at \(short(100 * near.shareAboveOne)) % of the points: these "
                + "steps leave the neighbourhood 1/L1 in which (L0, L1)-smoothness is defined")
    }
}

private func warnOfExponent(_ exponent: Estimate, _ warn: (FitWarning.Code, String) -> Void) {
    if let lower = exponent.lower, let upper = exponent.upper, lower > 1 || upper < 1 {
        warn(
            .exponentIsNotOne,
            "the power law's exponent ρ = \(short(exponent.value)) [\(notOne(lower)), \(notOne(upper))] excludes 1, the slope of "
                + "pure L1-smoothness" + (upper < 1 && lower > 0 ? "; L0 > 0 alone bends it below 1" : ""))
    }
    if exponent.value >= 2 {
        warn(
            .exponentOutsideTheory,
            "the power law's exponent ρ = \(short(exponent.value)) is 2 or more, outside the theory of generalised smoothness"
        )
    }
}

/// A bound beside 1, with as many digits as show that it is not 1.
private func notOne(_ value: Double) -> String {
    (3...17).lazy.map { significant(value, digits: $0) }.first { Double($0) != 1 } ?? "\(value)"
}

/// Three significant digits, for sentences.
private func short(_ value: Double) -> String { significant(value, digits: 3) }
