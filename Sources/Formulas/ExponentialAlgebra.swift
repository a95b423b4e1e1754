#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// g(x) = Σⱼ cⱼ exp(bⱼ x) with different rates bⱼ in increasing order and no cⱼ = 0: values and real roots.
struct ExponentialTerms: Sendable {
    /// (cⱼ, bⱼ)
    private(set) var terms: [(amplitude: Double, rate: Double)]

    /// Terms of one rate are added; what is then zero is dropped.
    init(_ terms: some Sequence<(amplitude: Double, rate: Double)>) {
        var sums: [Double: Double] = [:]
        for term in terms { sums[term.rate, default: 0] += term.amplitude }
        self.terms = sums.filter { $0.value != 0 }.sorted { $0.key < $1.key }.map { ($0.value, $0.key) }
    }

    func value(at x: Double) -> Double { terms.reduce(0) { $0 + $1.amplitude * exp($1.rate * x) } }

    /// Every amplitude times a function of its rate; differentiation is multiplication by the rate.
    func scaled(by factor: (Double) -> Double) -> ExponentialTerms {
        ExponentialTerms(terms.map { ($0.amplitude * factor($0.rate), $0.rate) })
    }

    /// The sign of g where x → +∞, zero for no terms.
    var signAtInfinity: Double { sign(terms.last?.amplitude ?? 0) }
    /// The sign of g where x → −∞.
    var signAtMinusInfinity: Double { sign(terms.first?.amplitude ?? 0) }

    /// Points among which are all real roots: g·exp(−b₁x) has the roots of g, and its derivative has one term fewer, between
    /// whose roots it is monotone (Rolle). The roots of that derivative are among the points too, and so are roots of g that
    /// only touch zero.
    var rootCandidates: [Double] {
        guard let bounds = rootBounds else { return [] }
        return rootCandidates(from: bounds.lower, to: bounds.upper)
    }

    /// The same in [lower, upper].
    func rootCandidates(from lower: Double, to upper: Double) -> [Double] {
        guard terms.count > 1, lower < upper else { return [] }
        let shifted = terms.map { (amplitude: $0.amplitude * ($0.rate - terms[0].rate), rate: $0.rate - terms[0].rate) }
        let turns = Set(ExponentialTerms(shifted).rootCandidates(from: lower, to: upper)).sorted()
        let ends = [lower] + turns + [upper]
        return turns + zip(ends, ends.dropFirst()).compactMap { bisect($0, $1) }
    }

    /// Beyond these the first or last term outweighs all others together.
    private var rootBounds: (lower: Double, upper: Double)? {
        guard terms.count > 1 else { return nil }
        let (first, last) = (terms[0], terms[terms.count - 1])
        let others = Double(terms.count - 1)
        let above = terms.dropLast().map { log(others * abs($0.amplitude / last.amplitude)) / (last.rate - $0.rate) }
        let below = terms.dropFirst().map {
            -log(others * abs($0.amplitude / first.amplitude)) / ($0.rate - first.rate)
        }
        let (lower, upper) = (below.reduce(.infinity, min), above.reduce(-.infinity, max))
        // A hair of room for the rounding of the logarithms.
        let room = 1e-9 * (1 + abs(lower) + abs(upper))
        return (lower - room, upper + room)
    }

    private func bisect(_ lower: Double, _ upper: Double) -> Double? {
        let (left, right) = (value(at: lower), value(at: upper))
        if left == 0 { return lower }
        if right == 0 { return upper }
        guard (left < 0) != (right < 0) else { return nil }
        var (low, high) = (lower, upper)
        while true {
            let middle = low + (high - low) / 2
            if middle <= low || middle >= high { return middle }
            if (value(at: middle) < 0) == (left < 0) { low = middle } else { high = middle }
        }
    }
}

private func sign(_ value: Double) -> Double { value > 0 ? 1 : value < 0 ? -1 : 0 }
