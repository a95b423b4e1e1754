import Foundation
import TestSupport
import Testing

/// Options with wrong values: exit code 64, what is wrong, and nothing on disk.
@Suite("Wrong options")
struct OptionTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        try Sample.run.copy(to: bench.path("run.h5"))
    }

    /// The argument parser's own text: what is wrong, then how to call it.
    private func expectUsage(
        _ arguments: [String], _ message: String, usage: String, help: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = try bench.contents()
        let outcome = try bench.smoothness(arguments)
        let command = ["smoothness", arguments.first { $0 == usage }].compactMap(\.self).joined(separator: " ")
        let said = outcome.standardError
        #expect(outcome.exitCode == 64 && outcome.standardOutput.isEmpty, "\(said)", sourceLocation: sourceLocation)
        #expect(said.hasPrefix("error: \(message)\n"), "\(said)", sourceLocation: sourceLocation)
        #expect(said.contains("\nUsage: \(command) "), "\(said)", sourceLocation: sourceLocation)
        #expect(
            said.hasSuffix("\n  See '\(command) --help' for more information.\n"), "\(said)",
            sourceLocation: sourceLocation)
        #expect(try bench.contents() == before, sourceLocation: sourceLocation)
    }

    @Test(
        "what the argument parser refuses",
        arguments: [
            (["nonsense"], "Unexpected argument 'nonsense'"),
            (["estimate"], "Missing expected argument '<run>'"),
            (["fit"], "Missing expected argument '<inputs> ...'"),
            (
                ["fit", "a.h5", "b.h5"],
                "several inputs: say --by run to compare them or --by joint to take them together"
            ), (["fit", "a.h5", "--by", "run"], "--by run needs two inputs or more"),
            (["fit", "a.h5", "b.h5", "--by", "block"], "--by block takes one input"),
            (["fit", "a.h5", "--expectile", "1"], "--expectile must lie between 0 and 1, not 1.0"),
            (["fit", "a.h5", "--order", "-1"], "--order must lie between 0 and 4, not -1.0"),
            (["advise", "a.h5", "--theorem", "zhang-3"], "--theorem belongs to --optimizer"),
            (["inspect"], "Missing expected argument '<file>'"),
            (["estimate", "run.h5", "other.h5"], "Unexpected argument 'other.h5'"),
            (["estimate", "run.h5", "--wrong"], "Unknown option '--wrong'"),
            (["estimate", "run.h5", "--delta", "x"], "The value 'x' is invalid for '--delta <delta>'"),
            (["estimate", "run.h5", "--gammas", ""], "The value '' is invalid for '--gammas <γ,…>'"),
            (["estimate", "run.h5", "--delta", "0.5", "--gammas", "1"], "give --delta or --gammas, not both"),
            (
                ["estimate", "run.h5", "--components", "0", "--subset", "1"],
                "--components names the subset; leave out --subset and --subset-seed"
            ),
            (
                ["estimate", "run.h5", "--columns", "loss,lost"],
                "The value 'loss,lost' is invalid for '--columns <name,…>'"
            ),
            (
                ["estimate", "run.h5", "--columns", "loss", "--blocks", "*"],
                "--blocks has columns of its own: leave out --columns"
            ),
            (
                ["estimate", "run.h5", "--columns", "loss", "--compare-subsets", "0.1,1"],
                "--compare-subsets measures on several subsets: leave out --columns"
            ),
            (["estimate", "run.h5", "--threads", "0"], "--threads must lie between 1 and 1024, not 0"),
            (
                ["estimate", "run.h5", "--format", "xml"],
                "The value 'xml' is invalid for '--format <format>'. Please provide one of 'text', 'csv' or 'json'."
            ),
            (
                ["train", "--resume", "run.h5", "--repeat", "2"],
                "--resume continues one run in its own file: leave out --repeat; repeated runs go on when the command that "
                    + "began them is given again"
            ),
            (
                ["train", "--resume", "run.h5", "--force", "-o", "new.h5"],
                "--resume continues one run in its own file: leave out --output, --force"
            ),
            (
                ["train", "--resume", "run.h5", "--estimate", "every=2", "--estimate-subset", "1"],
                "--resume continues a run with its own settings; leave out --estimate, --estimate-subset"
            ),
            (
                ["train", "-o", "new.h5", "--estimate-subset", "0.5"],
                "--estimate-subset belongs to --estimate every=N"
            ),
            (
                ["train", "-o", "new.h5", "--estimate", "every=2", "--estimate-delta", "1", "--estimate-gammas", "1"],
                "give --estimate-delta or --estimate-gammas, not both"
            ),
            (
                ["estimate", "run.h5", "--compare-subsets", "0.1,1", "--subset", "0.3", "--follow"],
                "--compare-subsets measures on several subsets: leave out --follow, --subset"
            ),
            (
                ["estimate", "run.h5", "--compare-subsets", "1,1"],
                "--compare-subsets needs two or more different shares"
            ),
            (["estimate", "run.h5", "--table", "summary"], "--table belongs to --compare-subsets"),
            (
                ["train", "-o", "new.h5", "--clip-norm", "0"],
                "--clip-norm must be a number above 0, or inf for no clipping, not 0.0"
            ),
            (
                ["train", "-o", "new.h5", "--gamma", "-1"],
                "--gamma must be a number above 0, or inf for no clipping, not -1.0"
            ),
            (["train", "-o", "new.h5", "--threads", "-2"], "--threads must lie between 1 and 1024, not -2"),
            (
                ["train", "-o", "new.h5", "--seed", "-1"], "The value '-1' is invalid for '--seed <seed>'"
            ),
            (
                ["theory", "--points", "1a", "--experiments", "deterministic"],
                "--points prints a figure and makes no experiment: leave out --experiments"
            ),
            (
                ["align", "run.h5", "--masks", "fresh"],
                "--masks fresh makes every component another function in the second pass, whose cosines with the mean of the "
                    + "first mean nothing; give fixed or off"
            ),
            (["fit", "run.h5", "--replicates", "-1"], "--replicates must be 0 or more, not -1"),
            (["fit", "run.h5", "--replicates=-1"], "--replicates must be 0 or more, not -1"),
            (["fit", "run.h5", "--confidence", "1"], "--confidence must lie between 0 and 1, not 1.0"),
            (["plot", "run.h5", "--block-length", "0"], "--block-length must be 1 or more, not 0"),
            (
                ["inspect", "run.h5", "--format", "csv"],
                "The value 'csv' is invalid for '--format <format>'. Please provide one of 'text' and 'json'."
            ),
        ]) func parser(arguments: [String], message: String) throws
    {
        let subcommands = ["train", "estimate", "fit", "advise", "plot", "align", "theory", "inspect", "verify"]
        try expectUsage(arguments, message, usage: subcommands.first { $0 == arguments[0] } ?? "")
    }

    @Test(
        "what only the run can tell",
        arguments: [
            (["--delta", "0"], "δ is outside the step (expected a number in (0, 1], found 0.0). \(OptionTests.step)"),
            (
                ["--delta", "1.5"],
                "δ is outside the step (expected a number in (0, 1], found 1.5). \(OptionTests.step)"
            ),
            (
                ["--delta", "nan"],
                "δ is outside the step (expected a number in (0, 1], found nan). \(OptionTests.step)"
            ),
            (
                ["--delta", "1e-9"],
                "δ gives more than 10000 gradients a step (found δ = 1e-09). Give a larger δ, or the few values you want with "
                    + "--gammas."
            ),
            (
                ["--gammas", "0.5,0"],
                "γ is outside the step (expected a number in (0, 1], found 0.0). \(OptionTests.step)"
            ),
            (
                ["--gammas", "1.1,1"],
                "γ is outside the step (expected a number in (0, 1], found 1.1). \(OptionTests.step)"
            ),
            (
                ["--subset", "0.1"],
                "a fraction of 0.1 of 1 component is no component at all. Give --subset between 1.0 and 1, or name components "
                    + "with --components."
            ),
            (
                ["--subset", "0"],
                "the subset is not a part of the components (expected a fraction in (0, 1], found 0.0)"
            ),
            (["--components", "5"], "the objective has no component 5 (expected 0 … 0, found 5)"),
            (["--components", "0,0"], "component 0 is named twice. A component counts once in the mean."),
            (
                ["--components", "5-1"],
                "'5-1' names no component (expected numbers and ranges, as 0,3,8-11, found '5-1')"
            ),
            (["--components", ""], "'' names no component (expected numbers and ranges, as 0,3,8-11, found '')"),
            // Neither memory nor patience for it.
            (
                ["--components", "0-999999999999"],
                "'0-999999999999' names no component (expected numbers and ranges, as 0,3,8-11, found '0-999999999999')"
            ),
        ]) func estimate(arguments: [String], message: String) throws
    {
        try bench.expectRefusal(["estimate", "run.h5"] + arguments, code: 64, message)
    }

    @Test(
        "a negative number is a value, and what is wrong with it is said",
        arguments: [
            (
                ["train", "--learning-rate", "-1", "-o", "new.h5"],
                "learning rate: is outside its range (expected a finite number > 0, found -1.0)"
            ),
            (
                ["train", "--weight-decay", "-0.5", "-o", "new.h5"],
                "weight decay: is outside its range (expected ≥ 0, found -0.5)"
            ),
            (
                ["train", "--iterations", "-3", "-o", "new.h5"],
                "iterations: is outside its range (expected at least 1, found -3)"
            ),
            (
                [
                    "train", "--objective", "quadratic", "--algorithm", "adamw", "--decay-place", "before", "-o",
                    "new.h5",
                ],
                "weight decay place: is outside its range (expected decoupled, as adamw has no other, found before)"
            ),
            (
                ["estimate", "run.h5", "--delta", "-0.5"],
                "δ is outside the step (expected a number in (0, 1], found -0.5). \(OptionTests.step)"
            ),
            (["theory", "--epsilon", "-1"], "--epsilon: is not a positive number (found -1.0)"),
            (
                ["align", "run.h5", "--clip-norms", "-1"],
                "clip norms: the clip norms are not increasing positive numbers (found [-1.0])"
            ),
        ]) func negative(arguments: [String], message: String) throws
    {
        try bench.expectRefusal(arguments, code: 64, message)
    }

    @Test("a unit of a batch takes a finite time", arguments: ["inf", "nan", "0", "1e308"]) func unitMinutes(
        _ value: String
    ) throws {
        let outcome = try bench.smoothness("batch", "plan", "run.h5", "-o", "plan", "--unit-minutes", value)
        #expect(outcome.exitCode == 64 && !bench.exists("plan"), "\(outcome.standardError)")
        #expect(outcome.standardError.hasPrefix("error: --unit-minutes must be a number above 0, not "))
    }

    @Test("another run in the place of an output is told apart by what differs") func anotherRun() throws {
        let train = ["train", "--objective", "quadratic", "--iterations", "3", "--threads", "1", "--repeat", "2"]
        try bench.succeed(train + ["--learning-rate", "0.02", "-o", "many.h5"])
        try bench.expectRefusal(
            train + ["--learning-rate", "0.01", "-o", "many.h5"], code: 73,
            "@/many-1.h5: holds another run (expected learning_rate 0.01, found learning_rate 0.02). Write elsewhere, or use "
                + "--force")
    }

    static let step = "γ = 0 is the iterate itself and γ = 1 the next one."

    @Test func plotsOfUnknownKind() throws {
        try Sample.estimates.copy(to: bench.path("run.estimates.h5"))
        for name in ["scatter.jpg", "scatter", "."] {
            // One good name among them does not get written either.
            try bench.expectRefusal(
                ["plot", "run.h5", "-o", "good.csv", "-o", name], code: 64,
                "\(name): the kind of plot follows from the end of the name, and this one is unknown (expected .csv, .svg, "
                    + ".png, .pdf, .vl.json)")
        }
    }

    @Test("without arguments, and with --help, the way in is shown") func help() throws {
        for arguments in [[], ["--help"], ["help"]] {
            let outcome = try bench.succeed(arguments)
            #expect(outcome.standardError.isEmpty)
            for name in ["train", "estimate", "fit", "plot", "inspect", "verify"] {
                #expect(outcome.standardOutput.contains("\n  \(name) "), "\(name)")
            }
        }
        #expect(try bench.succeed("estimate", "--help").standardOutput.contains("--subset-seed"))
        #expect(try bench.succeed("--version").standardOutput.split(separator: ".").count == 3)
    }
}
