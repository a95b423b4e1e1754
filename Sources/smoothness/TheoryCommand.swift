import ArgumentParser
import Essentials
import Reporting
import Theory

/// `smoothness theory`: the papers' theorems as experiments.
struct TheoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "theory",
        abstract: "Hold the papers' theorems against experiments on functions with known constants.",
        discussion: """
            Every line of the table is one theorem on one function: what was measured, what the theorem says, and whether its \
            assumptions hold there. Exit code 3 if a theorem fails where its assumptions hold. docs/theory.md says what each \
            experiment does. Figures 1a and 1b of Zhang, Jin, Fang, Wang 2020 come as points with --points.
            """)

    @Option(
        parsing: .upToNextOption,
        help: "Experiments: \(Experiment.allCases.map(\.rawValue).joined(separator: ", ")). (default: all)")
    var experiments: [Experiment] = []
    @Option(parsing: .unconditional, help: "L0.")
    var l0 = TheoryOptions().L0
    @Option(
        parsing: .unconditional,
        help:
            "L1. The fast function of theorem 4 has (L0, L1) = (L1, L1): with a smaller L0 its lines are not applicable."
    )
    var l1 = TheoryOptions().L1
    @Option(parsing: .unconditional, help: "M, the gradient at the start of the fast function.")
    var largestGradient = TheoryOptions().largestGradient
    @Option(parsing: .unconditional, help: "ε, the gradient norm to be reached.")
    var epsilon = TheoryOptions().epsilon
    @Option(parsing: .unconditional, help: "Δ = f(x₀) − f* of the slow function.")
    var gap = TheoryOptions().gap
    @Option(parsing: .unconditional, help: "τ and σ, the size of the noise in stochastic gradients.")
    var noise = TheoryOptions().noise
    @Option(parsing: .unconditional, help: "Repetitions of random experiments.")
    var repetitions = TheoryOptions().repetitions
    @Option(parsing: .unconditional, help: "Iterations that a single run may take; what needs more is left undecided.")
    var iterationLimit = TheoryOptions().iterationLimit
    @Option(parsing: .unconditional, help: "Seed of the noise and of the points.")
    var seed: UInt64 = 0
    @Option(help: "Print the points of figure 1a or 1b instead: gradient norm and Hessian norm.")
    var points: FigureName?
    @OptionGroup var output: FormatOption

    func validate() throws {
        if points != nil && !experiments.isEmpty {
            throw ValidationError("--points prints a figure and makes no experiment: leave out --experiments")
        }
    }

    func run() throws {
        var options = TheoryOptions()
        (options.L0, options.L1, options.largestGradient) = (l0, l1, largestGradient)
        (options.epsilon, options.gap, options.noise) = (epsilon, gap, noise)
        (options.repetitions, options.iterationLimit, options.seed) = (repetitions, iterationLimit, seed)
        try options.validate()
        if let points {
            return try Console.output(points.table(L1: l1, seed: seed).rendered(as: output.format))
        }
        var table = TheoryLine.emptyTable
        var failures = 0
        for experiment in experiments.isEmpty ? Experiment.allCases : experiments {
            let lines = experiment.lines(options)
            failures += lines.count { $0.verdict == .fails }
            for line in lines { table.append(line.cells) }
        }
        try Console.output(table.rendered(as: output.format))
        Console.error("\(table.rows.count) lines, \(failures) failures")
        if failures > 0 { throw ExitCode(SmoothnessError.Kind.partial.rawValue) }
    }
}

extension Experiment: ExpressibleByArgument {}

enum FigureName: String, ExpressibleByArgument, CaseIterable {
    case oneA = "1a"
    case oneB = "1b"

    func table(L1: Double, seed: UInt64) -> Table {
        let points = self == .oneA ? FigurePoints.figureOneA(L1: L1) : FigurePoints.figureOneB(L1: L1, seed: seed)
        return Table(
            columns: ["function", "x", "y", "gradient_norm", "hessian_norm", "bound"],
            rows: points.map { point in
                [
                    .string(point.function), .number(point.x[0]), .optional(point.x.count > 1 ? point.x[1] : nil),
                    .number(point.gradientNorm), .number(point.hessianNorm), .optional(point.bound),
                ]
            })
    }
}

extension TheoryLine {
    static var emptyTable: Table {
        Table(columns: [
            "source", "instance", "algorithm", "quantity", "measured", "relation", "bound", "ratio", "verdict",
            "assumptions",
        ])
    }

    var cells: [TableValue] {
        [
            .string(source), .string(instance), .string(algorithm), .string(quantity), .optional(measured),
            .string(relation.rawValue), .number(bound), .optional(ratio), .string(verdict.rawValue),
            .string(obstacle.map { "fails: \($0)" } ?? assumptions.map(\.statement).joined(separator: "; ")),
        ]
    }
}
