import Foundation
import TestSupport
import Testing

/// What is written, whole or not at all: never over an input, never over something else unasked, never half.
@Suite("Outputs")
struct OutputTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        try Sample.run.copy(to: bench.path("run.h5"))
        try Sample.estimates.copy(to: bench.path("run.estimates.h5"))
    }

    private let train = ["train", "--threads", "1", "--objective", "quadratic", "--iterations", "9"]

    @Test("a folder that is not there") func missingFolder() throws {
        try bench.expectRefusal(
            ["fit", "run.h5", "-o", "no/fit.txt"], code: 73,
            "no/fit.txt: cannot be created: its folder does not exist (expected a folder @/no). Create the folder or name "
                + "another output.")
        for name in ["scatter.csv", "scatter.vl.json", "scatter.svg"] {
            try bench.expectRefusal(
                ["plot", "run.h5", "-o", "no/\(name)"], code: 73,
                "no/\(name): cannot be created: its folder does not exist (expected a folder @/no). Create the folder or "
                    + "name another output.")
        }
        for arguments in [train, ["estimate", "run.h5", "--subset", "1"]] {
            let before = try bench.contents()
            let outcome = try bench.smoothness(arguments + ["-o", "no/new.h5"])
            #expect(outcome.exitCode == 73 && outcome.standardOutput.isEmpty)
            let last = try #require(outcome.standardError.split(separator: "\n").last)
            #expect(last.hasPrefix("error: \(bench.path("no/new.h5")): "), "\(last)")
            #expect(try bench.contents() == before)
        }
    }

    @Test("a folder in the place of the output") func folder() throws {
        try FileManager.default.createDirectory(atPath: bench.path("here.svg"), withIntermediateDirectories: false)
        for force in [[], ["--force"]] {
            try bench.expectRefusal(
                train + ["-o", "here.svg"] + force, code: 73, "@/here.svg: is a folder. Name a file")
            try bench.expectRefusal(
                ["estimate", "run.h5", "--subset", "1", "-o", "here.svg"] + force, code: 73,
                "@/here.svg: is a folder. Name a file")
        }
        for command in ["fit", "plot"] {
            try bench.expectRefusal(
                [command, "run.h5", "-o", "here.svg"], code: 73, "here.svg: is a folder. Name a file")
        }
    }

    @Test("a pipe, or any other special file, forced or not") func pipe() throws {
        try #require(mkfifo(bench.path("pipe.svg"), 0o600) == 0)
        for force in [[], ["--force"]] {
            for command in [train, ["estimate", "run.h5", "--subset", "1"]] {
                let outcome = try bench.smoothness(command + ["-o", "pipe.svg"] + force)
                #expect(outcome.exitCode == 73)
                let said = outcome.standardError.replacing(bench.place, with: "@")
                #expect(said == "error: @/pipe.svg: is a pipe or a device, which a file would replace. Name a file\n")
            }
        }
        let plot = try bench.smoothness("plot", "run.h5", "-o", "pipe.svg")
        #expect(plot.exitCode == 73)
        #expect(
            plot.standardError
                == "error: pipe.svg: is a pipe or a device, which a file would replace. Name a file\n")
        var status = stat()
        #expect(stat(bench.path("pipe.svg"), &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    }

    @Test("points from a pipe; run files cannot come from one") func pipeAsInput() throws {
        try bench.write("gradient_norm,smoothness\n1,1\n2,2\n3,4\n4,7\n5,6\n", to: "points.csv")
        let direct = try bench.succeed("fit", "points.csv", "--format", "json").standardOutput
        #expect(try bench.shell("cat points.csv | smoothness fit /dev/stdin --format json").standardOutput == direct)
        for (command, message) in [
            ("estimate", "is a pipe or a device, not a run file"),
            ("inspect", "is not an HDF5 file (expected a run, estimates or alignment file)"),
        ] {
            let outcome = try bench.shell("cat run.h5 | smoothness \(command) /dev/stdin")
            #expect(outcome.exitCode == 65)
            #expect(outcome.standardError == "error: /dev/stdin: \(message)\n")
        }
    }

    @Test("an input, by whatever name, forced or not") func input() throws {
        try bench.write("0.5,1,0\n-1,2,1\n", to: "samples.csv")
        try bench.write("gradient_norm,smoothness\n1,1\n2,2\n3,4\n", to: "points.csv")
        try FileManager.default.createSymbolicLink(atPath: bench.path("link.h5"), withDestinationPath: "run.h5")
        try FileManager.default.linkItem(atPath: bench.path("points.csv"), toPath: bench.path("twin.csv"))
        func expect(_ arguments: [String], _ shown: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
            try bench.expectRefusal(
                arguments, code: 73,
                "\(shown): is an input of this command and would be replaced. Name another output",
                sourceLocation: sourceLocation)
        }
        for force in [[], ["--force"]] {
            try expect(["estimate", "run.h5", "--subset", "1", "-o", "run.h5"] + force, "run.h5")
            try expect(["estimate", "run.h5", "--subset", "1", "-o", "link.h5"] + force, "link.h5")
            try expect(
                train.dropLast(4) + [
                    "--objective", "logistic-regression", "--data", "samples.csv", "-o", "samples.csv",
                ]
                    + force, "@/samples.csv")
        }
        try expect(["fit", "run.estimates.h5", "-o", "run.estimates.h5"], "run.estimates.h5")
        try expect(["fit", "points.csv", "-o", "twin.csv"], "twin.csv")
        try expect(["plot", "points.csv", "-o", "./points.csv"], "./points.csv")
    }

    @Test("finished work is not redone, and not touched") func nothingToDo() throws {
        try bench.succeed(train + ["-o", "new.h5"])
        let before = try bench.contents()
        for (arguments, file) in [
            (train + ["-o", "new.h5"], "new.h5"),
            (["estimate", "run.h5", "--subset", "1", "--delta", "0.5"], "run.estimates.h5"),
        ] {
            let outcome = try bench.succeed(arguments)
            #expect(
                outcome.standardError.hasPrefix("\(bench.path(file)) is complete: nothing to do (--force redoes it)\n"))
            #expect(try bench.contents() == before)
        }
        let resumed = try bench.succeed("train", "--resume", "new.h5")
        #expect(resumed.standardError == "\(bench.path("new.h5")) is complete: nothing to do\n")
        #expect(resumed.standardOutput.isEmpty)
        #expect(try bench.contents() == before)
    }

    @Test("another estimate, or something else, in the place of the output; --force") func existing() throws {
        let other = ["estimate", "run.h5", "--subset", "1", "--delta", "1"]
        try bench.expectRefusal(
            other, code: 73,
            "@/run.estimates.h5: configuration: the output exists and is an estimate of something else (expected "
                + "{*\"delta\":1}*}, found {*\"delta\":0.5}*}). Replace it with --force or give another place with --output."
        )
        try bench.write("precious\n", to: "text.h5")
        try bench.expectRefusal(
            other + ["-o", "text.h5"], code: 73,
            "@/text.h5: the output exists and cannot be continued: is not an HDF5 file (expected a smoothness-estimates "
                + "file). Replace it with --force or give another place with --output.")
        try bench.bytes("run.estimates.h5").prefix(20_000).write(to: URL(filePath: bench.path("short.h5")))
        try bench.expectRefusal(
            other + ["-o", "short.h5"], code: 73,
            "@/short.h5: the output exists and cannot be continued: * (File has been truncated). Replace it with --force "
                + "or give another place with --output.")
        let fresh = try bench.succeed(other + ["-o", "fresh.h5", "--format", "csv"]).standardOutput
        for name in ["run.estimates.h5", "text.h5", "short.h5"] {
            #expect(try bench.succeed(other + ["-o", name, "--force", "--format", "csv"]).standardOutput == fresh)
            #expect(try bench.smoothness("verify", name).exitCode == 0)
        }
    }

    @Test("a forced run that cannot be made leaves the old one") func forcedInVain() throws {
        try bench.succeed(train + ["-o", "new.h5"])
        let before = try bench.contents()
        // Some terabytes.
        let outcome = try bench.smoothness(
            "train", "--threads", "1", "--hidden", "400", "--embedding", "400", "--iterations", "1000000", "--save",
            "every=1",
            "-o", "new.h5", "--force")
        #expect(outcome.exitCode == 73)
        #expect(outcome.standardError.contains("the space for the file cannot be reserved"))
        #expect(try bench.contents() == before)
    }

    // MARK: - gnuplot

    @Test(
        "without gnuplot its script and data are left, the other outputs are made, and the script draws the picture later",
        arguments: ["svg", "pdf"])
    func gnuplotIsMissing(kind: String) throws {
        let before = Set(try bench.contents().keys)
        let outcome = try bench.smoothness(
            ["plot", "run.h5", "-o", "scatter.\(kind)", "-o", "scatter.csv"], environment: ["PATH": bench.place])
        #expect(outcome.exitCode == 73 && outcome.standardOutput.isEmpty)
        #expect(
            outcome.standardError == """
                wrote \(bench.path("scatter.csv"))
                error: scatter.\(kind): the picture was not drawn: gnuplot is not installed or not on the search path. \
                Script and data are left beside it: run gnuplot -d ./scatter.\(kind).gnuplot in \(bench.place), or write \
                .vl.json or .csv, which need no gnuplot.

                """)
        let left = Set(try bench.contents().keys).subtracting(before)
        #expect(left == ["scatter.csv", "scatter.\(kind).gnuplot", "scatter.\(kind).dat"])
        let later = try bench.shell("gnuplot scatter.\(kind).gnuplot")
        guard later.exitCode != 127 else { return }  // No gnuplot here at all: the rest is for machines that have it.
        #expect(later.exitCode == 0, "\(later.standardError)")
        try bench.succeed("plot", "run.h5", "-o", "direct.\(kind)")
        // A PDF carries its date.
        if kind != "pdf" { #expect(try bench.bytes("scatter.\(kind)") == bench.bytes("direct.\(kind)")) }
        #expect(try bench.bytes("scatter.\(kind)").count > 5000)
    }

    @Test("a gnuplot that fails is quoted") func gnuplotFails() throws {
        try bench.write("#!/bin/sh\necho 'no such terminal' >&2\nexit 3\n", to: "gnuplot")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: bench.path("gnuplot"))
        let outcome = try bench.smoothness(["plot", "run.h5", "-o", "scatter.svg"], environment: ["PATH": bench.place])
        #expect(outcome.exitCode == 73)
        #expect(
            outcome.standardError.hasPrefix(
                "error: scatter.svg: the picture was not drawn: gnuplot ended with exit code 3: no such terminal. Script"
            )
        )
        #expect(!bench.exists("scatter.svg") && bench.exists("scatter.svg.gnuplot"))
    }
}
