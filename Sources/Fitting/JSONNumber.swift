/// A Double in JSON: a number where it is finite, else one of the strings "NaN", "Infinity" and "-Infinity", because JSON
/// has no such numbers. This is the rule for data; `FitReport` holds no non-finite number and leaves out what is undefined.
public struct JSONNumber: Sendable, Hashable, Codable {
    public var value: Double

    public init(_ value: Double) { self.value = value }

    /// The string for a value that is not finite.
    public static func text(ofNonFinite value: Double) -> String {
        value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity"
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if value.isFinite {
            try container.encode(value)
        } else {
            try container.encode(Self.text(ofNonFinite: value))
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Double.self) {
            self.value = value
            return
        }
        switch try container.decode(String.self) {
        case "NaN": value = .nan
        case "Infinity": value = .infinity
        case "-Infinity": value = -.infinity
        case let text:
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is no number")
        }
    }
}

extension SmoothnessPoints: Codable {
    private enum Key: String, CodingKey {
        case iteration, gradientNorm, smoothness, effectiveLearningRate, stepNorm, belowFloor, loss
        case segmentGradientNorm, gradientNormError, smoothnessError, run
    }

    /// The optional columns of numbers.
    private static var columns: [(Key, WritableKeyPath<SmoothnessPoints, [Double]?>)] {
        [
            (.effectiveLearningRate, \.effectiveLearningRate), (.stepNorm, \.stepNorm), (.loss, \.loss),
            (.segmentGradientNorm, \.segmentGradientNorm), (.gradientNormError, \.gradientNormError),
            (.smoothnessError, \.smoothnessError),
        ]
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(iteration, forKey: .iteration)
        try container.encode(gradientNorm.map(JSONNumber.init), forKey: .gradientNorm)
        try container.encode(smoothness.map(JSONNumber.init), forKey: .smoothness)
        for (key, column) in Self.columns {
            try container.encodeIfPresent(self[keyPath: column]?.map(JSONNumber.init), forKey: key)
        }
        try container.encodeIfPresent(belowFloor, forKey: .belowFloor)
        try container.encodeIfPresent(run, forKey: .run)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        self.init(
            iteration: try container.decode([Int].self, forKey: .iteration),
            gradientNorm: try container.decode([JSONNumber].self, forKey: .gradientNorm).map(\.value),
            smoothness: try container.decode([JSONNumber].self, forKey: .smoothness).map(\.value),
            belowFloor: try container.decodeIfPresent([Bool].self, forKey: .belowFloor),
            run: try container.decodeIfPresent([Int].self, forKey: .run))
        for (key, column) in Self.columns {
            self[keyPath: column] = try container.decodeIfPresent([JSONNumber].self, forKey: key)?.map(\.value)
        }
    }
}
