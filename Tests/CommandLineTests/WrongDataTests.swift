import Essentials
import Foundation
import TestSupport
import Testing

/// Texts and tables that cannot be trained on, and such that changed or moved since.
@Suite("Data that cannot be trained on")
struct WrongDataTests {
    private let bench: Workbench
    private let text = "one two three four five six seven eight nine ten eleven twelve\n"

    init() throws { bench = try Workbench() }

    private func train(_ arguments: [String]) -> [String] {
        ["train", "--threads", "1", "--iterations", "4", "--save", "every=1", "-o", "run.h5"] + arguments
    }

    private var small: [String] {
        ["--hidden", "4", "--embedding", "4", "--layers", "1", "--batch-size", "2", "--sequence-length", "3"]
    }

    @Test func texts() throws {
        try bench.write("", to: "empty.txt")
        try bench.write("\n\n", to: "blank.txt")
        try bench.write("a b\n", to: "short.txt")
        try Data([0x61, 0xFF, 0xFE, 0x0A]).write(to: URL(filePath: bench.path("latin.txt")))
        try FileManager.default.createDirectory(atPath: bench.path("folder"), withIntermediateDirectories: false)
        for (name, code, message) in [
            ("no.txt", 66, "cannot be read: No such file or directory"),
            ("empty.txt", 65, "is empty (expected text, one sentence a line, found 0 bytes)"),
            (
                "blank.txt", 65,
                "holds no words (expected text, one sentence a line, found 2 lines of white space)"
            ),
            (
                "short.txt", 65,
                "has too few lines to hold some out (expected at least 2 lines, found 1). Name a held-out text with "
                    + "--valid, or give a longer text"
            ),
            (
                "latin.txt", 65,
                "byte 1 (line 1): is not text in UTF-8 (expected a character in UTF-8, found a byte 0xff). Convert the file "
                    + "to UTF-8, or read it with --tokens bytes"
            ),
            ("folder", 65, "is not a data file (expected a file, found a folder)"),
        ] as [(String, Int32, String)] {
            try bench.expectRefusal(train(["--data", name] + small), code: code, "\(name): \(message)")
        }
        try bench.write(String(repeating: text, count: 20), to: "text.txt")
        try bench.expectRefusal(
            train(["--data", "text.txt", "--valid", "empty.txt"] + small), code: 65,
            "empty.txt: is empty (expected text, one sentence a line, found 0 bytes)")
        try bench.expectRefusal(
            train(["--data", "text.txt", "--valid", "no.txt"] + small), code: 66,
            "no.txt: cannot be read: No such file or directory")
    }

    @Test func tables() throws {
        try bench.write("", to: "empty.csv")
        try bench.write("x,y,label\n", to: "header.csv")
        try bench.write("1,2,0\n3,four,1\n", to: "word.csv")
        try bench.write("1,2,0\n3,1\n", to: "ragged.csv")
        try bench.write("1,2,0\n3,1,7\n", to: "label.csv")
        try bench.write("1,2,0\n3,nan,1\n", to: "nan.csv")
        for (name, message) in [
            ("empty.csv", "holds no samples (expected lines of numbers, the label last, found an empty file)"),
            (
                "header.csv",
                "holds no samples (expected lines of numbers, the label last, found no line of numbers)"
            ),
            ("word.csv", "line 2: a field is not a finite number (expected a number, found 'four')"),
            ("ragged.csv", "line 2: has the wrong number of columns (expected 3, found 2)"),
            (
                "label.csv",
                "line 2: the label in the last column is not binary (expected 0 or 1, or −1 or +1, found 7)"
            ),
            ("nan.csv", "line 2: a field is not a finite number (expected a number, found 'nan')"),
        ] {
            try bench.expectRefusal(
                train(["--objective", "logistic-regression", "--data", name]), code: 65, "\(name): \(message)")
        }
    }

    @Test("a changed file is refused with both digests; moved data is found by --data") func changedAndMoved() throws {
        try bench.write("0.5,1,0\n-1,2,1\n0.25,-0.5,1\n1,1,0\n", to: "samples.csv")
        try bench.succeed(train(["--objective", "logistic-regression", "--data", "samples.csv"]))
        try FileManager.default.moveItem(atPath: bench.path("samples.csv"), toPath: bench.path("moved.csv"))
        let digest = Digest(of: [UInt8](try bench.bytes("moved.csv")))
        try bench.expectRefusal(
            ["estimate", "run.h5", "--subset", "1"], code: 66,
            "samples.csv: there is no such file (expected the data file with SHA-256 \(digest.sha256), 33 bytes). "
                + "Say where it is now with --data")
        let whole = try bench.succeed(
            "estimate", "run.h5", "--subset", "1", "--data", "moved.csv", "--format", "csv", "-o", "whole.h5")
        try bench.write("0.5,1,0\n-1,2,1\n0.25,-0.5,1\n1,1,1\n", to: "samples.csv")
        for arguments in [["estimate", "run.h5", "--subset", "1"], ["estimate", "run.h5", "--data", "samples.csv"]] {
            try bench.expectRefusal(
                arguments, code: 65,
                "samples.csv: is not the file that this objective was made from (expected SHA-256 "
                    + "\(digest.sha256), 33 bytes, found SHA-256 *, 33 bytes). Restore the original file or say with --data where a copy is"
            )
        }
        // Back in its place, without a word about where it is.
        try FileManager.default.removeItem(atPath: bench.path("samples.csv"))
        try FileManager.default.moveItem(atPath: bench.path("moved.csv"), toPath: bench.path("samples.csv"))
        let again = try bench.succeed("estimate", "run.h5", "--subset", "1", "--format", "csv")
        #expect(again.standardOutput == whole.standardOutput)
    }

    @Test("a text moves with the text held out beside it, and generated data needs no --data") func movedText() throws {
        for folder in ["here", "there"] {
            try FileManager.default.createDirectory(atPath: bench.path(folder), withIntermediateDirectories: false)
        }
        try bench.write(String(repeating: text, count: 20), to: "here/text.txt")
        try bench.write(String(repeating: text, count: 3), to: "here/valid.txt")
        try bench.succeed(train(["--data", "here/text.txt", "--valid", "here/valid.txt"] + small))
        for name in ["text.txt", "valid.txt"] {
            try FileManager.default.moveItem(
                atPath: bench.path("here/\(name)"), toPath: bench.path("there/\(name)"))
        }
        let estimate = ["estimate", "run.h5", "--threads", "1", "--delta", "1", "--components", "0-3"]
        try bench.expectRefusal(estimate, code: 66, "here/text.txt: there is no such file *")
        try bench.succeed(estimate + ["--data", "there/text.txt"])
    }
}
