import Fitting
import Foundation

extension LawCurve {
    /// A curve with the values that it has in one report.
    struct Drawn {
        /// The law's name in plain words.
        let name: String
        let look: LawCurve
        let label: String
        let value: (Double) -> Double?
    }

    /// Returns the curves of all laws that pictures show, from the most telling one.
    static func drawn(_ report: FitReport) -> [Drawn] {
        Law.drawn.compactMap { law, curve in
            guard let fit = report[law] else { return nil }
            return Drawn(
                name: law.name.replacing("_", with: " "), look: curve, label: curve.label(fit),
                value: { curve.value(fit, $0) })
        }
    }
}

extension Law {
    /// The laws that pictures show, in the order of legends.
    static let drawn: [(law: Law, curve: LawCurve)] = Law.all.compactMap { law in law.curve.map { (law, $0) } }
        .sorted { $0.curve.place < $1.curve.place }
}

extension LawCurve.Drawn {
    typealias Point = (gradientNorm: Double, smoothness: Double)

    private func point(_ gradientNorm: Double) -> Point? {
        guard let smoothness = value(gradientNorm), smoothness.isFinite else { return nil }
        return (gradientNorm, smoothness)
    }

    /// Points of the curve evenly spaced in the logarithm, those that are positive.
    func sampled(from low: Double, to high: Double) -> [Point] {
        (0...200).compactMap { point(low * pow(high / low, Double($0) / 200)) }.filter { $0.smoothness > 0 }
    }

    /// What the script of a page draws: name, look, and points from 0 to beyond the gradient norms seen, for even and logarithmic axes.
    func json(over gradientNorms: [Double]) -> JSONValue {
        let (low, high) = (gradientNorms.min() ?? 1, gradientNorms.max() ?? 1)
        let even = (0...100).compactMap { point(1.1 * high * Double($0) / 100) }
        let points = (sampled(from: low / 1.1, to: high * 1.1) + even).sorted { $0.gradientNorm < $1.gradientNorm }
        // Black is no colour on dark paper.
        let colour = look.colour == "#000000" ? "#808080" : look.colour
        let dash = look.dash.isEmpty ? "none" : look.dash.map { "\($0)" }.joined(separator: " ")
        let values = points.map { JSONValue.array([.number($0.gradientNorm), .number($0.smoothness)]) }
        return [
            "name": .string(name), "colour": .string(colour), "dash": .string(dash), "points": .array(values),
        ]
    }
}
