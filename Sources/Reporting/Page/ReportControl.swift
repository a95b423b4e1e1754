import Essentials
import Fitting

/// A number that tells curvature from artefact, over all rows of an estimate.
public struct ReportControl: Sendable {
    /// A stable name, as `triangle_cap`.
    public var name: String
    /// What it is, for people.
    public var label: String
    /// The middle over the rows with the smallest and the largest; `nil` where rows are counted.
    public var spread: (smallest: Double, median: Double, largest: Double)?
    /// Rows that pass, of how many.
    public var count: (passed: Int, of: Int)?
    /// What it means.
    public var meaning: String

    public init(
        _ name: String, _ label: String, spread: (smallest: Double, median: Double, largest: Double)? = nil,
        count: (passed: Int, of: Int)? = nil, meaning: String
    ) {
        (self.name, self.label, self.spread, self.count, self.meaning) = (name, label, spread, count, meaning)
    }

    /// The values that are finite, if any.
    public static func spread(_ values: [Double]) -> (smallest: Double, median: Double, largest: Double)? {
        let sorted = values.filter(\.isFinite).sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        return (first, (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2, last)
    }

    /// What the fit itself knows: 2/η_eff, L̂·η_eff/2, L1‖d‖ and the points left out.
    public static func controls(of fit: FitReport, _ points: SmoothnessPoints) -> [ReportControl] {
        var controls: [ReportControl] = []
        let usable = (try? points.usable().points) ?? points
        if let steps = usable.effectiveLearningRate {
            let references = steps.map { $0 > 0 ? 2 / $0 : .nan }
            if let spread = spread(references) {
                controls.append(
                    ReportControl(
                        "edge", "2/η_eff, η_eff = ‖d‖/‖∇f(xₖ)‖", spread: spread,
                        meaning: "where the smoothness hovers at the edge of stability; drawn as crosses"))
            }
            if let spread = spread(zip(usable.smoothness, steps).map { $0 * $1 / 2 }) {
                controls.append(
                    ReportControl(
                        "edge_ratio", "L̂·η_eff/2", spread: spread,
                        meaning: "near 1 throughout, it is the step size that is measured"))
            }
        }
        if let steps = usable.stepNorm,
            let spread = spread(steps.map { fit.leastSquares.slope.value * $0 })
        {
            controls.append(
                ReportControl(
                    "neighbourhood", "L1·‖d‖, L1 of least squares", spread: spread,
                    meaning: "above 1 a step leaves the neighbourhood in which (L0, L1)-smoothness is defined"))
        }
        let counts = fit.points
        let reasons = LeftOutReason.allCases.filter { counts[$0] > 0 }.map { "\(counts[$0]): \($0.explanation)" }
        controls.append(
            ReportControl(
                "points_used", "points that are fitted", count: (counts.used, counts.given),
                meaning: reasons.isEmpty ? "none was left out" : "left out " + reasons.joined(separator: "; ")))
        return controls
    }

    var json: JSONValue {
        var members: [(String, JSONValue)] = [("name", .string(name))]
        if let spread {
            members += [
                ("smallest", .number(spread.smallest)), ("median", .number(spread.median)),
                ("largest", .number(spread.largest)),
            ]
        }
        if let count { members += [("passed", .integer(count.passed)), ("of", .integer(count.of))] }
        return .object(members)
    }

    private var cells: (value: String, range: String) {
        if let spread {
            let ends = [spread.smallest, spread.largest].map { significant($0, digits: 4) }
            return (significant(spread.median, digits: 4), ends.joined(separator: " to "))
        }
        return count.map { ("\($0.passed) of \($0.of)", "") } ?? ("", "")
    }

    static func section(_ controls: [ReportControl]) -> String {
        guard !controls.isEmpty else { return "" }
        let rows = controls.map { control in
            let value = control.spread.map { "\($0.median)" } ?? control.count.map { "\($0.passed)" } ?? ""
            return
                "<tr data-control=\"\(control.name)\"><th scope=\"row\">\(Escaping.html(control.label))</th>"
                + "<td class=\"number\" data-value=\"\(value)\">\(control.cells.value)</td><td>\(control.cells.range)</td>"
                + "<td>\(Escaping.html(control.meaning))</td></tr>"
        }
        return
            "<section aria-labelledby=\"controls\"><h2 id=\"controls\">Controls</h2>\n<div class=\"wide\"><table><thead><tr>"
            + header.map { "<th scope=\"col\">\($0)</th>" }.joined()
            + "</tr></thead><tbody>\n" + rows.joined(separator: "\n") + "</tbody></table></div></section>"
    }

    static let header = ["control", "median or count", "range over the iterates", "what it says"]

    var row: [String] { [label, cells.value, cells.range, meaning] }
}
