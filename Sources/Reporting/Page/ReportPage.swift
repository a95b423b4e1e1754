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
    /// What was measured and how, and where it comes from: names and values.
    public var provenance: [(name: String, value: String)]
    /// The commands that repeat it.
    public var commands: [String]

    public init(
        title: String, points: SmoothnessPoints, fit: FitReport, advice: AdviceReport?,
        controls: [ReportControl] = [], provenance: [(name: String, value: String)], commands: [String]
    ) {
        self.title = title
        self.points = points
        self.fit = fit
        self.advice = advice
        self.controls = controls
        self.provenance = provenance
        self.commands = commands
    }

    /// The page as HTML 5 with its style, script and data inside.
    public func html() throws -> String {
        try HTMLDocument(
            title: title,
            content: """
                <p>Local smoothness against gradient norm: \(fit.points.used) of \(fit.points.given) iterates, iterations \
                \(fit.firstIteration) to \(fit.lastIteration), \(significant(fit.gradientNormDecades, digits: 3)) decades of ‖∇f‖.</p>
                \(warningSection)
                \(scatterSection)
                <section aria-labelledby="fits"><h2 id="fits">Fits</h2>
                \(fitTable)
                <details><summary>The whole report as text</summary><pre>\(HTMLDocument.escaped(fit.text()))</pre></details>
                </section>
                \(adviceSection)
                \(ReportControl.section(controls))
                <section aria-labelledby="origin"><h2 id="origin">What was measured, and how</h2>
                \(provenanceTable)</section>
                <section aria-labelledby="repeat"><h2 id="repeat">Commands that repeat it</h2>
                <pre>\(HTMLDocument.escaped(commands.joined(separator: "\n")))</pre></section>
                """,
            scripts: """
                <script type="application/json" id="data">\(data())</script>
                <script>\(PageAssets.script)</script>
                """
        ).text
    }

    /// The same as Markdown, for pull requests.
    public func markdown() -> String {
        var lines = ["# \(title)", ""]
        lines.append(
            "\(fit.points.used) of \(fit.points.given) iterates, \(significant(fit.gradientNormDecades, digits: 3)) decades of ‖∇f‖."
        )
        if !fit.warnings.isEmpty { lines += [""] + fit.warnings.map { "- **Warning:** \($0.message)" } }
        lines += ["", "| law | quantity | estimate | interval |", "|---|---|---|---|"]
        lines += rows.map { row in
            "| \(row.model) | \(row.quantity) | \(number(row.estimate.value)) | \(interval(row.estimate)) |"
        }
        if let advice {
            lines += ["", "| theorem | step size | clip norm | the run |", "|---|---|---|---|"]
            lines += advice.theorems.map { theorem in
                let reason = theorem.reasonWithoutNumbers ?? "–"
                return "| \(theorem.source) | \(theorem.stepSize.map { number($0.value) } ?? reason) | "
                    + "\(theorem.clipNorm.map { number($0.value) } ?? "–") | \(theorem.runComparison ?? "–") |"
            }
        }
        lines += ReportControl.markdown(controls)
        lines +=
            ["", "| | |", "|---|---|"]
            + provenance.map { "| \($0.name) | \($0.value.replacing("|", with: "\\|")) |" }
        lines += ["", "```sh"] + commands + ["```"]
        return lines.joined(separator: "\n") + "\n"
    }

    /// The estimates of all laws, without scores and shares.
    private var rows: [(model: String, quantity: String, estimate: Estimate)] {
        fit.numbers.compactMap { row in
            guard let estimate = row.estimate, !row.model.hasPrefix("comparison_"), row.model != "points" else {
                return nil
            }
            return (row.model.replacing("_", with: " "), row.quantity.replacing("_", with: " "), estimate)
        }
    }

    private var warningSection: String {
        guard !fit.warnings.isEmpty else { return "<p>No warnings.</p>" }
        return "<section aria-labelledby=\"warnings\"><h2 id=\"warnings\">Warnings</h2>\n<ul class=\"warnings\">"
            + fit.warnings.map { "<li data-code=\"\($0.code.rawValue)\">\(HTMLDocument.escaped($0.message))</li>" }
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
        <p id="hover" aria-live="polite">Point at an iterate, or move to one with the Tab and arrow keys, for its numbers.</p>
        <noscript>The picture needs a script; all numbers are in the tables below.</noscript>
        </section>
        """
    }

    private var fitTable: String {
        let body = rows.map { row in
            "<tr><th scope=\"row\">\(HTMLDocument.escaped(row.model))</th><td>\(HTMLDocument.escaped(row.quantity))</td>"
                + "<td class=\"number\" data-value=\"\(row.estimate.value)\">\(number(row.estimate.value))</td>"
                + "<td>\(interval(row.estimate))</td></tr>"
        }
        return
            "<div class=\"wide\"><table><thead><tr><th scope=\"col\">law</th><th scope=\"col\">quantity</th><th scope=\"col\">estimate</th>"
            + "<th scope=\"col\">\(significant(100 * fit.bootstrap.confidence, digits: 3)) % interval</th></tr></thead><tbody>\n"
            + body.joined(separator: "\n") + "</tbody></table></div>"
    }

    private var adviceSection: String {
        guard let advice else { return "" }
        let body = advice.theorems.map { theorem in
            let numbers = [theorem.stepSize, theorem.clipNorm, theorem.longestStep, theorem.iterations]
                .map { "<td class=\"number\">\($0.map { number($0.value) } ?? "–")</td>" }.joined()
            let note = [theorem.reasonWithoutNumbers, theorem.runComparison].compactMap(\.self).joined(separator: "; ")
            return
                "<tr><th scope=\"row\">\(HTMLDocument.escaped(theorem.source))</th>\(numbers)<td>\(HTMLDocument.escaped(note))</td></tr>"
        }
        return
            "<section aria-labelledby=\"advice\"><h2 id=\"advice\">Advice</h2>\n<p>For L0 = \(number(advice.L0.value)) and L1 = "
            + "\(number(advice.L1.value)) of the \(HTMLDocument.escaped(advice.line)) line.</p>\n<div class=\"wide\"><table><thead><tr><th scope=\"col\">theorem</th>"
            + ["step size", "clip norm", "longest step", "iterations at most", "note"]
            .map { "<th scope=\"col\">\($0)</th>" }.joined()
            + "</tr></thead><tbody>\n" + body.joined(separator: "\n") + "</tbody></table></div></section>"
    }

    private var provenanceTable: String {
        "<table><tbody>"
            + provenance.map {
                "<tr><th scope=\"row\">\(HTMLDocument.escaped($0.name))</th><td>\(HTMLDocument.escaped($0.value))</td></tr>"
            }
            .joined(separator: "\n") + "</tbody></table>"
    }

    /// What the script draws: points, lines, and the whole fit.
    private func data() throws -> String {
        let usable = try points.usable().points
        func line(_ name: String, _ line: SmoothnessLine) -> JSONValue {
            ["name": .string(name), "L0": .number(line.intercept), "L1": .number(line.slope)]
        }
        let drawn: JSONValue = [
            "points": .array(
                usable.iteration.indices.map { index in
                    let step = usable.effectiveLearningRate?[index] ?? .nan
                    return [
                        .integer(usable.iteration[index]), .number(usable.gradientNorm[index]),
                        .number(usable.smoothness[index]), step > 0 && (2 / step).isFinite ? .number(2 / step) : .null,
                    ]
                }),
            "lines": [
                line("least squares", fit.leastSquares.line), line("quantile", fit.quantile.line),
                line("upper envelope", fit.upperEnvelope.line),
            ],
            "power": ["a": .number(fit.powerLaw.law.logIntercept), "rho": .number(fit.powerLaw.law.exponent)],
        ]
        // No text of the data may end the script element.
        let controls = JSONValue.array(self.controls.map(\.json)).text(expandedDepth: 0)
        let advice = try self.advice?.json() ?? "null"
        return
            "{\"drawn\":\(drawn.text(expandedDepth: 0)),\"controls\":\(controls),\"advice\":\(advice),\"fit\":\(try fit.json())}"
            .replacing("<", with: "\\u003c")
    }

    private func number(_ value: Double) -> String { significant(value, digits: 4) }

    private func interval(_ estimate: Estimate) -> String {
        guard let lower = estimate.lower, let upper = estimate.upper else { return "" }
        return "[\(number(lower)), \(number(upper))]"
    }
}
