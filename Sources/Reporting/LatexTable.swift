import Essentials
import Fitting
import Foundation

extension FitReport {
    /// The coefficients of all laws as a LaTeX table (booktabs).
    public func latex() -> String { LatexTable.laws(of: self) }
}

/// Tables for papers: plain `tabular`, with the rules of the package booktabs.
enum LatexTable {
    static func laws(of report: FitReport) -> String {
        var rows: [[String]] = []
        func add(_ name: String, _ quantity: String, _ estimate: Estimate?) {
            guard let estimate else { return }
            rows.append([name, "$\(quantity)$", number(estimate.value), interval(estimate)])
        }
        for law in Law.all {
            guard let fit = report[law] else { continue }
            for (place, quantity) in law.quantities.filter({ $0.latex != nil }).enumerated() {
                add(place == 0 ? law.latex(fit) : "", quantity.latex ?? "", fit.estimate(quantity.key))
            }
        }
        for kind in Correlation.all {
            if let latex = kind.latex { add(latex.name, latex.symbol, report.correlations.values.estimate(kind.key)) }
        }
        return table(
            "llrl", ["law", "", "estimate", "\(short(100 * report.bootstrap.confidence))\\,\\% interval"], rows,
            comment: "\(report.points.used) points; \(report.bootstrap.replicates) resamples, blocks of "
                + "\(report.bootstrap.blockLength), seed \(report.bootstrap.seed)")
    }

    /// One row a run: L0, L1, ρ and the rank correlation.
    static func lines(of runs: [(name: String, report: FitReport)]) -> String {
        let rows = runs.map { name, report in
            [Escaping.latex(name), "\(report.points.used)"]
                + [
                    report.leastSquares.intercept, report.leastSquares.slope, report.powerLaw.exponent,
                    report.correlations.spearman,
                ].map { estimate in
                    estimate.map { [number($0.value), interval($0)].filter { !$0.isEmpty }.joined(separator: " ") }
                        ?? "--"
                }
        }
        return table("lrllll", ["run", "$n$", "$L_0$", "$L_1$", "$\\rho$", "Spearman"], rows, comment: nil)
    }

    private static func table(_ alignment: String, _ header: [String], _ rows: [[String]], comment: String?) -> String {
        let lines =
            (comment.map { ["% " + $0] } ?? []) + [
                "% \\usepackage{booktabs}", "\\begin{tabular}{\(alignment)}", "\\toprule",
            ]
            + [header.joined(separator: " & ") + " \\\\", "\\midrule"]
            + rows.map { $0.joined(separator: " & ") + " \\\\" }
            + ["\\bottomrule", "\\end{tabular}"]
        return lines.joined(separator: "\n") + "\n"
    }

    private static func interval(_ estimate: Estimate) -> String {
        guard let lower = estimate.lower, let upper = estimate.upper else { return "" }
        return "[\(number(lower)), \(number(upper))]"
    }

    /// Four digits; an exponent as a power of ten.
    private static func number(_ value: Double) -> String {
        let text = significant(value, digits: 4)
        guard let marker = text.firstIndex(of: "e"), let exponent = Int(text[text.index(after: marker)...]) else {
            return "$\(text)$"
        }
        return "$\(text[..<marker]) \\cdot 10^{\(exponent)}$"
    }

    private static func short(_ value: Double) -> String { significant(value, digits: 3) }
}
