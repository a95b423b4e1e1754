import Analysis
import Essentials
import Fitting
import Foundation
import FoundationXML
import Reporting
import TestSupport
import Testing

private let gnuplotPath = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { "\($0)/gnuplot" }.first { FileManager.default.isExecutableFile(atPath: $0) }

@Suite struct PlotTests {
    /// 120 points over about two decades; a few of them unusable.
    private func plot(title: String = "run", scale: Double = 1, fitted: Bool = true) throws -> ScatterPlot {
        var generator = SeededGenerator(seed: 7, purpose: "test.plot")
        let g = (0..<120).map { exp(2.5 - 4 * Double($0) / 120 + 0.3 * generator.normal()) }
        var points = SmoothnessPoints(
            iteration: (0..<120).map { 5 * $0 }, gradientNorm: g,
            smoothness: g.map { scale * (0.5 + $0) * exp(0.3 * generator.normal()) },
            effectiveLearningRate: g.map { min(0.5, 0.4 / $0) }, stepNorm: g.map { min(0.5 * $0, 0.4) })
        points.smoothness[3] = .nan
        points.gradientNorm[4] = 0
        return try ScatterPlot(
            points: points, report: fitted ? try fit(points, options: FitOptions(replicates: 0)) : nil, title: title)
    }

    private func failure(_ body: () throws -> Void) -> SmoothnessError? {
        do {
            try body()
            return nil
        } catch { return error as? SmoothnessError }
    }

