import Essentials
import Fitting
import Foundation

/// One page with everything about one estimate: opens from disk without a network, works by keyboard and screen reader, in light and
/// dark, and printed.
public struct ReportPage: Sendable {
    public var title: String
    public var points: SmoothnessPoints
    public var fit: FitReport
    public var advice: AdviceReport?
    /// What tells curvature from artefact, in the order of docs/method.md.
    public var controls: [ReportControl]
    /// What was measured and how, in sentences.
    public var about: [String]
    /// Where it comes from: names and values.
    public var provenance: [(name: String, value: String)]
    /// The commands that repeat it.
    public var commands: [String]

    public init(
        title: String, points: SmoothnessPoints, fit: FitReport, advice: AdviceReport?,
        controls: [ReportControl] = [], about: [String] = [], provenance: [(name: String, value: String)],
        commands: [String]
    ) {
        self.title = title
        self.points = points
        self.fit = fit
        self.advice = advice
        self.controls = controls
        self.about = about
        self.provenance = provenance
        self.commands = commands
    }

    /// The page as HTML 5 with its style, script and data inside.
    public func html() throws -> String {
        try HTMLDocument(
            title: title,
            content: """
                <p>\(Escaping.html(opening))</p>
                \(about.map { "<p>\(Escaping.html($0))</p>" }.joined(separator: "\n"))
                \(warningSection)
                \(scatterSection)
                <section aria-labelledby="fits"><h2 id="fits">Fits</h2>
                \(fitTable)
                \(comparisonTable)
                <details><summary>The whole report as text</summary><pre>\(Escaping.html(fit.text(), lineEnds: .kept, limit: nil))</pre></details>
                </section>
                \(adviceSection)
                \(ReportControl.section(controls))
                <section aria-labelledby="origin"><h2 id="origin">Where it comes from</h2>
                \(provenanceTable)</section>
                <section aria-labelledby="repeat"><h2 id="repeat">Commands that repeat it</h2>
                <pre>\(Escaping.html(commands.joined(separator: "\n"), lineEnds: .kept, limit: nil))</pre></section>
                """,
            data: data(), script: PageAssets.script
        ).text
    }

    private var opening: String {
        "Local smoothness against gradient norm: \(fit.points.used) of \(fit.points.given) iterates, iterations "
            + "\(fit.firstIteration) to \(fit.lastIteration), \(significant(fit.gradientNormDecades, digits: 3)) decades of ‖∇f‖."
    }

    /// The same as Markdown, for pull requests.
    public func markdown() -> String {
        func row(_ cells: [String]) -> String {
            "| " + cells.map(Escaping.markdown).joined(separator: " | ") + " |"
        }
        func table(_ header: [String], _ rows: [[String]]) -> [String] {
            ["", row(header), "|" + header.map { _ in "---|" }.joined()] + rows.map(row)
        }
        var lines = ["# \(Escaping.markdown(Escaping.label(title)))", "", Escaping.markdown(opening)]
        lines += about.flatMap { ["", Escaping.markdown($0)] }
        if !fit.warnings.isEmpty {
            lines += [""] + fit.warnings.map { "- **Warning:** \(Escaping.markdown($0.message))" }
        }
        lines += table(
            ["law", "quantity", "estimate", "\(confidence) % interval"],
            rows.map { [$0.law, $0.quantity, number($0.estimate.value), interval($0.estimate)] })
        lines += table(Self.comparisonHeader, comparisonRows)
        if let advice {
            lines += table(
                ["theorem", "step size", "clip norm", "the run"],
                advice.theorems.map { theorem in
                    [
                        theorem.source,
                        theorem.stepSize.map(withInterval) ?? theorem.reasonWithoutNumbers ?? "–",
                        theorem.clipNorm.map(withInterval) ?? "–", theorem.runComparison ?? "–",
                    ]
                })
        }
        if !controls.isEmpty { lines += table(ReportControl.header, controls.map(\.row)) }
        lines += table(["", ""], provenance.map { [$0.name, $0.value] })
        // Longer than any row of backquotes that the commands hold.
        let fence = String(repeating: "`", count: max(3, 1 + (commands.map(longestRowOfBackquotes).max() ?? 0)))
        lines += ["", fence + "sh"] + commands + [fence]
        return lines.joined(separator: "\n") + "\n"
    }

