import Foundation
import TestSupport
import Testing

/// A mount that nobody else sees and that ends with the command; only root may make one without a user namespace.
private let unshare = geteuid() == 0 ? "unshare -m" : "unshare -rm"

private let canMount: Bool = {
    guard let folder = try? TemporaryFolder() else { return false }
    let mount = "\(unshare) mount -t tmpfs -o size=64k tmpfs \(folder.url.path)"
    return (try? TestSupport.run("/bin/bash", ["-c", mount]))?.exitCode == 0
}()

/// Disks that are full or may not be written: small ones, mounted for one command in a namespace of its own.
@Suite(
    "Full and read-only disks",
    .enabled(if: canMount, "needs the right to mount a tmpfs (unshare -m, or unshare -rm for others than root)"))
struct FullDiskTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        try Sample.run.copy(to: bench.path("run.h5"))
        try Sample.estimates.copy(to: bench.path("run.estimates.h5"))
        try FileManager.default.createDirectory(atPath: bench.path("disk"), withIntermediateDirectories: false)
    }

    /// Runs the command with a disk of this size at `disk`, on which these files lie.
    /// - Returns: its outcome, and afterwards the names and sizes of what is on the disk.
    private func onDisk(
        kilobytes: Int, isReadOnly: Bool = false, holding names: [String] = [], _ arguments: [String],
        redirection: String = ""
    ) throws -> (outcome: ProcessOutcome, left: [String: Int]) {
        let outcome = try bench.shell(
            """
            \(unshare) bash -c '
            mount -t tmpfs -o size=\(kilobytes)k tmpfs disk || exit 99
            \(names.map { "cp \($0) disk/ || exit 98" }.joined(separator: "\n"))
            \(isReadOnly ? "mount -o remount,ro disk || exit 97" : "")
            smoothness "$@" \(redirection)
            code=$?
            (cd disk && find . -type f -printf "%P %s\\n") > left.txt
            exit $code' smoothness \(arguments.map { "'\($0)'" }.joined(separator: " "))
            """)
        let lines = try bench.text("left.txt").split(separator: "\n").map { $0.split(separator: " ") }
        return (outcome, Dictionary(uniqueKeysWithValues: lines.map { (String($0[0]), Int($0[1]) ?? -1) }))
    }

    private func expect(
        _ result: (outcome: ProcessOutcome, left: [String: Int]), code: Int32, _ pattern: String, left: Set<String>,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let said = result.outcome.standardError.replacing(bench.place, with: "@")
        #expect(result.outcome.exitCode == code, "\(said)", sourceLocation: sourceLocation)
        let last = said.split(separator: "\n").last.map(String.init) ?? ""
        #expect(matches(last, pattern: "error: " + pattern), "\(said)", sourceLocation: sourceLocation)
        #expect(said.components(separatedBy: "error: ").count == 2, "\(said)", sourceLocation: sourceLocation)
        #expect(Set(result.left.keys) == left, sourceLocation: sourceLocation)
    }

    private let train = ["train", "--threads", "1", "--objective", "quadratic", "--save", "every=1"]
    private let space = "the space for the file cannot be reserved: No space left on device"
    private let remedy = "Free space or write elsewhere; a run needs less with fewer saved iterates"

    @Test func trainKnowsBeforeItBegins() throws {
        expect(
            try onDisk(kilobytes: 100, train + ["--iterations", "3000", "-o", "disk/new.h5"]), code: 73,
            "@/disk/new.h5: \(space) (expected * bytes, found 102400 bytes available). \(remedy)", left: [])
        let fits = try onDisk(kilobytes: 100, train + ["--iterations", "10", "-o", "disk/new.h5"])
        #expect(fits.outcome.exitCode == 0 && Set(fits.left.keys) == ["new.h5"])
    }

    @Test("the old run stays where there is no room for the forced one") func force() throws {
        let size = try bench.bytes("run.h5").count
        let result = try onDisk(
            kilobytes: size / 1024 + 30, holding: ["run.h5"],
            train + ["--iterations", "20", "-o", "disk/run.h5", "--force"])
        expect(result, code: 73, "@/disk/run.h5.unfinished: \(space) (*). \(remedy)", left: ["run.h5"])
        #expect(result.left["run.h5"] == size)
    }

    @Test("so do the old estimates, the run that an import was to replace, and a table") func forcedOthers() throws {
        let held = ["run.h5", "run.estimates.h5"]
        let sizes = try held.map { try bench.bytes($0).count }
        for (arguments, pattern) in [
            (
                ["estimate", "disk/run.h5", "--subset", "1", "--force"],
                "@/disk/run.estimates.h5*: \(space) (*). \(remedy)"
            ),
            (
                ["import", "run.h5", "--iterate", "trajectory/iterate", "-o", "disk/run.h5", "--force"],
                "@/disk/run.h5: \(space) (*). \(remedy)"
            ),
        ] {
            let result = try onDisk(kilobytes: sizes.reduce(0, +) / 1024 + 24, holding: held, arguments)
            expect(result, code: 73, pattern, left: Set(held))
            #expect(held.map { result.left[$0] } == sizes)
        }
        // Of the two tables the curves are a page, the points two.
        try bench.succeed("export", "run.h5", "--curves", "-o", "out.csv")
        let size = try bench.bytes("out.csv").count
        let result = try onDisk(
            kilobytes: (size + 4095) / 4096 * 4 + 4, holding: ["out.csv"],
            ["export", "run.h5", "-o", "disk/out.csv"])
        expect(result, code: 74, "disk/out.csv: cannot be written: *space*", left: ["out.csv"])
        #expect(result.left["out.csv"] == size)
    }

    @Test func estimateKnowsBeforeItBegins() throws {
        expect(
            try onDisk(kilobytes: 64, holding: ["run.h5"], ["estimate", "disk/run.h5", "--subset", "1"]), code: 73,
            "@/disk/run.estimates.h5: \(space) (expected * bytes, found * bytes available). \(remedy)", left: ["run.h5"]
        )
    }

    @Test func plotsAndFits() throws {
        try bench.write("a page of the disk", to: "filler")
        // The CSV has to be longer than a page.
        let header = "gradient_norm,smoothness\n"
        try bench.write(header + (1...200).map { "\($0).5,\($0 * $0 % 17 + 1).25\n" }.joined(), to: "points.csv")
        for name in ["scatter.csv", "scatter.vl.json"] {
            expect(
                try onDisk(kilobytes: 4, ["plot", "points.csv", "-o", "disk/\(name)"]), code: 74,
                "disk/\(name): cannot be written: *space*", left: [])
        }
        expect(
            try onDisk(
                kilobytes: 4, holding: ["filler"], ["fit", "points.csv", "--format", "json", "-o", "disk/fit.json"]),
            code: 74, "disk/fit.json: cannot be written: *space*", left: ["filler"])
    }

    @Test("a picture", .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/gnuplot"), "needs gnuplot"))
    func pictures() throws {
        for kind in ["svg", "png", "pdf"] {
            let result = try onDisk(kilobytes: 4, ["plot", "run.h5", "-o", "disk/scatter.\(kind)"])
            expect(result, code: 74, "disk/scatter.\(kind): cannot be written: *space*", left: [])
        }
    }

    @Test("the CSV on a standard output that is full") func standardOutput() throws {
        for arguments in [
            ["fit", "run.h5", "--format", "json"], ["inspect", "run.h5", "--format", "json"],
            ["estimate", "run.h5", "--subset", "1", "--delta", "0.5", "--format", "csv"],
        ] {
            let outcome = try bench.shell("smoothness \(arguments.joined(separator: " ")) > /dev/full")
            #expect(outcome.exitCode == 74)
            #expect(
                outcome.standardError.hasSuffix("error: standard output: cannot be written: No space left on device\n"),
                "\(outcome.standardError)")
        }
    }

    @Test func readOnly() throws {
        let held = ["run.h5", "run.estimates.h5"]
        for (arguments, pattern) in [
            (
                train + ["--iterations", "9", "-o", "disk/new.h5"],
                "@/disk/new.h5: cannot be created: Read-only file system. Write to a folder that is there and may be written"
            ),
            (
                ["estimate", "disk/run.h5", "--subset", "1", "-o", "disk/new.h5"],
                "@/disk/new.h5: cannot be created: Read-only file system. Write to a folder that is there and may be written"
            ),
            (["fit", "disk/run.h5", "-o", "disk/fit.txt"], "disk/fit.txt: cannot be created: Read-only file system"),
            (["plot", "disk/run.h5", "-o", "disk/s.csv"], "disk/s.csv: cannot be created: Read-only file system"),
            (["plot", "disk/run.h5", "-o", "disk/s.svg"], "disk/s.svg: cannot be created: Read-only file system"),
        ] {
            expect(
                try onDisk(kilobytes: 1000, isReadOnly: true, holding: held, arguments), code: 73, pattern,
                left: Set(held))
        }
        // Reading needs no right to write.
        for arguments in [["fit", "disk/run.h5"], ["inspect", "disk/run.h5"], ["verify", "disk/run.estimates.h5"]] {
            let result = try onDisk(kilobytes: 1000, isReadOnly: true, holding: held, arguments)
            #expect(result.outcome.exitCode == 0, "\(result.outcome.standardError)")
        }
        // And finished work needs no writing.
        let done = try onDisk(
            kilobytes: 1000, isReadOnly: true, holding: held,
            ["estimate", "disk/run.h5", "--subset", "1", "--delta", "0.5"])
        #expect(done.outcome.exitCode == 0 && done.outcome.standardError.contains("nothing to do"))
    }
}
