import ArgumentParser
import Batching
import Essentials
import Estimation
import Fitting
import Foundation
import Reporting

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write one page with the scatter, fits, warnings, advice and provenance.",
        discussion: """
            The page (.html) opens from disk without a network. A name that ends in .md makes Markdown for a pull request.
            """)

    @Argument(help: "An estimates file, a run file or a CSV of points.", completion: .file())
    var input: String
    @Option(name: .shortAndLong, help: "Where to: .html or .md, once per file.", completion: .file())
    var output: [String]
    @Option(parsing: .unconditional, help: "ε of the advice.")
    var epsilon: Double?
    @Option(help: "The first line (default: what was measured).")
    var title: String?
    @OptionGroup(title: "What is fitted") var laws: FitLawOptions
    @OptionGroup(title: "Intervals") var fitting: FitOptionGroup

    func validate() throws {
        for path in output where !path.lowercased().hasSuffix(".html") && !path.lowercased().hasSuffix(".md") {
            throw ValidationError("\(path): a report ends in .html or .md")
        }
    }

    func run() throws {
        for path in output { try refuseInput(as: path, inputs: [input]) }
        let points = try PointsInput(path: input)
        for path in output { try refuseInput(as: path, inputs: [points.origin?.path]) }
        var options = AdviceOptions()
        options.fit = fitting.options
        laws.apply(to: &options.fit)
        options.epsilon = epsilon
        options.settings = points.origin.flatMap { RunStepSettings(optimizer: $0.optimizer) }
        options.measuredNoise = points.origin?.noise
        let page = try naming(input) {
            let report = try fit(points.points, options: options.fit)
            return ReportPage(
                title: title ?? points.title, points: points.points, fit: report,
                advice: try advise(points.points, options: options),
                controls: try controls(points) + ReportControl.controls(of: report, points.points),
                provenance: try provenance(points), commands: try commands(points))
        }
        for path in output {
            try deliver(path.lowercased().hasSuffix(".md") ? page.markdown() : page.html(), to: path)
        }
    }

    /// What the estimates file knows besides the points.
    private func controls(_ input: PointsInput) throws -> [ReportControl] {
        guard let origin = input.origin else { return [] }
        return EstimateControls(try EstimatesFileReader(origin.path).estimates()).forReport
    }

    private func provenance(_ input: PointsInput) throws -> [(name: String, value: String)] {
        guard let origin = input.origin else { return [("points", Console.absolute(self.input))] }
        let header = try EstimatesFileReader(origin.path).header
        return [
            ("run", "\(header.runFile), \(header.runID)"), ("digest of the run", header.runDigest),
            ("objective", origin.objective), ("optimizer", origin.optimizer), ("definition", origin.configuration),
            ("components", "\(header.components.count)"),
            ("estimated", "\(header.created) by \(header.software) \(header.softwareVersion)"),
        ]
    }

    private func commands(_ input: PointsInput) throws -> [String] {
        let fit = "smoothness fit \(self.input)" + (fitting.seed == 0 ? "" : " --seed \(fitting.seed)")
        guard let origin = input.origin else { return [fit] }
        let header = try EstimatesFileReader(origin.path).header
        return [
            (["smoothness estimate \(header.runFile)"] + header.configuration.arguments).joined(separator: " "), fit,
            "smoothness advise \(self.input)", "smoothness plot \(self.input)",
        ]
    }
}

extension EstimateControls {
    /// With what they mean.
    fileprivate var forReport: [ReportControl] {
        func control(_ name: String, _ label: String, _ spread: Spread?, _ meaning: String) -> ReportControl? {
            spread.map {
                ReportControl(name, label, spread: ($0.smallest, $0.median, $0.largest), meaning: meaning)
            }
        }
        return [
            control(
                "relative_error", "standard error of L̂ over L̂", relativeError,
                "jackknife over groups of the components of the subset"),
            control(
                "triangle_cap", "‖Δ(1)‖ over the triangle cap ‖g_k‖ + ‖g_k+1‖", triangleRatio,
                "at most 1; near 1 the two gradients are nearly opposite"),
            control("cosine", "cos(g_k, g_k+1)", cosine, "consecutive gradients; negative where steps overshoot"),
            ReportControl(
                "identity", "rows whose losses agree with their gradients",
                count: (rowCount - identityViolations, rowCount),
                meaning: "2|f(x+d) − f(x) − ⟨∇f(x), d⟩|/‖d‖² is at most the largest L̂(γ), up to the grid"),
            ReportControl(
                "floors", "rows safe from rounding and noise to 1 %", count: (safeRows, rowCount),
                meaning: "the floors of rounding and repeatability change L̂ by at most 1 % there"),
        ].compactMap(\.self)
    }
}
