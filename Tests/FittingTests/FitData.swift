import Essentials
import Fitting
import Foundation

/// Points made for tests.
enum FitData {
    /// A set with losses and standard errors.
    static func completeSet(_ index: Int) -> SmoothnessPoints {
        var points = set(index)
        var generator = SeededGenerator(seed: 12, purpose: "test.fit-errors", index: index)
        points.smoothnessError = points.smoothness.map { $0 * (0.05 + 0.3 * generator.uniform()) }
        points.gradientNormError = points.gradientNorm.map { $0 * (0.05 + 0.3 * generator.uniform()) }
        points.loss = points.gradientNorm.map { 0.3 + $0 * $0 / (1 + $0) * (0.5 + generator.uniform()) }
        return points
    }

    /// One of several kinds of data sets: rising, falling, through the origin, with ties, flat, short.
    static func set(_ index: Int) -> SmoothnessPoints {
        var generator = SeededGenerator(seed: 11, purpose: "test.fit-set", index: index)
        let count = index % 7 == 6 ? 3 + index % 5 : 20 + generator.index(below: 180)
        var (g, l): ([Double], [Double]) = ([], [])
        for _ in 0..<count {
            let x = exp(generator.normal())
            let noise = exp(0.4 * generator.normal())
            g.append(x)
            switch index % 7 {
            case 0: l.append((1 + 0.5 * x) * noise)
            case 1: l.append(2 / (0.3 + x) * noise)
            case 2: l.append(x * x * noise)
            case 3:
                g[g.count - 1] = (4 * x).rounded() / 4 + 0.25
                l.append(((1 + x) * noise * 3).rounded() / 3 + 1)
            case 4: l.append(3 * noise)
            case 5: l.append((0.1 + 2 * x) * noise)
            default: l.append((1 + x) * noise)
            }
        }
        return SmoothnessPoints(iteration: Array(0..<count), gradientNorm: g, smoothness: l)
    }
}

/// Whether two numbers agree relatively, or absolutely below `scale`.
func agree(_ a: Double, _ b: Double, _ tolerance: Double, scale: Double = 1) -> Bool {
    abs(a - b) <= tolerance * max(abs(a), abs(b), scale)
}