    private func members(_ folder: TemporaryFolder) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: folder.url.path))
    }

    @Test func writesTheData() throws {
        let plot = try plot()
        let folder = try TemporaryFolder()
        try plot.write(to: folder.path("scatter.csv"))
        let text = String(decoding: try Data(contentsOf: URL(filePath: folder.path("scatter.csv"))), as: UTF8.self)
        let records = try parseCSV(text)
        #expect(
            records[0].map(\.text) == [
                "iteration", "gradient_norm", "smoothness", "log10_gradient_norm", "log10_smoothness", "step_norm",
                "effective_learning_rate", "step_size_reference", "least_squares", "upper_envelope", "quantile",
                "power_law", "left_out",
            ])
        #expect(records.count == 121)
        #expect(records[4].last?.text == "nonFinite" && records[5].last?.text == "zeroGradientNorm")
        #expect(records[1].last?.text == "")
        func value(_ column: Int) throws -> Double { try #require(Double(records[1][column].text)) }
        let line = try #require(plot.report).leastSquares.line
        #expect(try value(3) == log10(try value(1)) && value(4) == log10(try value(2)))
        #expect(try value(7) == 2 / (try value(6)) && value(8) == line(try value(1)))
        // What was plotted can be fitted again.
        let again = try fit(try readPoints(csv: folder.path("scatter.csv")), options: FitOptions(replicates: 0))
        #expect(again == plot.report)
        #expect(try members(folder) == ["scatter.csv"])
    }

    @Test func writesVegaLite() throws {
        let plot = try plot(title: "a \"quoted\" \\ title")
        let folder = try TemporaryFolder()
        try plot.write(to: folder.path("scatter.vl.json"))
        let data = try Data(contentsOf: URL(filePath: folder.path("scatter.vl.json")))
        let specification = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(specification["$schema"] as? String == "https://vega.github.io/schema/vega-lite/v5.json")
        #expect((specification["title"] as? [String: Any])?["text"] as? String == "a \"quoted\" \\ title")
        let encoding = try #require(specification["encoding"] as? [String: [String: Any]])
        for (channel, field) in [("x", "gradient_norm"), ("y", "smoothness")] {
            #expect(encoding[channel]?["field"] as? String == field)
            #expect((encoding[channel]?["scale"] as? [String: Any])?["type"] as? String == "log")
        }
        let layers = try #require(specification["layer"] as? [[String: Any]])
        var sizes: [String: Int] = [:]
        for layer in layers {
            let source = try #require(layer["data"] as? [String: Any])
            let values = try #require(source["values"] as? [[String: Any]])
            sizes[try #require(source["name"] as? String)] = values.count
            for value in values {
                #expect(value["gradient_norm"] as? Double ?? -1 > 0 && value["smoothness"] as? Double ?? -1 > 0)
            }
        }
        #expect(sizes == ["points": 118, "fits": 804, "step_size_reference": 118])
        let color = (layers[1]["encoding"] as? [String: [String: Any]])?["color"]
        #expect(color?["field"] as? String == "iteration")
        #expect((color?["scale"] as? [String: Any])?["scheme"] as? String == "viridis")
    }

    @Test(.enabled(if: gnuplotPath != nil, "needs gnuplot"), arguments: ["svg", "png", "pdf"])
    func drawsPictures(_ ending: String) throws {
        let folder = try TemporaryFolder()
        let path = folder.path("scatter.\(ending)")
        try plot(title: "5 % < \"run\" & 'more'").write(to: path)
        let data = try Data(contentsOf: URL(filePath: path))
        switch ending {
        case "png":
            #expect(data.prefix(8) == Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
            #expect(data[16..<24] == Data([0, 0, 0x07, 0x80, 0, 0, 0x05, 0x50]), "1920 by 1360 pixels")
        case "pdf": #expect(data.prefix(5) == Data("%PDF-".utf8) && data.suffix(8).contains(Data("%%EOF".utf8)))
        default:
            let text = String(decoding: data, as: UTF8.self)
            let delegate = SVGTexts()
            let parser = XMLParser(data: data)
            parser.delegate = delegate
            #expect(parser.parse())
            let shown = delegate.text
            for label in [
                "5 % < \"run\" & 'more'", "gradient norm", "local smoothness", "iteration k", "least squares: L₀ = ",
                "upper envelope: L₀ = ", "quantile 0.95: L₀ = ", "power law: ρ = ", "2/η_eff",
                "iterates, n = 118 (2 left out)",
            ] {
                #expect(shown.contains(label), "\(label)")
            }
            #expect(text.contains("960") && !shown.contains("nan"))
        }
        // Nothing but the picture is left.
        #expect(try members(folder) == ["scatter.\(ending)"])
    }

    /// Points alone, few of them, one of them, and data far from 1 can be drawn too.
    @Test(.enabled(if: gnuplotPath != nil, "needs gnuplot"))
    func drawsUnusualData() throws {
        let folder = try TemporaryFolder()
        try plot(fitted: false).write(to: folder.path("alone.svg"))
        try plot(scale: 1e-200).write(to: folder.path("small.svg"))
        try plot(scale: 1e200).write(to: folder.path("large.svg"))
        let one = SmoothnessPoints(iteration: [7], gradientNorm: [0.3], smoothness: [2])
        try ScatterPlot(points: one, title: "").write(to: folder.path("one.svg"))
        #expect(try members(folder).count == 4)
    }

    /// Text from a file is shown and never executed.
    @Test(.enabled(if: gnuplotPath != nil, "needs gnuplot"))
    func executesNothing() throws {
        let folder = try TemporaryFolder()
        let marker = folder.path("executed")
        let title = "`touch \(marker)` '; system('touch \(marker)'); set title '\n!touch \(marker)\n$(touch \(marker))"
        try plot(title: title).write(to: folder.path("scatter.svg"))
        #expect(try members(folder) == ["scatter.svg"])
        let text = String(decoding: try Data(contentsOf: URL(filePath: folder.path("scatter.svg"))), as: UTF8.self)
        #expect(text.contains("`touch"))
    }

    /// What gnuplot is told is a function of numbers: no text is part of a script, so that none can be a command, whatever it holds.
    @Test func scriptsHoldNoText() throws {
        let hostile = "`touch X` '\u{301}; system('touch X') \"\\042 @x@ %s\n!touch X\n"
        let harmless = String(repeating: "a", count: Escaping.terminal(hostile).unicodeScalars.count)
        func left(_ text: String, _ name: String) throws -> (script: String, data: String) {
            let folder = try TemporaryFolder()
            let path = folder.path("\(name).svg")
            #expect(failure { try plot(title: text).write(to: path, gnuplot: "/nowhere/gnuplot") } != nil)
            let scatter = try String(contentsOfFile: path + ".gnuplot", encoding: .utf8)
            let curve = LinePlot.Curve(name: text, points: [(x: 1, y: 2), (x: 2, y: 3)], group: 0)
            let panel = LinePlot.Panel(
                name: text, horizontal: (name: "x", label: text), vertical: (name: "y", label: text), curves: [curve])
            var lines = LinePlot(title: text, panels: [panel, panel])
            lines.note = text
            #expect(failure { try lines.write(to: path, gnuplot: "/nowhere/gnuplot") } != nil)
            return (
                scatter + (try String(contentsOfFile: path + ".gnuplot", encoding: .utf8)),
                try String(contentsOfFile: path + ".dat", encoding: .utf8)
            )
        }
        let (one, other) = (try left(hostile, "<touch X"), try left(harmless, "plain"))
        #expect(one.script == other.script && !one.script.contains("touch"))
        for word in ["`", "system", "\n!", "load", "eval", "call", "'<", "\"<", "'|", "\"|", "shell"] {
            #expect(!one.script.contains(word), "\(word)")
        }
        #expect(one.data.contains("`touch X`") && !one.data.contains("\n!"))
    }

    /// Every text is shown as it is.
    @Test(.enabled(if: gnuplotPath != nil, "needs gnuplot"))
    func showsTextsAsTheyAre() throws {
        let folder = try TemporaryFolder()
        for text in [
            "a \"quoted\" \\n \\101 'x'", "{/Symbol a}_x^2 &amp; &#x41; ]]> <b>", " = # % %s ‖∇f‖ 𝔘",
            "d'\u{301} @ `ls`",
        ] {
            let curve = LinePlot.Curve(name: "c " + text, points: [(x: 1, y: 2), (x: 2, y: 3)], group: 0)
            let plot = LinePlot(
                title: text, horizontal: (name: "x", label: "x " + text), vertical: (name: "y", label: "y " + text),
                curves: [curve])
            try plot.write(to: folder.path("texts.svg"))
            let delegate = SVGTexts()
            let parser = XMLParser(data: try Data(contentsOf: URL(filePath: folder.path("texts.svg"))))
            parser.delegate = delegate
            #expect(parser.parse(), "\(text)")
            for shown in [text, "c " + text, "x " + text, "y " + text] {
                #expect(delegate.text.contains(shown), "\(shown)")
            }
        }
    }

    @Test func leavesScriptAndDataWithoutGnuplot() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("it's.svg")
        try Data("old".utf8).write(to: URL(filePath: path))
        let plot = try plot()
        let error = try #require(failure { try plot.write(to: path, gnuplot: "/nowhere/gnuplot") })
        #expect(error.kind == .cannotCreate && error.file == path)
        #expect(
            error.description.contains("gnuplot is not installed")
                && error.description.contains("gnuplot -d './it'\\''s.svg.gnuplot' in"))
        #expect(try members(folder) == ["it's.svg", "it's.svg.gnuplot", "it's.svg.dat"])
        #expect(try String(contentsOf: URL(filePath: path), encoding: .utf8) == "old")
        guard let gnuplotPath else { return }
        // What was left makes the picture.
        let outcome = try run(gnuplotPath, ["-d", "./it's.svg.gnuplot"], directory: folder.url.path)
        #expect(outcome.exitCode == 0 && outcome.standardError.isEmpty, "\(outcome.standardError)")
        #expect(try String(contentsOf: URL(filePath: path), encoding: .utf8).contains("</svg>"))
    }

    @Test func reportsAFailingGnuplot() throws {
        let folder = try TemporaryFolder()
        try writeAtomically("#!/bin/sh\necho 'bad font' >&2\nexit 3\n", to: folder.path("gnuplot"))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path("gnuplot"))
        let plot = try plot()
        let error = try #require(
            failure { try plot.write(to: folder.path("scatter.pdf"), gnuplot: folder.path("gnuplot")) })
        #expect(error.description.contains("gnuplot ended with exit code 3: bad font"))
        #expect(try members(folder) == ["gnuplot", "scatter.pdf.dat", "scatter.pdf.gnuplot"])
    }

    @Test func refusesWhatItCannotWrite() throws {
        let folder = try TemporaryFolder()
        let plot = try plot()
        #expect(failure { try plot.write(to: folder.path("scatter.bmp")) }?.kind == .usage)
        #expect(failure { try plot.write(to: folder.path("absent/scatter.csv")) }?.kind == .cannotCreate)
        #expect(failure { try plot.write(to: folder.path("absent/scatter.svg")) }?.kind == .cannotCreate)
        try FileManager.default.createDirectory(atPath: folder.path("is.csv"), withIntermediateDirectories: false)
        #expect(failure { try plot.write(to: folder.path("is.csv")) }?.kind == .cannotCreate)
        let unusable = SmoothnessPoints(iteration: [0, 1], gradientNorm: [0, .nan], smoothness: [1, 1])
        let empty = try ScatterPlot(points: unusable, title: "")
        for ending in ["svg", "vl.json"] {
            #expect(failure { try empty.write(to: folder.path("empty.\(ending)")) }?.kind == .data)
        }
        #expect(try members(folder) == ["is.csv"])
        let ragged = SmoothnessPoints(iteration: [0, 1], gradientNorm: [1], smoothness: [1, 1])
        #expect(failure { _ = try ScatterPlot(points: ragged, title: "") }?.kind == .data)
    }

    @Test func alwaysHasTicks() {
        var generator = SeededGenerator(seed: 3, purpose: "test.axes")
        for _ in 0..<3000 {
            let center = pow(10, 60 * (generator.uniform() - 0.5))
            let span = pow(10, 12 * pow(generator.uniform(), 3))
            let axis = LogAxis(covering: [center, center * span])
            let ticks = axis.majorTicks
            #expect(ticks.count >= 2 && ticks.count <= 16, "\(axis)")
            #expect(ticks.allSatisfy { ($0.position >= axis.minimum) && ($0.position <= axis.maximum) })
            #expect(Set(ticks.map(\.label)).count == ticks.count)
            #expect(axis.minimum < center && axis.maximum > center * span)
        }
        #expect(LogAxis(covering: [0.9, 110]).majorTicks.map(\.label) == ["1", "2", "5", "10", "20", "50", "100"])
        #expect(LogAxis(covering: [2e5, 3e9]).majorTicks.map(\.label) == ["10⁶", "10⁷", "10⁸", "10⁹"])
        #expect(LogAxis(covering: [1, 1.2]).majorTicks.map(\.label) == ["1", "1.05", "1.1", "1.15", "1.2"])
        let wide = LogAxis(covering: [1, 10], nearby: [20, 1e9])
        #expect(wide.maximum > 20 && wide.maximum < 30)
        // What is far away for the data does not squash them.
        let narrow = LogAxis(covering: [2.9, 3.1], nearby: [20])
        #expect(narrow.maximum < 3.2 && narrow.minimum > 2.8)
    }
}

/// The texts of an SVG as they are shown, one after another.
private final class SVGTexts: NSObject, XMLParserDelegate {
    var text = ""
    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
}
