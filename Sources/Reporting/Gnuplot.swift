import Essentials
import Foundation
import Interprocess

/// What gnuplot draws: a script and the data that it reads.
protocol GnuplotDrawing {
    /// Blocks of numbers, two empty lines between them.
    func data() -> String
    /// The commands that draw, made of constants and numbers: a text is `texts.add(…)`, the data file is the variable `data`, and its blocks begin with 1.
    func script(_ texts: inout GnuplotTexts) -> String
}

/// The titles, labels and names of a picture, which a script knows by number alone.
///
/// gnuplot runs commands that stand in backquotes, and knows `system`, `!` and pipes. So no text is ever part of a script: texts are the first block of the
/// data file, where gnuplot reads strings and interprets nothing but backslashes and quotes; the script is the same for all texts of the same lengths.
struct GnuplotTexts {
    private(set) var all: [String] = []
    let isForSVG: Bool

    /// - Returns: the expression that stands for the text.
    mutating func add(_ text: String) -> String {
        all.append(text)
        return "texts[\(all.count)]"
    }

    /// One line a text; the mark before each keeps blanks and empty ones.
    var block: String { all.map { "=" + Escaping.gnuplot($0, isForSVG: isForSVG) + "\n" }.joined() }

    /// Reads them, and finds out what the files are called: no name is part of a script either. One that begins with `<`, `|`, `-` or `~` would be more than
    /// a name to gnuplot, therefore the folder before it.
    var reading: String {
        """
        # Drawn by gnuplot 5.4 or later: gnuplot -d PICTURE.gnuplot. All texts and numbers stand in PICTURE.dat.
        name = ARG0[1:strlen(ARG0)-8]
        if (name[1:1] ne '/') name = './'.name
        data = name.'.dat'
        set encoding utf8
        array texts[\(all.count)]
        set datafile separator "\\t"
        set datafile commentschars ""
        set table $unused
        plot [0:\(all.count)] [-1:1] data index 0 using (texts[int($0)+1] = strcol(1)[2:*], $0):(0)
        unset table
        set datafile separator
        set datafile commentschars

        """
    }
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

    /// A long title gets smaller letters, down to two thirds, and then an ellipsis, so that it ends inside a picture that has room
    /// for `characters` letters of `fontSize`.
    static func fitted(
        title: String, characters: Double, fontSize: Double
    ) -> (text: String, fontSize: Double) {
        let smallest = 0.65
        let room = max(Int(characters / smallest), 8)
        // Scalars: a Character may have any number of marks.
        let scalars = Escaping.label(title).unicodeScalars
        let text = scalars.count > room ? String(scalars.prefix(room - 1)) + "…" : String(scalars)
        return (text, fontSize * max(smallest, min(1, characters / Double(max(text.unicodeScalars.count, 1)))))
    }

    /// The script and its data.
    static func files(of drawing: some GnuplotDrawing, isForSVG: Bool) -> (script: String, data: String) {
        var texts = GnuplotTexts(isForSVG: isForSVG)
        let drawn = drawing.script(&texts)
        return (texts.reading + drawn, texts.block + "\n\n" + drawing.data())
    }

    /// Draws the picture at `path`, whole or not at all.
    func draw(_ drawing: some GnuplotDrawing, to path: String) throws {
        let (script, data) = Self.files(of: drawing, isForSVG: path.lowercased().hasSuffix(".svg"))
        guard let program, FileManager.default.isExecutableFile(atPath: program) else {
            throw try leave(script, data, beside: path, because: "gnuplot is not installed or not on the search path")
        }
        let place = FileManager.default.temporaryDirectory.appending(path: "smoothness-plot").path
        FileInTheMaking.removeLeftovers(of: place)
        let folder = URL(filePath: FileInTheMaking.name(for: place))
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw SmoothnessError(
                .inputOutput, "no temporary folder for the plot: \(error.localizedDescription)", file: folder.path)
        }
        defer { try? FileManager.default.removeItem(at: folder) }
        try writeAtomically(data, to: folder.appending(path: "plot.dat").path)
        try writeAtomically(script, to: folder.appending(path: "plot.gnuplot").path)

        let (end, complaint) = try Self.run(program, in: folder)
        let picture = FileManager.default.contents(atPath: folder.appending(path: "plot").path) ?? Data()
        guard end == .exit(0), !picture.isEmpty else {
            let said = complaint.split(whereSeparator: \.isNewline).joined(separator: "; ")
            throw try leave(
                script, data, beside: path,
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
            // -d: no settings of the user or the machine. Numbers in the script have points; gnuplot follows the locale unless told not to.
            end = try SpawnedProcess(
                program, ["-d", "plot.gnuplot"],
                environment: ProcessInfo.processInfo.environment.merging(["LC_NUMERIC": "C"]) { $1 },
                directory: folder.path, output: .null, errors: .descriptor(file.fileDescriptor)
            ).wait()
        } catch { throw SmoothnessError(.cannotCreate, "gnuplot cannot be started: \(error)", file: program) }
        let said = FileManager.default.contents(atPath: complaints.path) ?? Data()
        return (end, String(decoding: said.prefix(2000), as: UTF8.self))
    }

    /// Leaves `PATH.gnuplot` and `PATH.dat`, from which `gnuplot` makes the picture later.
    private func leave(
        _ script: String, _ data: String, beside path: String, because reason: String
    ) throws -> SmoothnessError {
        try OutputKind.requireReplaceable(path + ".dat", by: [.plotData], isForced: false)
        try OutputKind.requireReplaceable(path + ".gnuplot", by: [.plotScript], isForced: false)
        try writeAtomically(data, to: path + ".dat")
        try writeAtomically(script, to: path + ".gnuplot")
        let folder = URL(filePath: path).deletingLastPathComponent().path
        // Behind ./ because gnuplot takes a name that begins with < for a command.
        let name = Escaping.shell("./" + URL(filePath: path).lastPathComponent + ".gnuplot")
        return SmoothnessError(
            .cannotCreate, "the picture was not drawn: \(reason)", file: path,
            remedy: "Script and data are left beside it: run gnuplot -d \(name) in \(folder), "
                + "or write .vl.json or .csv, which need no gnuplot.")
    }
}
