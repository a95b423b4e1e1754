import Essentials
import Foundation
import Interprocess

/// What gnuplot draws: a script and the data that it reads.
protocol GnuplotDrawing {
    func data() -> String
    /// The script reads `dataFile` and writes `outputFile`, both named as they are.
    func script(dataFile: String, outputFile: String) -> String
}

/// The program gnuplot, run on a script in a temporary folder.
struct Gnuplot {
    /// `nil` where there is none.
    private let program: String?

    init(program: String?) { self.program = program ?? Self.onSearchPath() }

    static func onSearchPath() -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/gnuplot" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// A single-quoted string: gnuplot interprets nothing inside, backquotes included.
    static func quoted(_ text: String) -> String {
        let line = String(text.map { $0.isNewline ? " " : $0 })
        return "'" + line.replacing("'", with: "''") + "'"
    }

    /// A long title gets smaller letters, down to two thirds, and then an ellipsis, so that it ends inside a picture that has room
    /// for `characters` letters of `fontSize`.
    static func fitted(
        title: String, characters: Double, fontSize: Double
    ) -> (text: String, fontSize: Double) {
        let smallest = 0.65
        let room = max(Int(characters / smallest), 8)
        let text = title.count > room ? String(title.prefix(room - 1)) + "…" : title
        return (text, fontSize * max(smallest, min(1, characters / Double(max(text.count, 1)))))
    }

    /// Draws the picture at `path`, whole or not at all.
    func draw(_ drawing: some GnuplotDrawing, to path: String) throws {
        guard let program, FileManager.default.isExecutableFile(atPath: program) else {
            throw try leaveScript(drawing, beside: path, because: "gnuplot is not installed or not on the search path")
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "smoothness-plot-\(UUID().uuidString)")
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw SmoothnessError(
                .inputOutput, "no temporary folder for the plot: \(error.localizedDescription)", file: folder.path)
        }
        defer { try? FileManager.default.removeItem(at: folder) }
        try writeAtomically(drawing.data(), to: folder.appending(path: "plot.dat").path)
        try writeAtomically(
            drawing.script(dataFile: "plot.dat", outputFile: "plot.out"),
            to: folder.appending(path: "plot.gnuplot").path)

        let (end, complaint) = try Self.run(program, in: folder)
        let picture = FileManager.default.contents(atPath: folder.appending(path: "plot.out").path) ?? Data()
        guard end == .exit(0), !picture.isEmpty else {
            let said = complaint.trimmingCharacters(in: .whitespacesAndNewlines)
            throw try leaveScript(
                drawing, beside: path,
                because: "gnuplot ended with \(end)" + (said.isEmpty ? "" : ": \(said)"))
        }
        try writeAtomically(picture, to: path)
    }

    private static func run(_ program: String, in folder: URL) throws -> (end: ProcessEnd, complaint: String) {
        // To a file, so that a long complaint cannot fill a pipe and block.
        let complaints = folder.appending(path: "complaints.txt")
        let end: ProcessEnd
        do {
            try Data().write(to: complaints)
            let file = try FileHandle(forWritingTo: complaints)
            // Numbers in the script have points; gnuplot follows the locale unless told not to.
            end = try SpawnedProcess(
                program, ["plot.gnuplot"],
                environment: ProcessInfo.processInfo.environment.merging(["LC_NUMERIC": "C"]) { $1 },
                directory: folder.path, output: .null, errors: .descriptor(file.fileDescriptor)
            ).wait()
        } catch { throw SmoothnessError(.cannotCreate, "gnuplot cannot be started: \(error)", file: program) }
        let said = FileManager.default.contents(atPath: complaints.path) ?? Data()
        return (end, String(decoding: said.prefix(2000), as: UTF8.self))
    }

    /// Leaves `PATH.gnuplot` and `PATH.dat`, from which `gnuplot` makes the picture later.
    private func leaveScript(
        _ drawing: some GnuplotDrawing, beside path: String, because reason: String
    ) throws -> SmoothnessError {
        let name = URL(filePath: path).lastPathComponent
        try writeAtomically(drawing.data(), to: path + ".dat")
        try writeAtomically(drawing.script(dataFile: name + ".dat", outputFile: name), to: path + ".gnuplot")
        let folder = URL(filePath: path).deletingLastPathComponent().path
        return SmoothnessError(
            .cannotCreate, "the picture was not drawn: \(reason)", file: path,
            remedy: "Script and data are left beside it: run gnuplot \(name).gnuplot in \(folder), "
                + "or write .vl.json or .csv, which need no gnuplot.")
    }
}
