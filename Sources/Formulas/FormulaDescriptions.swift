/// What `Quadratic` is made from.
public struct QuadraticDescription: Sendable, Hashable, Codable {
    /// The eigenvalues; their number is P.
    public var spectrum: [Double]
    /// How many Householder reflections turn the axes.
    public var rotations: Int
    public var componentCount: Int
    /// Standard deviation per coordinate of the components' linear terms, which add up to zero.
    public var noise: Double
    public var seed: UInt64

    enum CodingKeys: String, CodingKey {
        case spectrum, rotations, noise, seed
        case componentCount = "component_count"
    }
}

/// What `Polynomial` is made from.
public struct PolynomialDescription: Sendable, Hashable, Codable {
    /// From the constant up.
    public var coefficients: [Double]
    public var start: Double
}

/// What `QuarticValley` is made from.
public struct QuarticValleyDescription: Sendable, Hashable, Codable {
    /// x₀, y₀
    public var start: [Double]
}

/// What `ExponentialWalls` is made from.
public struct ExponentialWallsDescription: Sendable, Hashable, Codable {
    /// λ, the L1 of theorem 4.
    public var growth: Double
    /// M = |f′(x₀)|
    public var initialGradient: Double

    enum CodingKeys: String, CodingKey {
        case growth
        case initialGradient = "initial_gradient"
    }
}

/// What `SlowSlope` is made from.
public struct SlowSlopeDescription: Sendable, Hashable, Codable {
    /// ε
    public var slope: Double
    /// Δ
    public var gap: Double
}

/// What `QianExample` is made from.
public struct QianExampleDescription: Sendable, Hashable, Codable {
    public var start: Double
}

/// What `ExponentialSum` is made from.
public struct ExponentialSumDescription: Sendable, Hashable, Codable {
    /// aⱼ
    public var amplitudes: [Double]
    /// bⱼ
    public var rates: [Double]
    public var start: Double
}

/// What `DeepLinearNetwork` and its generated samples are made from.
public struct DeepLinearNetworkDescription: Sendable, Hashable, Codable {
    /// Inputs first, outputs last.
    public var widths: [Int]
    public var sampleCount: Int
    /// Standard deviation of the outputs around the linear truth.
    public var noise: Double
    public var batchSize: Int
    /// Standard deviation of the initial weights times the root of their layer's inputs.
    public var initialScale: Double
    /// Of the samples.
    public var seed: UInt64

    enum CodingKeys: String, CodingKey {
        case widths, noise, seed
        case sampleCount = "sample_count"
        case batchSize = "batch_size"
        case initialScale = "initial_scale"
    }
}

/// What `LogisticRegression` is made from.
public struct LogisticRegressionDescription: Sendable, Hashable, Codable {
    /// Where its samples come from; in JSON the key `file` or `generated`.
    public enum Source: Sendable, Hashable {
        case file(DataFile)
        case generated(GeneratedSamples)
    }

    public var source: Source
    public var batchSize: Int
    /// λ of (λ/2)‖w‖²
    public var regularization: Double
    public var hasIntercept: Bool

    enum CodingKeys: String, CodingKey {
        case file, generated, regularization
        case batchSize = "batch_size"
        case hasIntercept = "intercept"
    }

    public init(source: Source, batchSize: Int, regularization: Double, hasIntercept: Bool) {
        self.source = source
        self.batchSize = batchSize
        self.regularization = regularization
        self.hasIntercept = hasIntercept
    }

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
