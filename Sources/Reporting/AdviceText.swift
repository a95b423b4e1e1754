import Essentials
import Fitting
import Foundation

extension AdviceReport {
    /// The advice for people: constants, regime, then theorem by theorem.
    public func text(significantDigits digits: Int = 4) -> String { AdviceText(report: self, digits: digits).text() }

    public func json() throws -> String { try jsonDocument(self) }

    /// One row a number: `theorem, quantity, value, lower, upper, run_satisfies, reason`.
    public func table() -> Table {
        var table = Table(columns: ["theorem", "quantity", "value", "lower", "upper", "run_satisfies", "reason"])
        func add(_ theorem: String, _ quantity: String, _ estimate: Estimate?, _ satisfies: Bool?, _ reason: String?) {
            table.append([
                .string(theorem), .string(quantity), .optional(estimate?.value), .optional(estimate?.lower),
                .optional(estimate?.upper), .optional(satisfies.map { $0 ? "yes" : "no" }), .optional(reason),
            ])
        }
        add("constants", "L0", L0, nil, nil)
        add("constants", "L1", L1, nil, nil)
        add("constants", "critical_norm", criticalNorm, nil, nil)
        for theorem in theorems {
            let numbers = theorem.numbers
            if numbers.isEmpty { add(theorem.name, "none", nil, nil, theorem.reasonWithoutNumbers) }
            for (quantity, estimate) in numbers {
                add(theorem.name, quantity, estimate, theorem.runSatisfies, estimate.reasonWithoutInterval)
            }
        }
        return table
    }

    /// The lines that a user of PyTorch would paste, for the theorems that give a step size.
    /// - Parameter name: One theorem; all by default.
    public func pytorch(theorem name: String? = nil) -> String {
        let chosen = theorems.filter { $0.stepSize != nil && (name == nil || $0.name == name) }
        guard !chosen.isEmpty else {
            return "# No theorem gives a step size for these constants: see smoothness advise without --optimizer.\n"
        }
        return chosen.map(Self.pytorch).joined(separator: "\n")
    }

