import Foundation

/// The range and the ticks of a logarithmic axis: never without labels, also where the data span less than a decade.
public struct LogAxis: Sendable, Equatable {
    public private(set) var minimum: Double
    public private(set) var maximum: Double

    /// A labelled place on the axis.
    public struct Tick: Sendable, Equatable {
        public var position: Double
        public var label: String
    }

    /// An axis over positive finite values with a margin of a twentieth of their span (at least 2 %) at each end.
    /// - Parameter nearby: Values that also widen the range, at each end by half the span of the first ones at most: they keep at least half of
    ///   the axis. Those further away are left aside.
    public init(covering values: [Double], nearby others: [Double] = []) {
        let (low, high) = (log10(values.min() ?? 1), log10(values.max() ?? 1))
        let room = (high - low) / 2
        let near = others.map { log10($0) }.filter { $0 >= low - room && $0 <= high + room }
        let (wideLow, wideHigh) = (min(low, near.min() ?? low), max(high, near.max() ?? high))
        let margin = max((wideHigh - wideLow) / 20, 0.01)
        minimum = Self.positive(pow(10, wideLow - margin))
        maximum = Self.positive(pow(10, wideHigh + margin))
    }

    private static func positive(_ value: Double) -> Double {
        min(max(value, .leastNormalMagnitude), .greatestFiniteMagnitude)
    }

    public var decades: Double { log10(maximum) - log10(minimum) }

    /// Labelled ticks: every n-th decade over more than 3 decades, else 1-2-5 steps in every decade, else even steps.
    public var majorTicks: [Tick] {
        if decades > 3 {
            let every = max(1, Int((decades / 8).rounded(.up)))
            return decadeRange.filter { $0 % every == 0 }.compactMap { tick(1, $0) }
        }
        if decades > 1 { return decadeRange.flatMap { e in [1, 2, 5].compactMap { tick($0, e) } } }
        return evenTicks
    }

    /// The labelled ticks where there is room for so many: powers of ten first, else every second, third, ….
    func ticks(atMost room: Double) -> [Tick] {
        let all = majorTicks
        guard Double(all.count) > room else { return all }
        let powers = all.filter { abs(log10($0.position).rounded() - log10($0.position)) < 1e-9 }
        let kept = powers.count >= 2 ? powers : all
        let every = max(1, Int((Double(kept.count) / max(room, 2)).rounded(.up)))
        return stride(from: 0, to: kept.count, by: every).map { kept[$0] }
    }

    /// Unlabelled ticks at 1…9 of every decade (none below a decade or over more than 8).
    public var minorTicks: [Double] {
        guard decades > 1, decades <= 8 else { return [] }
        let major = Set(majorTicks.map(\.position))
        return decadeRange.flatMap { e in (1...9).compactMap { tick(Double($0), e)?.position } }
            .filter { !major.contains($0) }
    }

    private var decadeRange: ClosedRange<Int> {
        Int(log10(minimum).rounded(.down))...Int(log10(maximum).rounded(.up))
    }

    private func tick(_ mantissa: Double, _ exponent: Int) -> Tick? {
        // Through decimal text, so that 2·10⁻³ is the Double 0.002.
        guard let position = Double("\(mantissa)e\(exponent)"), position >= minimum, position <= maximum else {
            return nil
        }
        return Tick(position: position, label: Self.plain(position))
    }

    private var evenTicks: [Tick] {
        // Four to eight steps of 1, 2 or 5 times a power of ten.
        let rough = (maximum - minimum) / 6
        let exponent = Int(log10(rough).rounded(.down))
        let mantissa = rough / pow(10, Double(exponent))
        let (digit, shift) = mantissa < 1.5 ? (1, 0) : mantissa < 3.5 ? (2, 0) : mantissa < 7.5 ? (5, 0) : (1, 1)
        guard let step = Double("\(digit)e\(exponent + shift)"), step > 0, step.isFinite else { return [] }
        let first = Int((minimum / step).rounded(.up))
        let last = Int((maximum / step).rounded(.down))
        guard first <= last, last - first < 20 else { return [] }
        return (first...last).compactMap { multiple in
            guard let position = Double("\(multiple * digit)e\(exponent + shift)") else { return nil }
            return Tick(position: position, label: Self.plain(position))
        }
    }

    /// Up to twelve digits, without trailing zeros; a power of ten is split off below 10⁻³ and from 10⁵.
    static func plain(_ value: Double) -> String {
        let text = String(format: "%.12g", value)
        guard value > 0, value < 1e-3 || value >= 1e5 else { return text }
        let parts = String(format: "%.11e", value).split(separator: "e")
        guard parts.count == 2, let mantissa = Double(parts[0]), let exponent = Int(parts[1]) else { return text }
        let power = "10" + superscript(exponent)
        return mantissa == 1 ? power : String(format: "%.12g", mantissa) + "·" + power
    }

    private static func superscript(_ exponent: Int) -> String {
        let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
        return (exponent < 0 ? "⁻" : "")
            + String(String(abs(exponent)).compactMap(\.wholeNumberValue).map { digits[$0] })
    }
}
