import Essentials
import Evaluation
import Formulas
import Foundation
import ParameterSpace
import Synchronization
import TestSupport
import Training

/// Logistic regression on files of comma-separated values, so that the Python twin reads the same numbers. 37 samples in
/// batches of 8 make 5 components, the last one ragged; 11 held-out samples make a validation set of 2.
struct LogisticTask {
    let folder: TemporaryFolder
    let description: ObjectiveDescription
    let validationPath: String

    init() throws {
        folder = try TemporaryFolder()
        try Self.write(37, seed: 1, to: folder.path("training.csv"))
        validationPath = folder.path("validation.csv")
        try Self.write(11, seed: 2, to: validationPath)
        description = try .logisticRegression(file: folder.path("training.csv"), batchSize: 8, regularization: 0.01)
    }

    private static func write(_ count: Int, seed: UInt64, to path: String) throws {
        var generator = SeededGenerator(seed: seed, purpose: "samples of a test")
        let lines = (0..<count).map { _ in
            let features = (0..<3).map { _ in generator.normal() }
            let label = generator.uniform() < 1 / (1 + exp(-2 * features[0] + features[1])) ? 1 : 0
            return features.map { "\($0)" }.joined(separator: ",") + ",\(label)\n"
        }
        try lines.joined().write(toFile: path, atomically: true, encoding: .utf8)
    }

    func objectives<Scalar: ParameterScalar>(as scalar: Scalar.Type) throws -> ObjectiveSet<Scalar> {
        var set = try makeObjective(description, as: scalar)
        set.validation = try makeObjective(
            .logisticRegression(file: validationPath, batchSize: 8, regularization: 0.01), as: scalar
        ).training
        set.metricName = "perplexity"
        set.metric = { exp($0) }
        return set
    }
}

/// Another objective, until something happens at one of its gradients.
final class Sabotaged: Objective {
    typealias Scalar = Double
    enum Sabotage {
        case loss(Double)
        case gradient(Double)
        case error
    }
    struct Failure: Error {}

    private let base: any Objective<Double>
    private let sabotage: Sabotage
    private let callsLeft: Mutex<Int>

    /// - Parameter calls: how many gradients succeed before.
    init(_ base: any Objective<Double>, _ sabotage: Sabotage, after calls: Int) {
        self.base = base
        self.sabotage = sabotage
        callsLeft = Mutex(calls)
    }

    var layout: ParameterLayout { base.layout }
    var componentCount: Int { base.componentCount }
    func weight(ofComponent component: Int) -> Double { base.weight(ofComponent: component) }
    func initialPoint(seed: UInt64) -> [Double] { base.initialPoint(seed: seed) }
    func loss(ofComponent component: Int, at point: [Double]) throws -> Double {
        try base.loss(ofComponent: component, at: point)
    }

    func gradient(ofComponent component: Int, at point: [Double], into gradient: inout [Double]) throws -> Double {
        let loss = try base.gradient(ofComponent: component, at: point, into: &gradient)
        let left = callsLeft.withLock { calls in
            calls -= 1
            return calls
        }
        guard left < 0 else { return loss }
        switch sabotage {
        case .loss(let value): return value
        case .gradient(let value): gradient[0] = value
        case .error: throw Failure()
        }
        return loss
    }
}
