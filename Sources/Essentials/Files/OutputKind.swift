import Foundation

/// A kind of file that commands make besides those of HDF5, and how a former one is told from everything else.
package struct OutputKind: Sendable {
    package let name: String
    /// What such a file begins with, one of these.
    private let beginnings: [String]
    /// What stands in its first bytes, one of these; nothing need stand there where this is empty.
    private let mentions: [String]

    private init(_ name: String, beginnings: [String], mentions: [String] = []) {
        self.name = name
        self.beginnings = beginnings
        self.mentions = mentions
    }

    package static let svg = OutputKind("SVG picture", beginnings: ["<?xml", "<svg"], mentions: ["<svg"])
    package static let png = OutputKind("PNG picture", beginnings: ["\u{89}PNG\r\n\u{1a}\n"])
    package static let pdf = OutputKind("PDF picture", beginnings: ["%PDF-"])
    package static let vegaLite = OutputKind(
        "Vega-Lite picture", beginnings: ["{"], mentions: ["vega.github.io/schema/vega-lite"])
    package static let page = OutputKind(
        "page", beginnings: ["<!DOCTYPE html>"], mentions: [#"name="generator" content="smoothness"#])
    package static let markdown = OutputKind("page in Markdown", beginnings: ["# "], mentions: ["Local smoothness"])
    package static let archive = OutputKind(
        "NumPy archive", beginnings: ["PK\u{3}\u{4}"], mentions: ["iteration.npy"])
    package static let events = OutputKind("event file", beginnings: [""], mentions: ["brain.Event:2"])
    package static let lines = OutputKind(
        "JSON lines", beginnings: [#"{"iteration": "#], mentions: ["gradient_norm", "smoothness"])
    /// The tables of all commands: their first column.
    package static let table = OutputKind(
        "table",
        beginnings: ["iteration", "gradient_norm", "group", "curve", "model", "run", "block", "theorem"].map {
            $0 + ","
        })
    package static let json = OutputKind(
        "result in JSON", beginnings: ["{"],
        mentions: [#""bootstrap" :"#, #""runs" :"#, #""blocks" :"#, #""intervalMethod" :"#])
    package static let latex = OutputKind(
        "table in LaTeX", beginnings: ["% "], mentions: [#"% \usepackage{booktabs}"#])
    package static let text = OutputKind(
        "result as text", beginnings: [""],
        mentions: [
            "Smoothness against gradient norm: ", "run by run\n", "Block by block, ", "What the theorems say for ",
        ])
    package static let optimizer = OutputKind(
        "optimizer in Python", beginnings: ["# "], mentions: ["optimizer = torch.optim."])
    package static let module = OutputKind("Python module", beginnings: [#""""smoothness_bridge: "#])
    /// What is left beside a picture that could not be drawn.
    package static let plotScript = OutputKind(
        "script of a plot", beginnings: ["# "], mentions: ["# Drawn by gnuplot "])
    package static let plotData = OutputKind("data of a plot", beginnings: ["="])

    /// What a result may be that `--format` gives its form.
    package static let results: [OutputKind] = [.text, .table, .json, .latex, .optimizer]

    /// How much of a file is looked at.
    private static let headLength = 8192

    /// Whether a file that begins like this is one.
    package func recognises(_ head: Data) -> Bool {
        beginnings.contains { head.starts(with: Self.bytes($0)) }
            && (mentions.isEmpty || mentions.contains { head.range(of: Self.bytes($0)) != nil })
    }

    /// All marks are of the first 256 characters, a byte each.
    private static func bytes(_ mark: String) -> Data {
        Data(mark.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
    }

    /// Refuses to write where something stands that the command does not make: it may replace a former output of the same kind and an empty file;
    /// everything else, HDF5 files among them, needs `isForced`. A folder, a pipe or a device is never replaced.
    /// - Parameter kinds: those that the command makes.
    /// - Throws: `SmoothnessError(.cannotCreate)`
    package static func requireReplaceable(_ path: String, by kinds: [OutputKind], isForced: Bool) throws {
        try FileInTheMaking.requireOrdinaryPlace(path)
        guard !isForced, FileInTheMaking.isTaken(path) else { return }
        let made = kinds.map(\.name).joined(separator: " or ")
        guard PlaceKind(path) == .file else {
            throw refusal(path, made, found: "a link that leads nowhere")
        }
        guard let head = try? BoundedFile(path).head(headLength) else {
            throw refusal(path, made, found: "a file that may not be read")
        }
        guard head.isEmpty || kinds.contains(where: { $0.recognises(head) }) else {
            let isHDF5 = head.starts(with: [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A])
            throw refusal(path, made, found: isHDF5 ? "an HDF5 file" : "something else")
        }
    }

    private static func refusal(_ path: String, _ made: String, found: String) -> SmoothnessError {
        SmoothnessError(
            .cannotCreate, "exists and is no output of this command", file: path, expected: made, found: found,
            remedy: "Write elsewhere, or replace it with --force")
    }
}