    private func longestRowOfBackquotes(_ text: String) -> Int {
        text.utf8.split { $0 != UInt8(ascii: "`") }.map(\.count).max() ?? 0
    }

    /// The estimates of all laws, without scores and shares.
    private var rows: [(law: String, quantity: String, estimate: Estimate)] {
        fit.numbers.compactMap { row in
            guard let estimate = row.estimate, row.quantity != "level", !row.model.hasPrefix("comparison_"),
                row.model != "points"
            else { return nil }
            return (row.modelLabel, row.quantityLabel, estimate)
        }
    }

    private static let comparisonHeader = [
        "compared as predictions of L", "BIC less the least", "prediction error in blocks left out (constant = 1)",
    ]

    private var comparisonRows: [[String]] {
        fit.comparison.scores.map { score in
            let error = score.relativeError.map { relative in
                number(relative)
                    + (score.relativeDifferenceError.map { $0 > 0 ? " ± \(significant($0, digits: 2))" : " (least)" }
                        ?? "")
            }
            return [
                score.formula, score.bicDifference.map { significant($0, digits: 3) } ?? "undefined",
                error ?? "undefined",
            ]
        }
    }

    private var comparisonTable: String {
        "<div class=\"wide\"><table><thead><tr>"
            + Self.comparisonHeader.map { "<th scope=\"col\">\($0)</th>" }.joined() + "</tr></thead><tbody>\n"
            + comparisonRows.map { cells in
                "<tr><th scope=\"row\">\(Escaping.html(cells[0]))</th>"
                    + cells.dropFirst().map { "<td class=\"number\">\($0)</td>" }.joined() + "</tr>"
            }.joined(separator: "\n") + "</tbody></table></div>"
    }

    private var warningSection: String {
        guard !fit.warnings.isEmpty else { return "<p>No warnings.</p>" }
        return "<section aria-labelledby=\"warnings\"><h2 id=\"warnings\">Warnings</h2>\n<ul class=\"warnings\">"
            + fit.warnings.map { "<li data-code=\"\($0.code.rawValue)\">\(Escaping.html($0.message))</li>" }
            .joined()
            + "</ul></section>"
    }

    private var scatterSection: String {
        """
        <section aria-labelledby="scatter"><h2 id="scatter">Scatter</h2>
        <fieldset><legend>Axes</legend>
        <label><input type="radio" name="axes" value="log" checked> logarithmic</label>
        <label><input type="radio" name="axes" value="linear"> linear</label>
        </fieldset>
        <p><label for="until">Iterates up to iteration <output id="shown" for="until">\(fit.lastIteration)</output></label>
        <input type="range" id="until" min="\(fit.firstIteration)" max="\(fit.lastIteration)" value="\(fit.lastIteration)"></p>
        <div class="wide"><svg id="plot" viewBox="0 0 760 520" role="img" aria-labelledby="plot-title plot-text" data-axes="log">
        <title id="plot-title">Local smoothness against gradient norm</title>
        <desc id="plot-text">Every point is an iterate, its colour the iteration; lines are the fits, small crosses the step size's 2/η_eff. The numbers are in the table of fits.</desc>
        </svg></div>
        <p>Colours are iterations, from violet (the first) to yellow (the last); crosses are 2/η_eff, near which L̂ hovers at the edge of stability.</p>
        <p id="hover" aria-live="polite">Point at an iterate, or move to one with the Tab and arrow keys, for its numbers.</p>
        <noscript>The picture needs a script; all numbers are in the tables below.</noscript>
        </section>
        """
    }

