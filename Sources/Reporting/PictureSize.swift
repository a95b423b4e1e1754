import Essentials

/// How large a picture and its letters are in print.
public struct PictureSize: Sendable, Equatable {
    /// Millimetres; `nil` for what suits the kind of picture.
    public var width: Double?
    public var height: Double?
    /// Of the letters, in points.
    public var fontSize: Double

    public static let defaultFontSize = 8.0

    /// - Throws: `SmoothnessError(.usage)` for lengths out of range.
    public init(width: Double? = nil, height: Double? = nil, fontSize: Double = defaultFontSize) throws {
        for (name, length) in [("width", width), ("height", height)] {
            guard let length, !(30...2000).contains(length) else { continue }
            throw SmoothnessError(
                .usage, "the \(name) of a picture is out of range", expected: "30 to 2000 millimetres",
                found: "\(length)")
        }
        guard (3...72).contains(fontSize) else {
            throw SmoothnessError(
                .usage, "the size of the letters is out of range", expected: "3 to 72 points", found: "\(fontSize)")
        }
        (self.width, self.height, self.fontSize) = (width, height, fontSize)
    }

    private init() { (width, height, fontSize) = (nil, nil, Self.defaultFontSize) }

    /// Of every kind its own.
    public static let automatic = PictureSize()

    /// Millimetres in the 96 pixels an inch of Vega-Lite.
    func vegaPixels(_ length: Double) -> Double { (length / 25.4 * 96).rounded() }

    /// Members of a Vega-Lite specification: width and height where they were asked for, and the letters.
    func vegaMembers(width defaultWidth: Double, height defaultHeight: Double) -> [(String, JSONValue)] {
        let size: [(String, JSONValue)] = [
            ("width", .number(width.map(vegaPixels) ?? defaultWidth)),
            ("height", .number(height.map(vegaPixels) ?? defaultHeight)),
        ]
        let fit: [(String, JSONValue)] =
            width == nil && height == nil ? [] : [("autosize", ["type": "fit", "contains": "padding"])]
        return size + fit
    }

    /// `config` of a Vega-Lite specification.
    func vegaConfiguration(legend: [(String, JSONValue)]) -> JSONValue {
        let pixels = JSONValue.number((fontSize / 72 * 96 * 10).rounded() / 10)
        let letters: [(String, JSONValue)] =
            fontSize == Self.defaultFontSize ? [] : [("labelFontSize", pixels), ("titleFontSize", pixels)]
        return .object(
            [
                ("legend", .object([("labelLimit", .integer(500))] + legend + letters)),
                ("axis", .object([("gridColor", .string("#e6e6e6"))] + letters)),
            ] + (letters.isEmpty ? [] : [("title", ["fontSize": pixels])]))
    }
}

/// A terminal of gnuplot for one size and format. Lengths of a drawing are in units of 1/120 inch, whatever the format.
struct PictureTerminal {
    enum Format { case svg, png, pdf }

    let format: Format
    let width: Double
    let height: Double
    /// The height of the letters, in units.
    let em: Double

    /// - Parameters: `width`, `height`: in units, where the size does not say.
    init(_ format: Format, _ size: PictureSize, width: Double, height: Double) {
        func units(_ millimetres: Double) -> Double { (millimetres / 25.4 * 120).rounded() }
        self.format = format
        self.width = size.width.map(units) ?? width
        self.height = size.height.map(units) ?? height
        em = size.fontSize / 72 * 120
    }

    /// Units as a share of the whole width and height.
    func across(_ units: Double) -> Double { units / width }
    func up(_ units: Double) -> Double { units / height }

    /// What gnuplot has to be told for letters of that height.
    var fontSize: Double {
        switch format {
        case .svg: em
        case .png: em * 0.75
        case .pdf: em * 0.9
        }
    }

    /// The terminals' unit points differ; this makes them look alike.
    var pointScale: Double {
        switch format {
        case .svg: 0.75
        case .png: 1.1
        case .pdf: 0.7
        }
    }

    var setting: String {
        let font = "noenhanced font 'DejaVu Sans,\(fontSize)'"
        return switch format {
        case .svg: "svg size \(Int(width)),\(Int(height)) dynamic \(font) background 'white'"
        case .png:
            "pngcairo size \(Int(2 * width)),\(Int(2 * height)) \(font) fontscale 2 linewidth 2 pointscale 2 "
                + "background 'white'"
        case .pdf: "pdfcairo size \(width / 120)in,\(height / 120)in \(font) background 'white'"
        }
    }

    /// How many letters of ordinary width fit.
    func letters(in units: Double) -> Double { units / (0.6 * em) }

    /// Columns and rows of a legend for labels that stand in the whole width.
    func legend(_ labels: [String]) -> (columns: Int, rows: Int) {
        let widest = Double(labels.map(\.unicodeScalars.count).max() ?? 1) * 0.58 * em + 6 * em
        let columns = max(1, min(labels.count, Int((width - 3 * em) / widest)))
        return (columns, (labels.count + columns - 1) / columns)
    }
}
