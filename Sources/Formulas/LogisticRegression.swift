import Foundation
import ParameterSpace

/// f(w, b) = (1/n) Σⱼ log(1 + exp(−yⱼ(w·aⱼ + b))) + (λ/2)‖w‖², y = ±1. Component i is a batch of `batchSize`
/// consecutive samples (the last one ragged) and weighs its samples; the bias is not regularised.
public struct LogisticRegression<Scalar: ParameterScalar>: TwiceDifferentiableObjective, KnownSmoothness {
    public let samples: LabelledSamples
    public let batchSize: Int
    /// λ ≥ 0
    public let regularization: Double
    public let hasIntercept: Bool
    public let layout: ParameterLayout

    public init(
        samples: LabelledSamples, batchSize: Int, regularization: Double = 0, hasIntercept: Bool = true
    ) {
        precondition(batchSize > 0 && regularization >= 0, "batch size and regularization must not be negative")
        self.samples = samples
        self.batchSize = batchSize
        self.regularization = regularization
        self.hasIntercept = hasIntercept
        layout = ParameterLayout([("weight", [samples.featureCount])] + (hasIntercept ? [("bias", [])] : []))
    }

    public var componentCount: Int { (samples.count + batchSize - 1) / batchSize }
    public func weight(ofComponent component: Int) -> Double { Double(rows(ofComponent: component).count) }
    /// Zero.
    public func initialPoint(seed: UInt64) -> [Scalar] { Array(repeating: 0, count: layout.count) }

    public func loss(ofComponent component: Int, at point: [Scalar]) -> Double {
        let x = point.map { Double($0) }
        let rows = rows(ofComponent: component)
        let sum = rows.reduce(0) { $0 + Self.loss(atMargin: margin(ofRow: $1, at: x), label: samples.labels[$1]) }
        return sum / Double(rows.count) + penalty(at: x)
    }

    public func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) -> Double {
        let x = point.map { Double($0) }
        let rows = rows(ofComponent: component)
        var loss = 0.0
        var sum = [Double](repeating: 0, count: layout.count)
        for row in rows {
            let margin = margin(ofRow: row, at: x)
            loss += Self.loss(atMargin: margin, label: samples.labels[row])
            add(Self.sigmoid(margin) - samples.labels[row], timesRow: row, to: &sum)
        }
        for index in gradient.indices {
            let penalty = index < samples.featureCount ? regularization * x[index] : 0
            gradient[index] = Scalar(sum[index] / Double(rows.count) + penalty)
        }
        return loss / Double(rows.count) + penalty(at: x)
    }

    public func hessianNorm(at point: [Scalar]) -> Double {
        let x = point.map { Double($0) }
        return norm(ofHessianWithCurvatures: samples.labels.indices.map { Self.curvature(margin(ofRow: $0, at: x)) })
    }

    public func hessianProduct(at point: [Scalar], with vector: [Double]) -> [Double] {
        hessianProduct(ofRows: samples.labels.indices, at: point, with: vector)
    }

    public func hessianProduct(
        ofComponent component: Int, at point: [Scalar], with vector: [Scalar], into product: inout [Scalar]
    ) {
        let rows = rows(ofComponent: component)
        product = hessianProduct(ofRows: rows, at: point, with: vector.map { Double($0) }).map { Scalar($0) }
    }

    private func hessianProduct(ofRows rows: Range<Int>, at point: [Scalar], with vector: [Double]) -> [Double] {
        let x = point.map { Double($0) }
        var sum = [Double](repeating: 0, count: layout.count)
        for row in rows {
            add(Self.curvature(margin(ofRow: row, at: x)) * margin(ofRow: row, at: vector), timesRow: row, to: &sum)
        }
        return sum.indices.map {
            sum[$0] / Double(rows.count) + ($0 < samples.featureCount ? regularization * vector[$0] : 0)
        }
    }

    /// An upper bound, attained as the segment shrinks: every sample contributes its largest σ′ on the segment. Margins
    /// are affine along the segment and σ′ falls away from margin zero, so that largest σ′ is exact sample by sample.
    public func hessianNormSupremum(from first: [Scalar], to second: [Scalar]) -> Double {
        let ends = (first.map { Double($0) }, second.map { Double($0) })
        return norm(
            ofHessianWithCurvatures: samples.labels.indices.map { row in
                let (near, far) = (margin(ofRow: row, at: ends.0), margin(ofRow: row, at: ends.1))
                if near.isNaN || far.isNaN { return .nan }
                return near * far <= 0 ? 0.25 : Self.curvature(min(abs(near), abs(far)))
            })
    }

    /// ‖Σ aaᵀ‖/(4n) + λ, as σ′ ≤ ¼, whatever L1.
    public func sufficientL0(forL1 L1: Double) -> Double? {
        norm(ofHessianWithCurvatures: Array(repeating: 0.25, count: samples.count))
    }

    // MARK: - One sample

    private func rows(ofComponent component: Int) -> Range<Int> {
        component * batchSize..<min((component + 1) * batchSize, samples.count)
    }

    /// w·a + b
    private func margin(ofRow row: Int, at x: [Double]) -> Double {
        let offset = row * samples.featureCount
        var sum = hasIntercept ? x[samples.featureCount] : 0
        for column in 0..<samples.featureCount { sum += samples.features[offset + column] * x[column] }
        return sum
    }

    /// sum += factor·(a, 1)
    private func add(_ factor: Double, timesRow row: Int, to sum: inout [Double]) {
        let offset = row * samples.featureCount
        for column in 0..<samples.featureCount { sum[column] += factor * samples.features[offset + column] }
        if hasIntercept { sum[samples.featureCount] += factor }
    }

    private func penalty(at x: [Double]) -> Double {
        regularization / 2 * Double.squaredNorm(x, in: 0..<samples.featureCount)
    }

    /// log(1 + exp(−z)) for label 1 and log(1 + exp(z)) for label 0, without overflow.
    private static func loss(atMargin margin: Double, label: Double) -> Double {
        let signed = label == 1 ? margin : -margin
        return log1p(exp(-abs(signed))) + max(-signed, 0)
    }

    private static func sigmoid(_ margin: Double) -> Double {
        let small = exp(-abs(margin))
        return margin >= 0 ? 1 / (1 + small) : small / (1 + small)
    }

    /// σ′ = σ(1 − σ)
    private static func curvature(_ margin: Double) -> Double {
        let small = exp(-abs(margin))
        return small / ((1 + small) * (1 + small))
    }

    /// ‖(1/n) Σ cⱼ (aⱼ, 1)(aⱼ, 1)ᵀ + λ diag(1, …, 1, 0)‖, for cⱼ ≥ 0.
    private func norm(ofHessianWithCurvatures curvatures: [Double]) -> Double {
        var matrix = [[Double]](repeating: Array(repeating: 0, count: layout.count), count: layout.count)
        for (row, curvature) in curvatures.enumerated() {
            let offset = row * samples.featureCount
            let values = samples.features[offset..<(offset + samples.featureCount)] + (hasIntercept ? [1] : [])
            let sample = Array(values)
            for index in sample.indices { Double.axpby(curvature * sample[index], sample, 1, into: &matrix[index]) }
        }
        for index in matrix.indices {
            for other in matrix.indices { matrix[index][other] /= Double(samples.count) }
            if index < samples.featureCount { matrix[index][index] += regularization }
        }
        return symmetricEigenvalues(of: matrix).last ?? 0
    }
}