    private var fitTable: String {
        let body = rows.map { row in
            "<tr><th scope=\"row\">\(Escaping.html(row.law))</th><td>\(Escaping.html(row.quantity))</td>"
                + "<td class=\"number\" data-value=\"\(row.estimate.value)\">\(number(row.estimate.value))</td>"
                + "<td>\(interval(row.estimate))</td></tr>"
        }
        return
            "<div class=\"wide\"><table><thead><tr><th scope=\"col\">law</th><th scope=\"col\">quantity</th><th scope=\"col\">estimate</th>"
            + "<th scope=\"col\">\(confidence) % interval</th></tr></thead><tbody>\n"
            + body.joined(separator: "\n") + "</tbody></table></div>"
    }

    private var adviceSection: String {
        guard let advice else { return "" }
        let body = advice.theorems.map { theorem in
            let numbers = [theorem.stepSize, theorem.clipNorm, theorem.longestStep, theorem.iterations]
                .map { "<td class=\"number\">\($0.map(cell) ?? "–")</td>" }.joined()
            let note = [theorem.reasonWithoutNumbers, theorem.runComparison].compactMap(\.self).joined(separator: "; ")
            return
                "<tr><th scope=\"row\">\(Escaping.html(theorem.source))</th>\(numbers)<td>\(Escaping.html(note))</td></tr>"
        }
        return
            "<section aria-labelledby=\"advice\"><h2 id=\"advice\">Advice</h2>\n<p>For L0 = \(withInterval(advice.L0)) and L1 = "
            + "\(withInterval(advice.L1)) of the \(Escaping.html(advice.line)) line; intervals are carried through from these.</p>\n<div class=\"wide\"><table><thead><tr><th scope=\"col\">theorem</th>"
            + ["step size", "clip norm", "longest step", "iterations at most", "note"]
            .map { "<th scope=\"col\">\($0)</th>" }.joined()
            + "</tr></thead><tbody>\n" + body.joined(separator: "\n") + "</tbody></table></div></section>"
    }

    private var provenanceTable: String {
        "<div class=\"wide\"><table><tbody>"
            + provenance.map {
                "<tr><th scope=\"row\">\(Escaping.html($0.name))</th><td>\(Escaping.html($0.value))</td></tr>"
            }
            .joined(separator: "\n") + "</tbody></table></div>"
    }

    /// What the script draws: points, lines, and the whole fit.
    private func data() throws -> String {
        let usable = try points.usable().points
        let drawn: JSONValue = [
            "points": .array(
                usable.iteration.indices.map { index in
                    let step = usable.effectiveLearningRate?[index] ?? .nan
                    return [
                        .integer(usable.iteration[index]), .number(usable.gradientNorm[index]),
                        .number(usable.smoothness[index]), step > 0 && (2 / step).isFinite ? .number(2 / step) : .null,
                    ]
                }),
            "curves": .array(LawCurve.drawn(fit).map { $0.json(over: usable.gradientNorm) }),
        ]
        // No text of the data may end the script element.
        let controls = JSONValue.array(self.controls.map(\.json)).text(expandedDepth: 0)
        let advice = try self.advice?.json() ?? "null"
        return
            Escaping.jsonInHTML(
                "{\"drawn\":\(drawn.text(expandedDepth: 0)),\"controls\":\(controls),\"advice\":\(advice),\"fit\":\(try fit.json())}"
            )
    }

    private func number(_ value: Double) -> String { significant(value, digits: 4) }

    private func interval(_ estimate: Estimate) -> String {
        guard let lower = estimate.lower else { return "" }
        guard let upper = estimate.upper else { return "[\(number(lower)), ∞)" }
        return "[\(number(lower)), \(number(upper))]" + (estimate.intervalMethod == .profile ? " at the bound 0" : "")
    }

    private func withInterval(_ estimate: Estimate) -> String {
        [number(estimate.value), interval(estimate)].filter { !$0.isEmpty }.joined(separator: " ")
    }

    private func cell(_ estimate: Estimate) -> String {
        let interval = interval(estimate)
        return number(estimate.value) + (interval.isEmpty ? "" : "<br><small>\(interval)</small>")
    }

    private var confidence: String { significant(100 * fit.bootstrap.confidence, digits: 3) }
}
