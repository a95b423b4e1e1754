import Essentials
import Evaluation
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

/// What `LogisticRegression` is made from.
public struct LogisticRegressionDescription: ParametrizedObjective {
    public static let kind = "logistic-regression"

    /// Where its samples come from; in JSON the key `file` or `generated`.
    public enum Source: Sendable, Hashable {
        case file(DataFile)
        case generated(GeneratedSamples)
    }

    static let standardSamples = GeneratedSamples(sampleCount: 1000, featureCount: 10, seed: 0)

    public var source = Source.generated(standardSamples)
    public var batchSize = 32
    /// λ of (λ/2)‖w‖²
    public var regularization = 0.0
    public var hasIntercept = true

    enum CodingKeys: String, CodingKey {
        case file, generated, regularization
        case batchSize = "batch_size"
        case hasIntercept = "intercept"
    }

    init() {}

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let file = try container.decodeIfPresent(DataFile.self, forKey: .file) {
            source = .file(file)
        } else {
            source = .generated(try container.decode(GeneratedSamples.self, forKey: .generated))
        }
        batchSize = try container.decode(Int.self, forKey: .batchSize)
        regularization = try container.decode(Double.self, forKey: .regularization)
        hasIntercept = try container.decode(Bool.self, forKey: .hasIntercept)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch source {
        case .file(let file): try container.encode(file, forKey: .file)
        case .generated(let samples): try container.encode(samples, forKey: .generated)
        }
        try container.encode(batchSize, forKey: .batchSize)
        try container.encode(regularization, forKey: .regularization)
        try container.encode(hasIntercept, forKey: .hasIntercept)
    }
}

extension LogisticRegressionDescription {
    public static var standard: Self { Self() }

    public static var parameters: [ObjectiveParameter<Self>] {
        [
            .init("samples", \.generated.sampleCount, "generated samples, without --data", key: "sample_count"),
            .init("features", \.generated.featureCount, "features, without --data", key: "feature_count"),
            .init("objective-seed", \.generated.seed, "of the samples", key: "seed"),
            .init("batch-size", \.batchSize, "samples of a component", .size(atMost: DescriptionBounds.batch)),
            .init("regularization", \.regularization, "λ of the penalty (λ/2)‖w‖²", .nonnegative),
        ]
    }

    /// The samples that are generated where no file gives any.
    private var generated: GeneratedSamples {
        get {
            if case .generated(let samples) = source { samples } else { Self.standardSamples }
        }
        set { source = .generated(newValue) }
    }

    private var file: DataFile? { if case .file(let file) = source { file } else { nil } }

    public var dataPath: String? { file?.path }

    public func validate() throws {
        try checkParameters()
        guard case .generated(let samples) = source else { return }
        try requireSize("feature_count", samples.featureCount, atMost: DescriptionBounds.numbers)
        try requireSize(
            "sample_count", samples.sampleCount, atMost: DescriptionBounds.numbers / samples.featureCount)
    }

    public var summary: String {
        let samples =
            file?.path
            ?? "\(grouped(generated.sampleCount)) generated samples of \(counted(generated.featureCount, "feature"))"
        return "logistic regression on \(samples), batches of \(batchSize)"
    }

    public func trainArguments() -> [String] {
        guard let file else { return arguments() }
        return arguments(without: ["samples", "features", "objective-seed"]) + [
            "--data", Escaping.argument(path: file.path),
        ]
    }

    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) throws -> ObjectiveSet<Scalar> {
        let samples =
            if let file {
                try LabelledSamples(
                    commaSeparated: try file.read(from: surroundings.data), file: surroundings.data ?? file.path)
            } else {
                LabelledSamples(generated: generated)
            }
        return ObjectiveSet(
            training: LogisticRegression<Scalar>(
                samples: samples, batchSize: batchSize, regularization: regularization, hasIntercept: hasIntercept))
    }
}

extension ObjectiveDescription {
    /// Logistic regression on the samples of a file of comma-separated values; see `LabelledSamples`.
    /// - Throws: `SmoothnessError` of kind `.noInput` or `.inputOutput`.
    public static func logisticRegression(
        file: String, batchSize: Int, regularization: Double = 0, hasIntercept: Bool = true
    ) throws -> Self {
        logisticRegression(.file(try DataFile(path: file)), batchSize, regularization, hasIntercept)
    }

    /// Logistic regression on seeded samples; see `LabelledSamples`.
    public static func logisticRegression(
        generated samples: GeneratedSamples, batchSize: Int, regularization: Double = 0, hasIntercept: Bool = true
    ) -> Self {
        logisticRegression(.generated(samples), batchSize, regularization, hasIntercept)
    }

    private static func logisticRegression(
        _ source: LogisticRegressionDescription.Source, _ batchSize: Int, _ regularization: Double,
        _ hasIntercept: Bool
    ) -> Self {
        var description = LogisticRegressionDescription()
        description.source = source
        description.batchSize = batchSize
        description.regularization = regularization
        description.hasIntercept = hasIntercept
        return Self(description)
    }
}
