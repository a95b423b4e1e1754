import Analysis
import Essentials
import Fitting
import Foundation
import Reporting
import TestSupport
import Testing

private let gnuplotPath = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { "\($0)/gnuplot" }.first { FileManager.default.isExecutableFile(atPath: $0) }

/// Pictures of several panels, bands, and their sizes.
@Suite struct PanelTests {
    private func points(_ seed: UInt64) -> SmoothnessPoints {
        var generator = SeededGenerator(seed: seed, purpose: "test.panels")
        let g = (0..<25).map { _ in exp(generator.normal()) }
        return SmoothnessPoints(
            iteration: Array(0..<25), gradientNorm: g, smoothness: g.map { (1 + $0) * exp(0.2 * generator.normal()) })
    }

    private func every(_ plot: LinePlot, _ check: (String, Data) throws -> Void) throws {
        let folder = try TemporaryFolder()
        for ending in ["svg", "png", "pdf"] where gnuplotPath != nil {
            let path = folder.path("plot.\(ending)")
            try plot.write(to: path)
            try check(ending, try Data(contentsOf: URL(filePath: path)))
        }
        for ending in ["csv", "vl.json"] {
            let path = folder.path("plot.\(ending)")
            try plot.write(to: path)
            try check(ending, try Data(contentsOf: URL(filePath: path)))
        }
    }

    /// The band holds the quantiles that it says, as computed anew.
    @Test func drawsTheCurveOverGammaAsABand() throws {
        var generator = SeededGenerator(seed: 3, purpose: "test.band")
        let gammas = [0.25, 0.5, 0.75, 1]
        var values = (0..<41).map { _ in gammas.map { _ in 1 + generator.uniform() } }
        values[3][1] = .nan
        let errors = values.map { $0.map { 0.1 * $0 } }
        let plot = try LinePlot.band(gammas: gammas, values, errors: errors, title: "band")
        let curves = plot.panels[0].curves
        #expect(curves.map(\.name).prefix(2) == ["5 % to 95 %", "25 % to 75 %"] && curves.count == 3)
        for (place, point) in curves[2].points.enumerated() {
            let column = values.map { $0[place] / ($0.filter(\.isFinite).max() ?? 1) }.filter(\.isFinite).sorted()
            #expect(point.x == gammas[place])
            if place != 1 {
                // 41 numbers: quantiles that are one of them.
                #expect(point.y == column[20])
                #expect(curves[0].intervals[place].low == column[2] && curves[0].intervals[place].high == column[38])
                #expect(curves[1].intervals[place].low == column[10] && curves[1].intervals[place].high == column[30])
                #expect(abs((curves[2].intervals[place].high - point.y) - 0.1 * column[20]) < 1e-12)
            }
        }
        try every(plot) { ending, data in
            switch ending {
            case "csv":
                #expect(String(decoding: data, as: UTF8.self).hasPrefix("curve,gamma,relative_smoothness,low,high\n"))
            case "vl.json": #expect(String(decoding: data, as: UTF8.self).contains("\"type\": \"area\""))
            case "svg":
                let text = String(decoding: data, as: UTF8.self)
                #expect(text.contains("fill-opacity") && text.contains("25 % to 75 %") && text.contains("median; bars"))
            default: #expect(data.count > 5_000)
            }
        }
    }

