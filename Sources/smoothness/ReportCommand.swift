import Analysis
import ArgumentParser
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
    @OptionGroup var replace: ReplaceOption
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
        try replace.check(output, inputs: [input]) { [$0.lowercased().hasSuffix(".md") ? .markdown : .page] }
        let points = try PointsInput(path: input)
        for path in output { try refuseInput(as: path, inputs: [points.origin?.path]) }
        var options = AdviceOptions()
        options.fit = fitting.options
        laws.apply(to: &options.fit)
        options.epsilon = epsilon
        options.settings = points.origin.flatMap { RunStepSettings(optimizer: $0.optimizer) }
        options.measuredNoise = points.origin?.noise
        let page = try naming(input) {
            var report = try fit(points.points, options: options.fit)
            report.warn(ofMeasurement: points.warnings, formula: points.formula)
            return ReportPage(
                title: title ?? points.title, points: points.points, fit: report,
                advice: try advise(points.points, options: options),
                controls: try controls(points) + ReportControl.controls(of: report, points.points),
                about: try about(points), provenance: try provenance(points), commands: try commands(points))
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

    /// The definition, in sentences.
    private func about(_ input: PointsInput) throws -> [String] {
        guard let origin = input.origin else { return [] }
        let header = try EstimatesFileReader(origin.path).header
        let gammas = header.gammas.map { "\($0)" }.joined(separator: ", ")
        let definition = origin.definition
        let choices = ["norm", "precision", "direction", "mode", "control", "evaluation masks"].compactMap { name in
            definition[name].map { "\(name.replacing("evaluation ", with: "")) \($0)" }
        }
        let configuration = header.configuration
        let d = configuration.direction == .step ? "xₖ₊₁ − xₖ" : "a vector as long as xₖ₊₁ − xₖ"
        let usual = "the largest ‖∇f_S(xₖ + γd) − ∇f_S(xₖ)‖ / ‖γd‖ over γ = \(gammas), d = \(d)"
        let isSame = configuration.control != .freshSubset && ![.gluon, .zhangCode].contains(configuration.mode)
        return [
            "L̂(xₖ) is \(configuration.smoothnessFormula ?? usual); S are \(header.components.count) components of the data"
                + "\(isSame ? ", the same at both points" : "") (\(choices.joined(separator: ", ")))."
        ]
    }

    private func provenance(_ input: PointsInput) throws -> [(name: String, value: String)] {
        guard let origin = input.origin else { return [("points", Console.absolute(self.input))] }
        let header = try EstimatesFileReader(origin.path).header
        func list(_ json: String) -> String {
            EstimatesOrigin.definition(of: json).sorted { $0.key < $1.key }
                .map { "\($0.key.replacing("_", with: " ")) \($0.value)" }.joined(separator: "; ")
        }
        return [
            ("run", "\(header.runFile), \(header.runID)"), ("digest of the run", header.runDigest),
            ("objective", list(origin.objective)), ("optimizer", list(origin.optimizer)),
            ("definition", list(origin.configuration)), ("components", "\(header.components.count)"),
            ("estimated", "\(header.created) by \(header.software) \(header.softwareVersion)"),
        ]
    }

    private func commands(_ input: PointsInput) throws -> [String] {
        let options = laws.arguments + fitting.arguments
        let fit = Escaping.shell(["smoothness", "fit", Escaping.argument(path: self.input)] + options)
        guard let origin = input.origin else { return [fit] }
        let header = try EstimatesFileReader(origin.path).header
        // Below the working folder as one would type it.
        let here = FileManager.default.currentDirectoryPath + "/"
        let file = origin.path.hasPrefix(here) ? String(origin.path.dropFirst(here.count)) : origin.path
        let estimate = try estimateCommand(header, file: file)
        let run = header.root.origin.runPath(named: header.runFile, besideFile: file)
        // Runs of other programs have no command here.
        let train = try? trainCommand(objective: header.objective, optimizer: header.optimizer, file: run)
        let epsilon = self.epsilon.map { ["--epsilon", "\($0)"] } ?? []
        return (train.map { $0 == estimate ? [] : [$0] } ?? []) + [
            estimate, fit,
            Escaping.shell(["smoothness", "advise", Escaping.argument(path: self.input)] + options + epsilon),
            Escaping.shell(["smoothness", "plot", Escaping.argument(path: self.input)] + fitting.arguments),
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
            floorRows == 0
                ? nil
                : ReportControl(
                    "floors", "rows safe from rounding and noise to 1 %", count: (safeRows, floorRows),
                    meaning: "the floors of rounding and repeatability change L̂ by at most 1 % there"),
            hessianRows == 0
                ? nil
                : ReportControl(
                    "hessian", "rows where Lanczos' method came to its tolerance",
                    count: (hessianRows - unconvergedRows, hessianRows),
                    meaning: "elsewhere the norm of the Hessian is a lower bound"),
        ].compactMap(\.self)
    }
}
