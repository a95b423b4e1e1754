/// One value of a fitted law.
public enum FittedValue: Sendable, Equatable {
    case estimate(Estimate)
    case number(Double)
    case flag(Bool)
    case extent(Extent)
}

/// The values that a fit found for one law, under their names in JSON; what is undefined is absent.
public struct FittedValues: Sendable, Equatable {
    public private(set) var values: [String: FittedValue] = [:]
    /// The name of the value of a law that is one number alone: in JSON the estimate stands in place of an object of values.
    static let alone = ""

    /// Returns the number or estimate of a name, without an interval for a number; `nil` where it is absent or of another kind.
    public func estimate(_ name: String) -> Estimate? {
        switch values[name] {
        case .estimate(let estimate): estimate
        case .number(let number): Estimate(value: number)
        default: nil
        }
    }

    /// Returns an estimate that the law always has.
    func required(_ name: String) -> Estimate {
        guard let estimate = estimate(name) else { preconditionFailure("this law has no \(name)") }
        return estimate
    }

    mutating func set(_ name: String, _ value: some FittedValueConvertible) { values[name] = value.fittedValue }
    mutating func remove(_ name: String) { values[name] = nil }
    mutating func merge(_ other: FittedValues) { values.merge(other.values) { $1 } }

    public func number(_ name: String) -> Double? {
        guard case .number(let number) = values[name] else { return nil }
        return number
    }

    public func flag(_ name: String) -> Bool { values[name] == .flag(true) }

    public func extent(_ name: String) -> Extent? {
        guard case .extent(let extent) = values[name] else { return nil }
        return extent
    }
}

/// What may stand in the list of a law's values.
public protocol FittedValueConvertible {
    var fittedValue: FittedValue { get }
}
extension Estimate: FittedValueConvertible { public var fittedValue: FittedValue { .estimate(self) } }
extension Double: FittedValueConvertible { public var fittedValue: FittedValue { .number(self) } }
extension Bool: FittedValueConvertible { public var fittedValue: FittedValue { .flag(self) } }
extension Extent: FittedValueConvertible { public var fittedValue: FittedValue { .extent(self) } }

extension FittedValues: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, (any FittedValueConvertible)?)...) {
        for case (let name, let value?) in elements { values[name] = value.fittedValue }
    }
}

/// A key of a JSON object that is known at run time.
struct TextKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ text: String) { stringValue = text }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
}

extension FittedValues: Codable {
    public func encode(to encoder: any Encoder) throws {
        if case .estimate(let estimate)? = values[Self.alone] { return try estimate.encode(to: encoder) }
        var container = encoder.container(keyedBy: TextKey.self)
        for (name, value) in values {
            switch value {
            case .estimate(let estimate): try container.encode(estimate, forKey: TextKey(name))
            case .number(let number): try container.encode(number, forKey: TextKey(name))
            case .flag(let flag): try container.encode(flag, forKey: TextKey(name))
            case .extent(let extent): try container.encode(extent, forKey: TextKey(name))
            }
        }
    }

    public init(from decoder: any Decoder) throws {
        if let estimate = try? Estimate(from: decoder) {
            values[Self.alone] = .estimate(estimate)
            return
        }
        let container = try decoder.container(keyedBy: TextKey.self)
        for key in container.allKeys {
            if let flag = try? container.decode(Bool.self, forKey: key) {
                values[key.stringValue] = .flag(flag)
            } else if let number = try? container.decode(Double.self, forKey: key) {
                values[key.stringValue] = .number(number)
            } else if let estimate = try? container.decode(Estimate.self, forKey: key) {
                values[key.stringValue] = .estimate(estimate)
            } else {
                values[key.stringValue] = .extent(try container.decode(Extent.self, forKey: key))
            }
        }
    }
}

// The names that several laws share.
extension FittedValues {
    /// L0 (H0 of the loss gap).
    public var intercept: Estimate { required("intercept") }
    /// L1 (H1 of the loss gap).
    public var slope: Estimate { required("slope") }
    /// Whether the unconstrained estimate was negative, so that the coefficient sits at 0.
    public var interceptOnBound: Bool { flag("interceptOnBound") }
    public var slopeOnBound: Bool { flag("slopeOnBound") }
    /// 1 − Σ residual² / Σ (L − L̄)²; negative where the bound costs more than the mean would; `nil` where L is constant.
    public var determination: Double? { number("determination") }
    /// τ of an expectile or a quantile.
    public var level: Double? { number("level") }
    /// The share of points above the line.
    public var shareAbove: Double? { number("shareAbove") }
    public var line: SmoothnessLine { SmoothnessLine(intercept: intercept.value, slope: slope.value) }
}
