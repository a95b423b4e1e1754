import Essentials
import Fitting
import Foundation

/// The log–log scatter of local smoothness against gradient norm, with the fitted lines and the reference 2/η_eff, as data
/// and as a picture.
public struct ScatterPlot: Sendable {
    public var points: SmoothnessPoints
    /// Where the lines come from; `nil` for points alone.
    public var report: FitReport?
    /// One line above the picture, as `lstm, clip norm 0.25, learning rate 20`; shown as it is, never interpreted.
    public var title: String
    /// Both axes from 0 and evenly spaced, where a line is a line; logarithmic otherwise.
    public var isLinear = false

    /// The formats, by the end of the file name.
    public enum Format: String, Sendable, CaseIterable {
        case csv, svg, png, pdf
        case vegaLite = "vl.json"

        /// What gnuplot draws; `nil` for data.
        var picture: PictureTerminal.Format? {
            switch self {
            case .svg: .svg
            case .png: .png
            case .pdf: .pdf
            case .csv, .vegaLite: nil
            }
        }

        /// - Throws: `SmoothnessError(.usage)` for another ending.
        public init(path: String) throws {
            guard let format = Self.allCases.first(where: { path.lowercased().hasSuffix("." + $0.rawValue) }) else {
                throw SmoothnessError(
                    .usage, "the kind of plot follows from the end of the name, and this one is unknown", file: path,
                    expected: Self.allCases.map { "." + $0.rawValue }.joined(separator: ", "))
            }
            self = format
        }
    }

    /// - Throws: `SmoothnessError(.data)` for columns of different lengths.
    public init(points: SmoothnessPoints, report: FitReport? = nil, title: String) throws {
        try points.checkLengths()
        self.points = points
        self.report = report
        self.title = title
    }

    /// Writes the plot, whole or not at all, in the format that the path ends in.
    ///
    /// Pictures are drawn by gnuplot. Where it is missing, its script and data are left beside the output.
    /// - Parameter gnuplot: The program; `nil` for the first `gnuplot` on the search path.
    /// - Throws: `SmoothnessError` with kind `.usage` (ending), `.data` (no usable point to draw), `.cannotCreate` (output not
    ///   writable, gnuplot missing) or `.inputOutput`.
    public func write(to path: String, size: PictureSize = .automatic, gnuplot: String? = nil) throws {
        let format = try Format(path: path)
        if let picture = format.picture {
            return try Gnuplot(program: gnuplot).draw(GnuplotScatter(self, picture, size), to: path)
        }
        try writeAtomically(format == .csv ? data().csv() : vegaLite(size: size), to: path)
    }

    /// One row a point, in the order given, the unusable ones included with the reason in `left_out`; with the logarithms and
    /// the fitted values.
    public func data() -> Table {
        let fits = Law.drawn.map { report?[$0.law] }
        let reasons = (0..<points.count).map { points.reasonForLeavingOut($0) }
        return Table(
            columns: [
                "iteration", "gradient_norm", "smoothness", "log10_gradient_norm", "log10_smoothness", "step_norm",
                "effective_learning_rate", "step_size_reference",
            ] + Law.drawn.map(\.law.name) + ["left_out"],
            rows: (0..<points.count).map { index in
                let (g, l) = (points.gradientNorm[index], points.smoothness[index])
                let fitted = fits.indices.map { place in
                    TableValue.optional(fits[place].flatMap { Law.drawn[place].curve.value($0, g) })
                }
                let measured: [TableValue] = [
                    .integer(points.iteration[index]), .number(g), .number(l), .optional(g > 0 ? log10(g) : nil),
                    .optional(l > 0 ? log10(l) : nil), .optional(points.stepNorm?[index]),
                    .optional(points.effectiveLearningRate?[index]), .optional(reference(index)),
                ]
                return measured + fitted + [.optional(reasons[index]?.rawValue)]
            })
    }

    /// 2/η_eff at a point, where it is a positive finite number.
    func reference(_ index: Int) -> Double? {
        guard let step = points.effectiveLearningRate?[index], step > 0 else { return nil }
        let reference = 2 / step
        return reference.isFinite && reference > 0 ? reference : nil
    }

    /// The usable points and their frame.
    func drawing() throws -> ScatterDrawing { try ScatterDrawing(self) }
}

/// The texts of all pictures, in plain Unicode: no viewer and no terminal has to typeset anything.
enum ScatterText {
    static let gradientNorm = "gradient norm  ‖∇f(xₖ)‖"
    static let smoothness = "local smoothness  max_γ ‖∇f(xₖ + γd) − ∇f(xₖ)‖ / ‖γd‖"
    static let shortSmoothness = "local smoothness  L̂(xₖ)"
    static let iteration = "iteration k"
    /// - Parameter hidden: The references that lie outside the frame.
    static func reference(hidden: [Double]) -> String {
        "2/η_eff with η_eff = ‖d‖/‖∇f(xₖ)‖"
            + (hidden.isEmpty ? "" : " (\(hidden.count) outside, median \(significant(median(hidden), digits: 2)))")
    }
}

/// What any picture of the scatter needs: usable points, sampled lines, frame.
struct ScatterDrawing {
    struct Curve {
        var name: String
        /// What it shows, for legends.
        var label: String
        var look: LawCurve
        var points: [(gradientNorm: Double, smoothness: Double)]
    }

    var points: SmoothnessPoints
    var leftOut: Int
    var reference: [(gradientNorm: Double, smoothness: Double)]
    var curves: [Curve]
    var horizontal: LogAxis
    var vertical: LogAxis
    var isLinear: Bool
    /// First and last iteration, at least one apart.
    var iterations: (first: Int, last: Int)

    init(_ plot: ScatterPlot) throws {
        let (usable, counts) = try plot.points.usable()
        guard usable.count > 0 else {
            throw SmoothnessError(
                .data, "there is no usable point to draw", expected: "positive finite gradient norms and smoothness",
                found: "\(counts.given) points, none of them usable")
        }
        points = usable
        isLinear = plot.isLinear
        leftOut = counts.leftOut
        reference = (usable.effectiveLearningRate ?? []).enumerated().compactMap { index, step in
            step > 0 && (2 / step).isFinite && 2 / step > 0 ? (usable.gradientNorm[index], 2 / step) : nil
        }
        horizontal = LogAxis(covering: usable.gradientNorm)
        vertical = LogAxis(covering: usable.smoothness, nearby: reference.map(\.smoothness))
        let (first, last) = (usable.iteration[0], usable.iteration[usable.count - 1])
        iterations = (first, max(last, first < .max ? first + 1 : first))
        curves = (plot.report.map(LawCurve.drawn) ?? []).map { [horizontal] curve in
            Curve(
                name: curve.name, label: curve.label, look: curve.look,
                points: curve.sampled(from: horizontal.minimum, to: horizontal.maximum))
        }
    }

    /// The ends of even axes that begin at 0.
    var linearEnds: (gradientNorm: Double, smoothness: Double) {
        (1.04 * (points.gradientNorm.max() ?? 1), 1.06 * (points.smoothness.max() ?? 1))
    }

    /// Reference points that lie outside the frame.
    var hiddenReferences: [Double] {
        let range = isLinear ? 0...linearEnds.smoothness : vertical.minimum...vertical.maximum
        return reference.map(\.smoothness).filter { !range.contains($0) }
    }
}
