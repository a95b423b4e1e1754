import Foundation
import TestSupport
import Testing

/// What outputs may take the place of, and that what they take the place of is there until they are whole.
@Suite("Outputs that replace something")
struct ReplacementTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        try Sample.run.copy(to: bench.path("run.h5"))
        try Sample.estimates.copy(to: bench.path("run.estimates.h5"))
    }

    /// Commands whose outputs can be made again, with the end of the name.
    private static let commands: [(arguments: [String], ending: String)] = [
        (["fit", "run.h5", "--replicates", "20"], "txt"),
        (["fit", "run.h5", "--replicates", "20", "--format", "csv"], "csv"),
        (["fit", "run.h5", "--replicates", "20", "--format", "json"], "json"),
        (["fit", "run.h5", "--replicates", "20", "--format", "latex"], "tex"),
        (["advise", "run.h5", "--replicates", "20"], "txt"),
        (["advise", "run.h5", "--replicates", "20", "--format", "csv"], "csv"),
        (["advise", "run.h5", "--replicates", "20", "--format", "json"], "json"),
        (["advise", "run.h5", "--replicates", "20", "--optimizer", "pytorch"], "py"),
        (["report", "run.h5", "--replicates", "20"], "html"), (["report", "run.h5", "--replicates", "20"], "md"),
        (["plot", "run.h5", "--no-fit"], "csv"), (["plot", "run.h5", "--no-fit"], "vl.json"),
        (["plot", "run.h5", "--kind", "iterations"], "csv"), (["plot", "run.h5", "--kind", "gamma"], "vl.json"),
        (["plot", "--curves", "run.h5"], "csv"), (["export", "run.h5"], "csv"), (["export", "run.h5"], "jsonl"),
        (["export", "run.h5"], "npz"), (["export", "run.h5"], "tfevents"), (["bridge"], "py"),
    ]

    @Test("a former output of the same kind, without a word; anything else only with --force", arguments: commands)
    func kinds(_ arguments: [String], _ ending: String) throws {
        let (name, output) = ("out.\(ending)", ["-o", "out.\(ending)"])
        try bench.succeed(arguments + output)
        let first = try bench.bytes(name)
        try bench.succeed(arguments + output)
        #expect(try ending == "tfevents" || bench.bytes(name) == first)
        for other in ["run.h5", "run.estimates.h5"] {
            let copy = "copy-\(other).\(ending)"
            try bench.bytes(other).write(to: URL(filePath: bench.path(copy)))
            try bench.expectRefusal(
                arguments + ["-o", copy], code: 73,
                "\(copy): exists and is no output of this command (expected *, found an HDF5 file). "
                    + "Write elsewhere, or replace it with --force")
        }
        try bench.write("what I found in October\n", to: "notes.\(ending)")
        try bench.expectRefusal(
            arguments + ["-o", "notes.\(ending)"], code: 73,
            "notes.\(ending): exists and is no output of this command (expected *, found something else). "
                + "Write elsewhere, or replace it with --force")
        try bench.succeed(arguments + ["-o", "notes.\(ending)", "--force"])
        #expect(try ending == "tfevents" || bench.bytes("notes.\(ending)") == first)
    }

    @Test("a link is replaced, and what it leads to stays as it is") func link() throws {
        try bench.succeed("export", "run.h5", "-o", "first.csv")
        let first = try bench.bytes("first.csv")
        try FileManager.default.createSymbolicLink(atPath: bench.path("latest.csv"), withDestinationPath: "first.csv")
        try bench.succeed("export", "run.h5", "--curves", "-o", "latest.csv")
        #expect(try bench.bytes("first.csv") == first && bench.bytes("latest.csv") != first)
        var status = stat()
        #expect(lstat(bench.path("latest.csv"), &status) == 0 && status.st_mode & S_IFMT == S_IFREG)
        try FileManager.default.createSymbolicLink(atPath: bench.path("nowhere.csv"), withDestinationPath: "absent.csv")
        try bench.expectRefusal(
            ["export", "run.h5", "-o", "nowhere.csv"], code: 73,
            "nowhere.csv: exists and is no output of this command (expected table, found a link that leads nowhere). "
                + "Write elsewhere, or replace it with --force")
    }

    @Test(
        "an import that fails half-way leaves the run that it was to replace, and nothing else",
        .enabled(if: Workplace.python != nil, "needs Python with h5py: set SMOOTHNESS_PYTHON"))
    func importInVain() throws {
        try bench.write(
            """
            import h5py, numpy as np
            with h5py.File("rows.h5", "w") as file:
                data = file.create_dataset("w", shape=(6, 1000), dtype="f4", chunks=(1, 1000), compression="gzip", shuffle=True)
                data[...] = np.random.default_rng(0).normal(size=(6, 1000))
                place = data.id.get_chunk_info(4)
            # The fifth row is no gzip any more.
            with open("rows.h5", "r+b") as file:
                file.seek(place.byte_offset)
                file.write(bytes(place.size))
            with h5py.File("sound.h5", "w") as file:
                file["w"] = np.random.default_rng(1).normal(size=(6, 1000)).astype("f4")
            """, to: "make.py")
        _ = try bench.python(script: bench.path("make.py"), [])
        try bench.succeed("import", "sound.h5", "--iterate", "w", "-o", "imported.h5")
        let before = try bench.contents()
        let outcome = try bench.smoothness("import", "rows.h5", "--iterate", "w", "-o", "imported.h5", "--force")
        #expect([65, 74].contains(outcome.exitCode) && !outcome.wasSignalled, "\(outcome.standardError)")
        #expect(try bench.contents() == before)
        let fresh = try bench.smoothness("import", "rows.h5", "--iterate", "w", "-o", "fresh.h5")
        #expect(fresh.exitCode == outcome.exitCode && !bench.exists("fresh.h5"))
        let unforced = try bench.smoothness("import", "sound.h5", "--iterate", "w", "-o", "imported.h5")
        #expect(
            unforced.exitCode == 73
                && unforced.standardError.contains("error: \(bench.path("imported.h5")): something of this name exists")
        )
        #expect(try bench.contents() == before)
    }

    /// `make` makes `name`; forced, it is stopped half-way, and then goes on.
    private func stop(_ make: [String], again: [String], _ name: String, after text: String) throws {
        let old = try bench.bytes(name)
        let process = try bench.start(again)
        try process.wait(for: text)
        process.send(signal: SIGTERM)
        let stopped = process.wait()
        #expect(stopped.exitCode == 75 && !stopped.wasSignalled, "\(stopped.standardError)")
        #expect(try bench.bytes(name) == old)
        #expect(bench.exists(name + ".unfinished"))
        try bench.succeed("verify", name + ".unfinished")
        // Killed as well.
        let killed = try bench.start(again)
        try killed.wait(for: text)
        killed.send(signal: SIGKILL)
        _ = killed.wait()
        #expect(try bench.bytes(name) == old)
        // Whoever does not force sees the old one.
        #expect(try bench.succeed(make).standardError.contains("nothing to do"))
        let outcome = try bench.succeed(again)
        #expect(outcome.standardError.contains("wrote \(bench.path(name))\n"), "\(outcome.standardError)")
        #expect(try bench.bytes(name) != old)
        try bench.succeed("verify", name)
    }

    @Test(
        "train, estimate and align --force: the old file is there until the new one is whole, and the same command goes on"
    )
    func goesOn() throws {
        let spectrum = (1...400).map { "\(1 / Double($0))" }.joined(separator: ",")
        let train = [
            "train", "--objective", "quadratic", "--spectrum", spectrum, "--rotations", "8", "--components", "50",
            "--noise",
            "0.1", "--learning-rate", "0.005", "--precision", "float64", "--iterations", "12000", "--save", "every=60",
            "--threads", "1", "-o", "new.h5",
        ]
        try bench.succeed(train)
        try stop(train, again: train + ["--force"], "new.h5", after: "train: ")
        let estimate = ["estimate", "new.h5", "--subset", "1", "--threads", "1"]
        try bench.succeed(estimate)
        try stop(estimate, again: estimate + ["--force"], "new.estimates.h5", after: "estimate: ")
        let align = ["align", "new.h5", "--batch-sizes", "1,2", "--threads", "1"]
        try bench.succeed(align)
        try stop(align, again: align + ["--force"], "new.alignment.h5", after: "align: ")
        let names = try bench.contents().keys.filter { $0.hasPrefix("new") }.sorted()
        #expect(names == ["new.alignment.h5", "new.estimates.h5", "new.h5"])
    }

    @Test("training with estimates in the loop, forced: both old files are there until both are whole") func inLoop()
        throws
    {
        let train = [
            "train", "--objective", "quadratic", "--components", "20", "--iterations", "6000", "--estimate", "every=20",
            "--estimate-delta", "0.5", "--threads", "1", "-o", "new.h5",
        ]
        try bench.succeed(train)
        let names = ["new.h5", "new.estimates.h5"]
        let old = try names.map { try bench.bytes($0) }
        let process = try bench.start(train + ["--force"])
        try process.wait(for: "train: ")
        process.send(signal: SIGKILL)
        _ = process.wait()
        #expect(try names.map { try bench.bytes($0) } == old)
        // With other settings it begins anew, and then again with these.
        try bench.succeed(train.map { $0 == "6000" ? "5000" : $0 } + ["--force"])
        try bench.succeed("verify", "new.h5")
        try bench.succeed("verify", "new.estimates.h5")
        try bench.succeed(train + ["--force"])
        for name in names { try bench.succeed("verify", name) }
        #expect(try bench.contents().keys.filter { $0.hasPrefix("new") }.sorted() == names.sorted())
    }

    @Test("repeated runs, forced: all take their names together") func repeated() throws {
        let train = [
            "train", "--objective", "quadratic", "--iterations", "9", "--threads", "1", "--repeat", "3", "-o", "new.h5",
        ]
        try bench.succeed(train)
        try bench.succeed(train + ["--force"])
        let names = try bench.contents().keys.filter { $0.hasPrefix("new") }.sorted()
        #expect(names == ["new-1.h5", "new-2.h5", "new-3.h5"])
        for name in names { try bench.succeed("verify", name) }
    }
}
