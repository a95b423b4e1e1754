import Foundation

/// Φ(z), the standard normal distribution function.
public func normalProbability(_ z: Double) -> Double { erfc(-z / 2.0.squareRoot()) / 2 }

/// P(T ≤ t) for Student's t with ν > 0 degrees of freedom, by the incomplete beta function.
public func studentProbability(_ t: Double, degreesOfFreedom: Double) -> Double {
    let tail = regularizedBeta(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5) / 2
    return t < 0 ? tail : 1 - tail
}

/// The t with P(T ≤ t) = p, 0.5 ≤ p < 1, by bisection to the last bits.
public func studentQuantile(_ probability: Double, degreesOfFreedom: Double) -> Double {
    precondition(probability >= 0.5 && probability < 1 && degreesOfFreedom > 0, "outside the upper half of Student's t")
    var (low, high) = (0.0, 1.0)
    while studentProbability(high, degreesOfFreedom: degreesOfFreedom) < probability, high < 1e12 { high *= 2 }
    for _ in 0..<200 where high - low > 1e-14 * high {
        let middle = (low + high) / 2
        if studentProbability(middle, degreesOfFreedom: degreesOfFreedom) < probability {
            low = middle
        } else {
            high = middle
        }
    }
    return (low + high) / 2
}

/// P(F > f) for Fisher's F with a and b degrees of freedom.
public func fisherTail(_ f: Double, _ a: Double, _ b: Double) -> Double {
    f <= 0 ? 1 : regularizedBeta(b / (b + a * f), b / 2, a / 2)
}

/// I_x(a, b) by Lentz's evaluation of its continued fraction (DLMF 8.17.22).
public func regularizedBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    // The fraction converges fast only on this side of its mean; the other side is the complement.
    if x > (a + 1) / (a + b + 2) { return 1 - regularizedBeta(1 - x, b, a) }
    let front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    let tiny = 1e-300
    var (c, d) = (1.0, 1 - (a + b) * x / (a + 1))
    d = 1 / (abs(d) < tiny ? tiny : d)
    var fraction = d
    for m in 1...500 {
        let m = Double(m)
        for numerator in [
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ] {
            d = 1 + numerator * d
            d = 1 / (abs(d) < tiny ? tiny : d)
            c = 1 + numerator / c
            if abs(c) < tiny { c = tiny }
            fraction *= c * d
        }
        if abs(c * d - 1) < 1e-16 { break }
    }
    return front * fraction
}
