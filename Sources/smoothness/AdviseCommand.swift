import Analysis
import ArgumentParser
import Essentials
import Estimation
import Fitting
import Foundation
import Reporting

struct AdviseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "advise",
        abstract: "Step sizes, clip norms and iteration bounds that the theorems give for the fitted L0 and L1.",
        discussion: """
            For every theorem of the papers: its step size, clip norm, longest step and, with --epsilon, its bound on the \
            iterations, with the intervals of L0 and L1 carried through, and whether the run's own settings keep to it. Where an \
            assumption is not met by the data there is no number but the reason.
            """)

    enum Optimizer: String, ExpressibleByArgument, CaseIterable { case pytorch }

    @Argument(help: "An estimates file, a run file or a CSV of points.", completion: .file())
    var input: String
    @Option(help: "The fitted line whose L0 and L1 are used: least-squares, expectile, quantile or upper-envelope.")
    var line = AdviceLine.quantile
    @Option(parsing: .unconditional, help: "ε, the gradient norm to be reached.")
    var epsilon: Double?
    @Option(parsing: .unconditional, help: "Δ = f(x₀) − f* (default: the first loss less f*).")
    var gap: Double?
    @Option(parsing: .unconditional, help: "σ, the noise of the gradients that training uses (default: as measured).")
    var noise: Double?
    @Option(parsing: .unconditional, help: "β of Algorithm 1 (default: the run's).")
    var momentum: Double?
    @Option(parsing: .unconditional, help: "M, the largest gradient norm (default: the largest seen).")
    var largestGradient: Double?
    @Option(
        parsing: .unconditional, help: "c₁, the mean cosine of component gradients, as smoothness align measures it.")
    var meanCosine: Double?
    @Flag(help: "Also the step of every block of the parameters.")
    var blocks = false
    @Option(help: "Print the lines to paste: pytorch.")
    var optimizer: Optimizer?
    @Option(help: "With --optimizer: one theorem by its name in the JSON, as improved-3.1.")
    var theorem: String?
    @OptionGroup var format: FormatOption
    @OptionGroup(title: "What is fitted") var laws: FitLawOptions
    @OptionGroup(title: "Intervals") var fitting: FitOptionGroup
    @Option(name: .shortAndLong, help: "Write here instead of stdout.", completion: .file())
    var output: String?
    @OptionGroup var replace: ReplaceOption

    func validate() throws {
        if theorem != nil, optimizer == nil { throw ValidationError("--theorem belongs to --optimizer") }
    }

    func run() throws {
        try replace.check([output].compactMap(\.self), inputs: [input]) { _ in OutputKind.results }
        let points = try PointsInput(path: input)
        if let output { try refuseInput(as: output, inputs: [points.estimatesPath]) }
        var report = try naming(input) { try advise(points.points, options: options(for: points)) }
        report.warnings = points.warnings + report.warnings
        if optimizer != nil { return try deliver(report.pytorch(theorem: theorem), to: output) }
        switch format.format {
        case .text: try deliver(points.heading + report.text(), to: output)
        case .csv: try deliver(report.table().csv(), to: output)
        case .json: try deliver(report.json(), to: output)
        }
    }

    private func options(for input: PointsInput) throws -> AdviceOptions {
        var options = AdviceOptions()
        options.line = line
        options.fit = fitting.options
        laws.apply(to: &options.fit)
        (options.epsilon, options.gap, options.noise) = (epsilon, gap, noise)
        (options.momentum, options.largestGradient, options.meanCosine) = (momentum, largestGradient, meanCosine)
        guard let origin = input.origin else {
            if blocks { throw ValidationError("a CSV of points has no blocks") }
            return options
        }
        options.settings = RunStepSettings(optimizer: origin.optimizer)
        options.measuredNoise = origin.noise
        if blocks { options.blocks = zip(origin.blockNames, origin.blocks).map { (name: $0, points: $1) } }
        return options
    }
}

extension AdviceLine: ExpressibleByArgument {}
