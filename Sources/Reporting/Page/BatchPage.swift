import Essentials
import Fitting

/// One page that compares the runs of a batch: a table, their coefficients side by side with intervals, tests, and what failed. Opens from disk
/// without a network.
public struct BatchPage: Sendable {
    /// One run that could be fitted.
    public struct Run: Sendable {
        public var name: String
        public var fit: FitReport

        public init(name: String, fit: FitReport) {
            self.name = name
            self.fit = fit
        }
    }

    public var title: String
    public var summary: String
    /// One row a run.
    public var table: Table
    public var runs: [Run]
    /// Text; `nil` where the runs are not compared.
    public var comparison: String?
    public var failures: [(path: String, reason: String)]
    /// JSON
    public var definition: String
    public var command: String

    public init(
        title: String, summary: String, table: Table, runs: [Run], comparison: String?,
        failures: [(path: String, reason: String)], definition: String, command: String
    ) {
        self.title = title
        self.summary = summary
        self.table = table
        self.runs = runs
        self.comparison = comparison
        self.failures = failures
        self.definition = definition
        self.command = command
    }

    public func html() throws -> String {
        HTMLDocument(
            title: title,
            content: """
                <p>\(escaped(summary))</p>
                <p>\(escaped(spread("L0") { $0.leastSquares.intercept }))<br>\(escaped(spread("L1") { $0.leastSquares.slope }))</p>
                \(failureSection)
                \(section("intercept", "L0 of every run, with its interval", scrolled(chart { $0.leastSquares.intercept })))
                \(section("slope", "L1 of every run, with its interval", scrolled(chart { $0.leastSquares.slope })))
                \(section("runs", "Runs", tableText))
                \(warningSection)
                \(comparison.map { section("comparison", "Comparison", preformatted($0)) } ?? "")
                \(section("definition", "What was measured", preformatted(definition)))
                \(section("repeat", "The command that repeats it", preformatted(command)))
                """
        ).text
    }

    private func preformatted(_ text: String) -> String {
        "<pre>\(Escaping.html(text, lineEnds: .kept, limit: nil))</pre>"
    }

    private func section(_ identifier: String, _ heading: String, _ content: String) -> String {
        "<section aria-labelledby=\"\(identifier)\"><h2 id=\"\(identifier)\">\(escaped(heading))</h2>\n\(content)</section>"
    }

    /// What most runs have, said before hundreds of lines.
    private func spread(_ name: String, _ quantity: (FitReport) -> Estimate) -> String {
        let values = runs.map { quantity($0.fit).value }.filter(\.isFinite).sorted()
        guard values.count > 1 else { return "" }
        func at(_ share: Double) -> String {
            significant(values[Int((share * Double(values.count - 1)).rounded())], digits: 4)
        }
        return
            "\(name) over \(values.count) runs: median \(at(0.5)), half of them between \(at(0.25)) and \(at(0.75)), "
            + "all between \(at(0)) and \(at(1))."
    }

    /// Many runs get a window of their own, so that the rest of the page stays in reach.
    private func scrolled(_ content: String) -> String {
        runs.count > 40 ? "<div style=\"max-height: 45em; overflow-y: auto\">\(content)</div>" : content
    }

    private var warningSection: String {
        let items = runs.filter { !$0.fit.warnings.isEmpty }.map { run in
            let messages = run.fit.warnings.map { "<li>\(escaped($0.message))</li>" }.joined()
            return
                "<details><summary>\(escaped(run.name)): \(run.fit.warnings.count)</summary><ul class=\"warnings\">\(messages)</ul></details>"
        }
        return items.isEmpty ? "" : section("warnings", "Warnings", scrolled(items.joined(separator: "\n")))
    }

    private var failureSection: String {
        guard !failures.isEmpty else { return "<p>No run failed.</p>" }
        let items = failures.map { "<li>\(escaped($0.path)): \(escaped($0.reason))</li>" }.joined(separator: "\n")
        return section("failures", "Runs that failed", "<ul class=\"warnings\">\(items)</ul>")
    }

    private var tableText: String {
        let head = table.columns.map { "<th scope=\"col\">\(escaped($0))</th>" }.joined()
        let body = table.rows.map { row in
            "<tr>" + row.map { cell($0) }.joined() + "</tr>"
        }.joined(separator: "\n")
        return
            "<div style=\"overflow-x: auto\"><table><thead><tr>\(head)</tr></thead>\n<tbody>\(body)</tbody></table></div>"
    }

    private func cell(_ value: TableValue) -> String {
        switch value {
        case .number(let number): "<td class=\"number\">\(significant(number, digits: 4))</td>"
        case .integer(let number): "<td class=\"number\">\(number)</td>"
        case .bool(let flag): "<td>\(flag)</td>"
        case .string(let text): "<td>\(Escaping.html(text, limit: Escaping.longestLabel))</td>"
        case .missing: "<td>–</td>"
        }
    }

    /// A line for every run: its estimate, and the interval where there is one.
    private func chart(_ quantity: (FitReport) -> Estimate) -> String {
        let estimates = runs.map { (name: $0.name, estimate: quantity($0.fit)) }.filter { $0.estimate.value.isFinite }
        guard !estimates.isEmpty else { return "<p>No run could be fitted.</p>" }
        let ends = estimates.flatMap { [$0.estimate.value, $0.estimate.lower, $0.estimate.upper] }
            .compactMap(\.self).filter(\.isFinite)
        let (low, high) = (min(0, ends.min() ?? 0), max(ends.max() ?? 1, 1e-300))
        func place(_ value: Double) -> Double {
            190 + 540 * (min(max(value, low), high) - low) / max(high - low, 1e-300)
        }
        let height = 18 * estimates.count + 40
        var lines = [
            "<svg viewBox=\"0 0 760 \(height)\" role=\"img\" aria-label=\"one line a run, from \(significant(low, digits: 3)) to \(significant(high, digits: 3))\">",
            "<line class=\"frame\" x1=\"190\" x2=\"730\" y1=\"\(height - 30)\" y2=\"\(height - 30)\"/>",
            "<text x=\"190\" y=\"\(height - 12)\">\(significant(low, digits: 3))</text>",
            "<text x=\"730\" y=\"\(height - 12)\" text-anchor=\"end\">\(significant(high, digits: 3))</text>",
        ]
        for (row, (name, estimate)) in estimates.enumerated() {
            let y = 18 * row + 14
            let scalars = name.unicodeScalars
            let short = scalars.count > 26 ? "…" + String(scalars.suffix(25)) : name
            lines.append("<text x=\"180\" y=\"\(y + 4)\" text-anchor=\"end\">\(escaped(short))</text>")
            if let lower = estimate.lower, let upper = estimate.upper {
                lines.append(
                    "<line class=\"frame\" x1=\"\(place(lower))\" x2=\"\(place(upper))\" y1=\"\(y)\" y2=\"\(y)\"/>")
            }
            lines.append(
                "<circle cx=\"\(place(estimate.value))\" cy=\"\(y)\" r=\"4\" fill=\"#21918c\"><title>\(escaped(name)): \(significant(estimate.value, digits: 5))</title></circle>"
            )
        }
        return lines.joined(separator: "\n") + "\n</svg>"
    }

    private func escaped(_ text: String) -> String { Escaping.html(text) }
}
