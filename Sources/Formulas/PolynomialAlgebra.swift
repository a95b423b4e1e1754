/// Values, derivatives and real roots of polynomials given by coefficients from the constant up.
enum PolynomialAlgebra {
    /// Horner's rule.
    static func value(of coefficients: [Double], at x: Double) -> Double {
        coefficients.reversed().reduce(0) { $0 * x + $1 }
    }

    static func derivative(of coefficients: [Double]) -> [Double] {
        coefficients.count < 2 ? [0] : coefficients.indices.dropFirst().map { Double($0) * coefficients[$0] }
    }

    /// All real roots in [lower, upper] to the last place: between neighbouring roots of the derivative the polynomial
    /// is monotone and bisection finds its root. Roots that only touch zero are found as roots of the derivative.
    static func roots(of coefficients: [Double], from lower: Double, to upper: Double) -> [Double] {
        guard let degree = coefficients.lastIndex(where: { $0 != 0 }), degree > 0, lower < upper else { return [] }
        let polynomial = Array(coefficients[...degree])
        // Once each: a multiple root comes back from every derivative, and would double its copies at every degree.
        let turns = Set(roots(of: derivative(of: polynomial), from: lower, to: upper)).sorted()
        let ends = [lower] + turns + [upper]
        return turns + zip(ends, ends.dropFirst()).compactMap { bisect(polynomial, $0, $1) }
    }

    /// All real roots, all within Cauchy's bound 1 + max |aₖ / aₙ|.
    static func roots(of coefficients: [Double]) -> [Double] {
        guard let degree = coefficients.lastIndex(where: { $0 != 0 }), degree > 0 else { return [] }
        let bound = 1 + coefficients[..<degree].map { abs($0 / coefficients[degree]) }.reduce(0, max)
        return roots(of: coefficients, from: -bound, to: bound)
    }

    private static func bisect(_ polynomial: [Double], _ lower: Double, _ upper: Double) -> Double? {
        let left = value(of: polynomial, at: lower)
        let right = value(of: polynomial, at: upper)
        if left == 0 { return lower }
        if right == 0 { return upper }
        guard (left < 0) != (right < 0) else { return nil }
        var (low, high) = (lower, upper)
        while true {
            let middle = low + (high - low) / 2
            if middle <= low || middle >= high { return middle }
            if (value(of: polynomial, at: middle) < 0) == (left < 0) { low = middle } else { high = middle }
        }
    }
}