    private static func pytorch(_ advice: TheoremAdvice) -> String {
        func number(_ value: Double) -> String { significant(value, digits: 4) }
        guard let step = advice.stepSize?.value else { return "" }
        // Comments end with their lines.
        var lines = ["# " + Escaping.terminal("\(advice.source), \(advice.algorithm): \(advice.rule)")]
        if let comparison = advice.runComparison { lines.append("# " + Escaping.terminal(comparison)) }
        if advice.name == "gorbunov", let longest = advice.longestStep?.value {
            lines += [
                "optimizer = torch.optim.SGD(model.parameters(), lr=\(number(step)))",
                "# before optimizer.step(), with g the norm of all gradients: lr = \(number(step)) / (1 + g * \(number(step / longest)))",
                "g = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=float(\"inf\"))",
                "for group in optimizer.param_groups: group[\"lr\"] = \(number(step)) / (1 + float(g) * \(number(step / longest)))",
            ]
            return lines.joined(separator: "\n") + "\n"
        }
        if let beta = advice.momentum, beta > 0, let longest = advice.longestStep?.value {
            lines += momentumClipping(beta: number(beta), step: number(step), longest: number(longest))
            return lines.joined(separator: "\n") + "\n"
        }
        lines.append("optimizer = torch.optim.SGD(model.parameters(), lr=\(number(step)))")
        if let clipNorm = advice.clipNorm?.value {
            lines += [
                "# after loss.backward(), before optimizer.step():",
                "torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=\(number(clipNorm)))",
            ]
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

/// ν = 1 of Algorithm 1 [I], which no optimizer of PyTorch has: the momentum is clipped, not the gradient.
private func momentumClipping(beta: String, step: String, longest: String) -> [String] {
    [
        "momenta = [torch.zeros_like(p) for p in model.parameters()]",
        "# after loss.backward(), in place of optimizer.step(); clips the momentum m = \(beta) m + (1 − \(beta)) g, not the gradient:",
        "with torch.no_grad():",
        "    for m, p in zip(momenta, model.parameters()): m.lerp_(p.grad, 1 - \(beta))",
        "    norm = float(torch.linalg.vector_norm(torch.stack([m.norm() for m in momenta])))",
        "    size = min(\(step), \(longest) / norm) if norm > 0 else 0.0",
        "    for m, p in zip(momenta, model.parameters()): p.sub_(m, alpha=size)",
    ]
}

extension TheoremAdvice {
    /// The numbers that there are, under stable names.
    var numbers: [(String, Estimate)] {
        [
            ("step_size", stepSize), ("clip_norm", clipNorm), ("longest_step", longestStep), ("iterations", iterations),
            ("fewest_iterations", fewestIterations),
        ].compactMap { name, estimate in estimate.map { (name, $0) } }
    }
}

private struct AdviceText {
    let report: AdviceReport
    let digits: Int

    func text() -> String {
        var lines = heading + regime + inputs
        for theorem in report.theorems { lines += [""] + section(theorem) }
        if !report.missing.isEmpty {
            lines += ["", "Not given"] + report.missing.map { "  - \($0)" }
        }
        if !report.warnings.isEmpty {
            lines += ["", report.warnings.count == 1 ? "1 WARNING" : "\(report.warnings.count) WARNINGS"]
            lines += report.warnings.map { "  ! \($0)" }
        }
        return lines.map { Escaping.terminal($0) }.joined(separator: "\n") + "\n"
    }

    private var heading: [String] {
        [
            "What the theorems say for L0 and L1 of the \(report.line) line "
                + "(\(significant(100 * report.confidence, digits: 3)) % intervals, carried through from those of L0 and L1)",
            "  L0 = \(estimate(report.L0))", "  L1 = \(estimate(report.L1))",
            "  \(significant(100 * report.shareAbove, digits: 3)) % of the points lie above this line: there the step sizes are not covered",
        ]
    }

    private var regime: [String] {
        let seen = "‖∇f‖ seen: \(number(report.gradientNorm.minimum)) to \(number(report.gradientNorm.maximum))"
        guard let critical = report.criticalNorm, let share = report.shareAboveCritical else {
            return ["  " + judgementOfNoSlope + "; \(seen)"]
        }
        let regime =
            critical.value == 0 || share > 0.9
            ? "L grows with ‖∇f‖ almost throughout"
            : share < 0.1 ? "L is nearly constant almost throughout" : "both regimes occur"
        return [
            "  L0/L1 = \(estimate(critical)): below it L0 rules, above it L1 ‖∇f‖; \(seen)",
            "  \(significant(100 * share, digits: 3)) % of the points lie above L0/L1: \(regime)"
                + (report.L1.lower == 0 ? "; the interval of L1 reaches 0, so that growth is not shown" : ""),
        ]
    }

    /// What may be said where the fitted L1 is 0: that depends on how far its interval reaches.
    private var judgementOfNoSlope: String {
        guard let upper = report.L1.upper else {
            return "L1 = 0, without an interval: whether smoothness grows with the gradient norm cannot be said"
        }
        let growth = upper * report.gradientNorm.maximum
        guard growth > 0.1 * report.L0.value else {
            return "L1 = 0 [0, \(number(upper))]: over the gradient norms seen smoothness grows by less than a tenth of L0, and clipping is not "
                + "called for"
        }
        return "L1 = 0 [0, \(number(upper))]: not determined; at the upper end L1‖∇f‖ reaches \(number(growth)) at the largest gradient norm seen, "
            + "beside L0 = \(number(report.L0.value)), so that whether clipping is called for cannot be said"
    }

    private var inputs: [String] {
        var lines: [String] = []
        if let epsilon = report.epsilon { lines.append("  ε = \(number(epsilon))") }
        if let gap = report.gap { lines.append("  Δ = \(number(gap))  (\(report.gapOrigin ?? "given"))") }
        if let noise = report.noise {
            let scale = noise.noiseScale.map { ", noise scale tr Σ/‖∇f‖² \(number($0)) components" } ?? ""
            lines.append(
                "  σ = \(number(noise.largest)) at most, \(number(noise.median)) median\(scale)  (\(noise.origin))")
        }
        if let settings = report.settings {
            let clip = settings.clipNorm.map { "clip norm \(number($0))" } ?? "no clipping"
            lines.append(
                "  the run: \(settings.algorithm), learning rate \(number(settings.learningRate)), \(clip), β = "
                    + number(settings.momentum))
        }
        return lines
    }

    private func section(_ advice: TheoremAdvice) -> [String] {
        var lines = ["\(advice.source): \(advice.algorithm)", "  \(advice.rule)"]
        let names = [
            "step_size": "step size", "clip_norm": "clip norm", "longest_step": "longest step",
            "iterations": "iterations at most", "fewest_iterations": "iterations at least",
        ]
        lines += advice.numbers.map { name, value in
            "  \((names[name] ?? name).padding(toLength: 20, withPad: " ", startingAt: 0)) \(estimate(value))"
        }
        if let reason = advice.reasonWithoutNumbers { lines.append("  no numbers: \(reason)") }
        if let comparison = advice.runComparison {
            lines.append("  \(advice.runSatisfies == true ? "kept" : "not kept"): \(comparison)")
        }
        let open = advice.assumptions.filter { $0.state == .notCheckable }.map(\.statement)
        if !open.isEmpty { lines.append("  assumed: \(open.joined(separator: "; "))") }
        return lines
    }

    private func estimate(_ estimate: Estimate) -> String {
        if let lower = estimate.lower, estimate.upper == nil {
            return
                "\(number(estimate.value))  [\(number(lower)), ∞)  (\(estimate.reasonWithoutInterval ?? "no upper end"))"
        }
        guard let lower = estimate.lower, let upper = estimate.upper else {
            return number(estimate.value) + (estimate.reasonWithoutInterval.map { "  (no interval: \($0))" } ?? "")
        }
        return "\(number(estimate.value))  [\(number(lower)), \(number(upper))]"
    }

    private func number(_ value: Double) -> String { significant(value, digits: digits) }
}
