import Foundation

/// What is drawn of runs against their epochs.
public enum CurveQuantity: String, Sendable, CaseIterable, Hashable {
    case trainingLoss = "training_loss"
    case validationLoss = "validation_loss"
    case metric
}

/// The curves of one run, and the settings by which it is told from others.
public struct RunCurve: Sendable {
    /// The numbers at one place: NaN where there is none.
    public struct Point: Sendable, Hashable {
        /// Epochs done (a fraction where the last one is not whole), or iterations.
        public var place: Double
        public var trainingLoss: Double
        public var validationLoss: Double
        public var metric: Double

        public init(place: Double, trainingLoss: Double, validationLoss: Double = .nan, metric: Double = .nan) {
            self.place = place
            self.trainingLoss = trainingLoss
            self.validationLoss = validationLoss
            self.metric = metric
        }

        public subscript(_ quantity: CurveQuantity) -> Double {
            switch quantity {
            case .trainingLoss: trainingLoss
            case .validationLoss: validationLoss
            case .metric: metric
            }
        }
    }

    public var file: String
    /// Name and value of every setting that makes a run another one; its seed is not among them.
    public var settings: [String: String]
    /// At ascending places.
    public var points: [Point]

    public init(file: String, settings: [String: String], points: [Point]) {
        self.file = file
        self.settings = settings
        self.points = points
    }
}

/// Runs with equal settings, as one curve with its spread.
public struct CurveGroup: Sendable {
    /// The spread of a quantity at one place over the runs that have a finite number there.
    public struct Statistics: Sendable, Hashable {
        public var place: Double
        /// How many runs have a finite number here, ≥ 1.
        public var count: Int
        /// How many have one that is not finite.
        public var notFinite: Int
        public var mean: Double
        public var minimum: Double
        public var maximum: Double
        /// √(Σ(y − mean)²/(count − 1)); `nil` for one run.
        public var deviation: Double?
    }

    public var label: String
    public var runs: [RunCurve]

    /// Over the runs, at every place where one of them has a finite number.
    public func statistics(of quantity: CurveQuantity) -> [Statistics] {
        var values: [Double: [Double]] = [:]
        for point in runs.flatMap(\.points) { values[point.place, default: []].append(point[quantity]) }
        return values.sorted { $0.key < $1.key }.compactMap { place, all in
            let finite = all.filter(\.isFinite)
            guard let minimum = finite.min(), let maximum = finite.max() else { return nil }
            let count = Double(finite.count)
            // Within the range whatever the rounding of the sum.
            let mean = min(max(finite.reduce(0, +) / count, minimum), maximum)
            let squares = finite.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            return Statistics(
                place: place, count: finite.count, notFinite: all.count - finite.count, mean: mean, minimum: minimum,
                maximum: maximum, deviation: finite.count > 1 ? (squares / (count - 1)).squareRoot() : nil)
        }
    }
}

extension CurveGroup {
    /// Puts runs with equal settings together, in the order in which they come, and names every group by the settings in
    /// which the groups differ.
    public static func groups(of runs: [RunCurve]) -> [CurveGroup] {
        var order: [[String: String]] = []
        var members: [[String: String]: [RunCurve]] = [:]
        for run in runs {
            if members[run.settings] == nil { order.append(run.settings) }
            members[run.settings, default: []].append(run)
        }
        let names = Set(order.flatMap(\.keys))
        var differing = names.filter { name in Set(order.map { $0[name] ?? "" }).count > 1 }
        if differing.isEmpty { differing = names.filter { ["algorithm", "learning_rate", "clip_norm"].contains($0) } }
        // γ = ηc says nothing that η and c do not.
        if names.contains("clip_norm") { differing.remove("gamma") }
        return order.map { settings in
            CurveGroup(label: label(settings, differing), runs: members[settings] ?? [])
        }
    }

    private static let leading = ["algorithm", "learning_rate", "clip_norm", "gamma", "beta", "nu"]
    private static let symbols = [
        "algorithm": "", "learning_rate": "η ", "clip_norm": "c ", "gamma": "γ ", "beta": "β ", "nu": "ν ",
    ]

    private static func label(_ settings: [String: String], _ names: Set<String>) -> String {
        let others = names.subtracting(leading).sorted()
        let parts = (leading.filter(names.contains) + others).compactMap { name -> String? in
            if let value = settings[name] { return (symbols[name] ?? "\(name) ") + short(value) }
            // What a run does not have is said only where it has a meaning to be without.
            return name == "clip_norm" ? "unclipped" : nil
        }
        return parts.isEmpty ? "others without these settings" : parts.joined(separator: ", ")
    }

    /// Numbers without needless digits.
    private static func short(_ value: String) -> String {
        Double(value).map { String(format: "%.6g", $0) } ?? value
    }
}
