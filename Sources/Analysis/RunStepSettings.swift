import Estimation
import Fitting
import Foundation

extension RunStepSettings {
    private struct Optimizer: Decodable {
        var algorithm: String
        var learning_rate: Double
        var clip_norm: Double?
        var beta: Double?
    }

    /// From the description of a run's optimizer; `nil` where it is none of this program's.
    public init?(optimizer json: String) {
        guard let optimizer = try? JSONDecoder().decode(Optimizer.self, from: Data(json.utf8)) else { return nil }
        // Adam rescales every coordinate, normalised steps have no step size in the theorems' sense. Heavy-ball momentum adds
        // up gradients: over many steps each counts η/(1 − β).
        let beta = optimizer.beta ?? 0
        let isHeavyBall = optimizer.algorithm == "heavy-ball"
        self.init(
            learningRate: isHeavyBall ? optimizer.learning_rate / (1 - beta) : optimizer.learning_rate,
            clipNorm: optimizer.clip_norm, momentum: beta,
            isGradientMethod: isHeavyBall || ["clipping", "sgd"].contains(optimizer.algorithm),
            algorithm: optimizer.algorithm)
    }
}

extension GradientNoise {
    /// tr Σ of one component: the variance of the subset's gradient times the effective number of components, (Σwᵢ)²/Σwᵢ².
    /// - Returns: `nil` for one component, where nothing is known.
    public init?(_ estimates: [StepEstimate], componentWeights: [Double]) {
        let total = componentWeights.reduce(0, +)
        let squares = componentWeights.reduce(0) { $0 + $1 * $1 }
        guard componentWeights.count > 1, squares > 0 else { return nil }
        let factor = total * total / squares
        self.init(
            traces: estimates.map { $0.gradientVariance * factor },
            squaredGradientNorms: estimates.map(\.unbiasedSquaredGradientNorm),
            origin: "of one component's gradient, from \(componentWeights.count) components at every iterate")
    }
}
