import Foundation
import HDF5
import TestSupport
import Testing

/// Every subcommand that reads a file, and how it names that file: as it was given, or by its absolute path.
enum Reader: String, CaseIterable, CustomTestStringConvertible {
    case estimate, fit, plot, inspect, verify

    var testDescription: String { rawValue }
    /// In patterns of `expectRefusal`.
    var prefix: String { self == .estimate ? "@/" : "" }
    /// Whether a text is read, as a CSV of points.
    var readsText: Bool { self == .fit || self == .plot }
}

@Suite("Files that cannot be read")
struct WrongFileTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        try Sample.run.copy(to: bench.path("run.h5"))
        try Sample.estimates.copy(to: bench.path("run.estimates.h5"))
    }

    private func setVersion(_ version: String, of name: String) throws {
        let file = try HDF5.File.open(bench.path(name), .readWrite)
        try file.setAttribute("format_version", to: version)
        try file.close()
    }

    private func makeForeignFile(_ name: String) throws {
        let file = try HDF5.File.create(bench.path(name))
        try file.createDataset("/x", of: Double.self, shape: [3]).write(all: [1, 2, 3])
        try file.close()
    }

    private func truncate(_ name: String, to newName: String, byteCount: Int) throws {
        try bench.bytes(name).prefix(byteCount).write(to: URL(filePath: bench.path(newName)))
    }

    @Test(arguments: Reader.allCases) func missing(reader: Reader) throws {
        try bench.expectRefusal(
            [reader.rawValue, "no.h5"], code: 66, "\(reader.prefix)no.h5: there is no such file")
    }

    @Test(arguments: [Reader.estimate, .plot, .verify]) func folder(reader: Reader) throws {
        try FileManager.default.createDirectory(atPath: bench.path("folder"), withIntermediateDirectories: false)
        let message = reader == .estimate ? "is a folder, not a run file" : "is a folder (expected a file)"
        try bench.expectRefusal([reader.rawValue, "folder"], code: 65, "\(reader.prefix)folder: \(message)")
    }

    @Test(arguments: [Reader.estimate, .fit, .inspect]) func notHDF5(reader: Reader) throws {
        try bench.write("precious\n", to: "text.h5")
        let message =
            switch reader {
            case .estimate: "is not an HDF5 file (expected a smoothness-run file)"
            case .fit, .plot:
                "gradient_norm: the column is missing "
                    + "(expected a header line with gradient_norm and smoothness, found precious)"
            case .inspect, .verify: "is not an HDF5 file (expected a run, estimates or alignment file)"
            }
        try bench.expectRefusal([reader.rawValue, "text.h5"], code: 65, "\(reader.prefix)text.h5: \(message)")
    }

    @Test(arguments: [Reader.estimate, .plot, .verify]) func empty(reader: Reader) throws {
        try bench.write("", to: "empty.h5")
        let message =
            switch reader {
            case .estimate: "is not an HDF5 file (expected a smoothness-run file)"
            case .fit, .plot:
                "holds no points (expected a header line with gradient_norm and smoothness, found nothing)"
            case .inspect, .verify: "is not an HDF5 file (expected a run, estimates or alignment file)"
            }
        try bench.expectRefusal([reader.rawValue, "empty.h5"], code: 65, "\(reader.prefix)empty.h5: \(message)")
    }

    @Test(arguments: [Reader.estimate, .plot, .inspect]) func foreign(reader: Reader) throws {
        try makeForeignFile("foreign.h5")
        let message =
            reader == .estimate
            ? "is HDF5 but not a run file (expected \"smoothness-run\", found no such attribute)"
            : "is HDF5 but not one of our files (expected \"smoothness-run\", \"smoothness-estimates\" or "
                + "\"smoothness-alignment\", found no such attribute). Give a file that smoothness train, estimate or align wrote"
        try bench.expectRefusal(
            [reader.rawValue, "foreign.h5"], code: 65, "\(reader.prefix)foreign.h5: /@format: \(message)")
    }

    @Test func estimatesAreNoRun() throws {
        try bench.expectRefusal(
            ["estimate", "run.estimates.h5"], code: 65,
            "@/run.estimates.h5: /@format: is HDF5 but not a run file (expected \"smoothness-run\", found "
                + "\"smoothness-estimates\")")
    }

    @Test(arguments: [Reader.estimate, .fit, .inspect]) func newerMajorVersion(reader: Reader) throws {
        try setVersion("2.0", of: "run.h5")
        try bench.expectRefusal(
            [reader.rawValue, "run.h5"], code: 65,
            "\(reader.prefix)run.h5: /@format_version: has a newer version of the format (expected 1.x, found 2.0). "
                + "Use a newer smoothness")
        guard reader != .estimate else { return }
        try setVersion("3.0", of: "run.estimates.h5")
        try bench.expectRefusal(
            [reader.rawValue, "run.estimates.h5"], code: 65,
            "run.estimates.h5: format_version: has a newer version of the format (expected 2.1, found 3.0). "
                + "Use a newer smoothness.")
    }

    @Test("estimates of version 1 are refused with the reason, and made again with --force") func olderMajorVersion()
        throws
    {
        try setVersion("1.1", of: "run.estimates.h5")
        let reason =
            "is of version 1, where the smoothness is the maximum over all γ, those below their floors included"
        try bench.expectRefusal(
            ["fit", "run.estimates.h5"], code: 65,
            "run.estimates.h5: format_version: \(reason) (expected 2.1, found 1.1). "
                + "Make it again: smoothness estimate --force.")
        let again = ["estimate", "run.h5", "--subset", "1"]
        try bench.expectRefusal(
            again, code: 73,
            "@/run.estimates.h5: format_version: the output exists and cannot be continued: \(reason) (expected 2.1, found "
                + "1.1). Replace it with --force or give another place with --output.")
        try bench.succeed(again + ["--force"])
        try bench.succeed("fit", "run.estimates.h5")
    }

    @Test("a newer minor version is read", arguments: [Reader.estimate, .fit, .verify]) func newerMinorVersion(
        reader: Reader
    ) throws {
        // Without checksums: the digest of what is written once covers the version.
        try bench.succeed("estimate", "run.h5", "--subset", "1", "--no-checksums", "--force")
        try setVersion("1.7", of: "run.h5")
        try setVersion("2.7", of: "run.estimates.h5")
        try bench.succeed(
            reader == .estimate
                ? ["estimate", "run.h5", "--subset", "1", "-o", "new.h5"] : [reader.rawValue, "run.h5"])
        if reader != .estimate { try bench.succeed(reader.rawValue, "run.estimates.h5") }
    }

    @Test func verifyReportsANewerMajorVersion() throws {
        for (name, expected, found, place) in [
            ("run.h5", "1.x", "2.0", "/@format_version"), ("run.estimates.h5", "2.1", "3.0", "format_version"),
        ] {
            try setVersion(found, of: name)
            let outcome = try bench.smoothness("verify", name)
            #expect(outcome.exitCode == 65 && outcome.standardError.isEmpty)
            let kind = name == "run.h5" ? "a run file" : "an estimates file"
            #expect(
                outcome.standardOutput == """
                    FAILED opens as \(kind): at \(place), expected \(expected), found \(found)
                    \(name): NOT VALID, 0 of 1 checks passed

                    """)
        }
    }

    @Test(arguments: [Reader.estimate, .plot, .verify]) func truncated(reader: Reader) throws {
        let what = "is truncated: truncated file: eof = *, stored_eof = * (File has been truncated)"
        let cases = [("run.h5", 30_000), ("run.h5", 900), ("run.estimates.h5", 20_000)]
        for (source, byteCount) in reader == .verify ? cases : [cases[reader.readsText ? 2 : 0]] {
            try truncate(source, to: "short.h5", byteCount: byteCount)
            #expect(try bench.bytes("short.h5").count == byteCount)
            try bench.expectRefusal(
                [reader.rawValue, "short.h5"], code: 65,
                "\(reader.prefix)short.h5: \(what). Copy it again from where it was written")
        }
    }

    @Test(arguments: [Reader.plot]) func truncatedEstimatesOfARun(reader: Reader) throws {
        try truncate("run.estimates.h5", to: "run.estimates.h5", byteCount: 20_000)
        try bench.expectRefusal(
            [reader.rawValue, "run.h5"], code: 65,
            "@/run.estimates.h5: is truncated: truncated file: * (File has been truncated). Copy it again, or make it again "
                + "with --force.")
    }

    @Test(arguments: [Reader.fit, .plot]) func estimatesThatAreNotThere(reader: Reader) throws {
        try FileManager.default.removeItem(atPath: bench.path("run.estimates.h5"))
        try bench.expectRefusal(
            [reader.rawValue, "run.h5"], code: 66,
            "run.h5: has not been estimated (expected @/run.estimates.h5). Run: smoothness estimate run.h5")
    }

    @Test(arguments: [Reader.fit]) func estimatesOfAnotherRun(reader: Reader) throws {
        try bench.succeed(
            "train", "--objective", "quadratic", "--iterations", "12", "--threads", "1", "-o", "run.h5", "--force")
        try bench.expectRefusal(
            [reader.rawValue, "run.h5"], code: 65,
            "@/run.estimates.h5: /@run_id: was made from another run (expected *, found *). "
                + "Run: smoothness estimate --force run.h5")
    }

    @Test(
        "a description of something else is named by file and key, with what belongs there and what is there",
        arguments: [
            (
                "run.estimates.h5", ["inspect", "run.estimates.h5"], "\"delta\":0.5", "\"delta\":\"x\"",
                "run.estimates.h5: /configuration: grid.spacing.delta: the configuration of the estimate cannot be read "
                    + "(expected a number, found *)"
            ),
            (
                "run.estimates.h5", ["inspect", "--config", "run.estimates.h5"], "\"delta\"", "\"dolor\"",
                "run.estimates.h5: /configuration: grid.spacing.delta: the configuration of the estimate cannot be read "
                    + "(expected a value, found nothing)"
            ),
            (
                "run.estimates.h5", ["fit", "run.estimates.h5"], "\"zhang-paper\"", "\"other-paper\"",
                "run.estimates.h5: /configuration: mode: the configuration of the estimate cannot be read "
                    + "(found *other-paper*)"
            ),
            (
                "run.h5", ["inspect", "--config", "run.h5"], "\"learning_rate\"", "\"learning_rats\"",
                "run.h5: /optimizer: learning_rate: the description of the training cannot be read "
                    + "(expected a value, found nothing)"
            ),
            (
                "run.h5", ["inspect", "--config", "run.h5"], "\"rotations\":0", "\"rotations\":\"",
                "run.h5: /objective: the description of the objective cannot be read (found *)"
            ),
            (
                "run.h5", ["estimate", "run.h5", "-o", "new.h5"], "\"kind\":\"quadratic\"", "\"kind\":\"quadrotic\"",
                "@/run.h5: kind: this kind of objective is not known (expected one of *, found 'quadrotic'). "
                    + "It may have been written by a newer smoothness"
            ),
        ])
    func wrongDescription(
        file: String, arguments: [String], old: String, new: String, message: String
    ) throws {
        // Texts of one length lie at one place, so that the file stays whole.
        var bytes = try bench.bytes(file)
        let range = try #require(bytes.range(of: Data(old.utf8)))
        let padding = String(repeating: " ", count: max(0, old.utf8.count - new.utf8.count))
        bytes.replaceSubrange(range, with: Data((new + padding).utf8.prefix(old.utf8.count)))
        try bytes.write(to: URL(filePath: bench.path(file)))
        try bench.expectRefusal(arguments, code: 65, message)
    }

    @Test("--resume reads run files and nothing else") func resume() throws {
        try bench.write("precious\n", to: "text.h5")
        try makeForeignFile("foreign.h5")
        try truncate("run.h5", to: "short.h5", byteCount: 30_000)
        for (name, code, message) in [
            ("no.h5", 66, "there is no such file"),
            ("text.h5", 65, "is not an HDF5 file (expected a smoothness-run file)"),
            (
                "foreign.h5", 65,
                "/@format: is HDF5 but not a run file (expected \"smoothness-run\", found no such attribute)"
            ),
            (
                "run.estimates.h5", 65,
                "/@format: is HDF5 but not a run file (expected \"smoothness-run\", found \"smoothness-estimates\")"
            ),
            ("short.h5", 65, "is truncated: * (File has been truncated). Copy it again from where it was written"),
        ] as [(String, Int32, String)] {
            try bench.expectRefusal(["train", "--resume", name], code: code, "@/\(name): \(message)")
        }
        try setVersion("2.0", of: "run.h5")
        try bench.expectRefusal(
            ["train", "--resume", "run.h5"], code: 65,
            "@/run.h5: /@format_version: has a newer version of the format (expected 1.x, found 2.0). "
                + "Use a newer smoothness")
    }
}