    @Test func drawsAPanelForEveryBlock() throws {
        let names = (0..<7).map { "layer.\($0)" }
        var blocks = (0..<7).map { points(UInt64($0)) }
        // A block that did not move, and one whose gradient is always the same.
        blocks[5].smoothness = blocks[5].smoothness.map { _ in .nan }
        blocks[6].gradientNorm = blocks[6].gradientNorm.map { _ in 1 }
        let plot = try LinePlot.blocks(names, blocks, options: FitOptions(), title: "blocks")
        #expect(plot.panels.map(\.name) == names)
        #expect(plot.panels.map(\.curves.count) == [2, 2, 2, 2, 2, 1, 1])
        let line = try fit(blocks[2], options: FitOptions(replicates: 0)).leastSquares.line
        for point in plot.panels[2].curves[1].points { #expect(abs(point.y - line(point.x)) < 1e-12) }
        #expect(plot.panels[2].curves[0].points.map(\.y) == blocks[2].smoothness)
        try every(plot) { ending, data in
            let text = String(decoding: data, as: UTF8.self)
            switch ending {
            case "csv":
                #expect(text.hasPrefix("panel,curve,gradient_norm,smoothness\n"))
                #expect(text.split(separator: "\n").count == 1 + 6 * 25 + 5 * 41)
            case "vl.json":
                let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
                #expect((object?["concat"] as? [Any])?.count == 7 && object?["columns"] as? Int == 3)
            case "svg": for name in names { #expect(text.contains(name), "\(name)") }
            default: #expect(data.count > 5_000)
            }
        }
    }

    @Test func drawsSubsetsAgainstTheLargest() throws {
        let truth = (0..<12).map { 1 + Double($0) }
        func rows(_ name: String, _ factor: Double) -> SubsetRows {
            SubsetRows(
                name: name, iteration: Array(0..<12), smoothness: truth.map { factor * $0 },
                intervals: truth.map { (low: 0.9 * factor * $0, high: 1.1 * factor * $0) })
        }
        let plot = LinePlot.subsets([rows("10 %", 1.2), rows("100 %", 1)], title: "shares")
        #expect(plot.panels.count == 2 && plot.panels[1].curves.map(\.name) == ["10 %", "equal"])
        #expect(plot.panels[1].curves[0].points.map(\.x) == truth)
        try every(plot) { ending, data in
            let text = String(decoding: data, as: UTF8.self)
            if ending == "csv" {
                #expect(text.hasPrefix("panel,curve,iteration,smoothness,smoothness_largest,low,high\n"))
                #expect(text.split(separator: "\n").count == 1 + 12 * 3 + 2)
            }
            if ending == "svg" { #expect(text.contains("against the largest share") && text.contains("equal")) }
        }
    }

    /// With its width alone a picture for a column of a journal is about as high as wide, and a long title ends inside it in letters
    /// that can be read.
    @Test(.enabled(if: gnuplotPath != nil, "needs gnuplot"))
    func hasTheShapeOfAColumn() throws {
        let folder = try TemporaryFolder()
        let size = try PictureSize(width: 85, fontSize: 7)
        let title = "run.h5: LSTM language model, 1 layer × 32, embedding 32, tied, 74,514 parameters, 135 components"
        try ScatterPlot(
            points: points(1), report: try fit(points(1), options: FitOptions(replicates: 0)), title: title
        ).write(to: folder.path("scatter.svg"), size: size)
        try LinePlot.iterations(points(1), title: title).write(to: folder.path("lines.svg"), size: size)
        for name in ["scatter", "lines"] {
            let svg = try String(contentsOfFile: folder.path("\(name).svg"), encoding: .utf8)
            let box = try #require(svg.firstMatch(of: /viewBox="0 0 ([0-9]+) ([0-9]+)"/))
            let (width, height) = (Double(box.1) ?? 0, Double(box.2) ?? 0)
            #expect(width == 402 && height > 0.5 * width && height < 1.25 * width, "\(name): \(height)")
            #expect(svg.contains("run.h5: LSTM") && svg.contains("…") && !svg.contains("components"))
            let letters = svg.matches(of: /font-size="([0-9.]+)"/).compactMap { Double($0.1) }
            #expect((letters.min() ?? 0) > 0.6 * 7 / 72 * 120, "\(name): \(letters)")
        }
    }

    /// References of different curves differ in dash, so that a grey print tells them apart.
    @Test(.enabled(if: gnuplotPath != nil, "needs gnuplot"))
    func tellsReferencesApartInGrey() throws {
        let folder = try TemporaryFolder()
        let curves = (0..<3).map { group in
            LinePlot.Curve(
                name: "noise \(group)", points: [(0, Double(group)), (1, Double(group))], isReference: true,
                group: group)
        }
        try LinePlot(title: "t", horizontal: ("x", "x"), vertical: ("y", "y"), curves: curves).write(
            to: folder.path("r.svg"))
        let svg = try String(contentsOfFile: folder.path("r.svg"), encoding: .utf8)
        let dashes = Set(svg.matches(of: /stroke-dasharray='([0-9.,]+)'/).map { String($0.1) })
        #expect(dashes.count >= 3, "\(dashes)")
    }

    /// A picture is as wide as was asked for, and its letters are as high, whatever the format.
    @Test(.enabled(if: gnuplotPath != nil, "needs gnuplot"))
    func hasTheSizeAskedFor() throws {
        let folder = try TemporaryFolder()
        let size = try PictureSize(width: 101.6, height: 76.2, fontSize: 9)
        let scatter = try ScatterPlot(
            points: points(1), report: try fit(points(1), options: FitOptions(replicates: 0)), title: "t")
        for ending in ["png", "svg", "pdf", "vl.json"] {
            try scatter.write(to: folder.path("scatter.\(ending)"), size: size)
            try LinePlot.iterations(points(1), title: "t").write(to: folder.path("lines.\(ending)"), size: size)
        }
        for name in ["scatter", "lines"] {
            let png = try Data(contentsOf: URL(filePath: folder.path("\(name).png")))
            // 4 inches by 3 at 240 points an inch.
            #expect(png[16..<24] == Data([0, 0, 0x03, 0xC0, 0, 0, 0x02, 0xD0]), "\(name)")
            let svg = String(decoding: try Data(contentsOf: URL(filePath: folder.path("\(name).svg"))), as: UTF8.self)
            // 9/72 inch in units of 1/120 inch.
            #expect(svg.contains("viewBox=\"0 0 480 360\"") && svg.contains("font-size=\"15.00\""), "\(name)")
            let pdf = String(
                decoding: try Data(contentsOf: URL(filePath: folder.path("\(name).pdf"))), as: Unicode.ASCII.self)
            #expect(
                pdf.contains("/MediaBox [ 0 0 288 216 ]") || pdf.contains("/MediaBox [0 0 288 216]")
                    || !pdf.contains("/MediaBox"))
            let vega =
                try JSONSerialization.jsonObject(
                    with: try Data(contentsOf: URL(filePath: folder.path("\(name).vl.json")))) as? [String: Any]
            #expect(vega?["width"] as? Double == 384 && vega?["height"] as? Double == 288, "\(name)")
            let axis = (vega?["config"] as? [String: Any])?["axis"] as? [String: Any]
            #expect(axis?["labelFontSize"] as? Double == 12, "\(name)")
        }
        for (width, fontSize) in [(10.0, 8.0), (5000, 8), (.nan, 8), (100, 0), (100, 100)] {
            #expect(throws: SmoothnessError.self) { try PictureSize(width: width, fontSize: fontSize) }
        }
    }
}
