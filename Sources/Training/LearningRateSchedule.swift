import Foundation

/// How the learning rate changes along a run: η_t = η f_t. γ goes with η, so that the clip norm γ/η stays.
///
/// f_t is the product of a warm-up and of at most one of three decays. t counts iterations from 0, e = ⌊t/m⌋ epochs, and T is the
/// number of iterations of the whole run:
///
/// - warm-up over W iterations: (t + 1)/W for t < W, then 1 (Goyal et al. 2017, from η/W);
/// - steps: D^{−n} with n the number of given epochs that are at most e, so that the epoch of a given number E, counted from
///   0, is the first with the smaller rate (η ÷ 10 at epochs 100 and 150: Zhang, He, Sra, Jadbabaie 2020, appendix H.2);
/// - plateau: D^{−n} with n the number of times so far that `patience` evaluations in a row had no smaller validation loss
///   than every one before them; counting begins anew after each time;
/// - cosine: r + (1 − r) cos²(π u/2) with u = (t − W)/(T − W) and r the share of η that is approached at the end
///   (Loshchilov, Hutter 2017, without restarts).
public struct LearningRateSchedule: Sendable, Hashable, Codable {
    /// Division by D at given epochs.
    public struct Steps: Sendable, Hashable, Codable {
        /// Ascending, each ≥ 1.
        public var epochs: [Int]
        /// D > 1
        public var factor: Double

        public init(epochs: [Int], factor: Double = 10) {
            self.epochs = epochs
            self.factor = factor
        }
    }

    /// Division by D where the validation loss stands still.
    public struct Plateau: Sendable, Hashable, Codable {
        /// Evaluations, ≥ 1.
        public var patience: Int
        /// D > 1
        public var factor: Double

        public init(patience: Int, factor: Double = 10) {
            self.patience = patience
            self.factor = factor
        }
    }

    /// Half a cosine over the run.
    public struct Cosine: Sendable, Hashable, Codable {
        /// r η, the learning rate that is approached at the end; 0 ≤ r η < η.
        public var last: Double

        public init(last: Double = 0) { self.last = last }
    }

    /// W ≥ 1; `nil` for none.
    public var warmUp: Int?
    public var steps: Steps?
    public var plateau: Plateau?
    public var cosine: Cosine?

    private enum CodingKeys: String, CodingKey {
        case warmUp = "warm_up"
        case steps, plateau, cosine
    }

    public init(warmUp: Int? = nil, steps: Steps? = nil, plateau: Plateau? = nil, cosine: Cosine? = nil) {
        self.warmUp = warmUp
        self.steps = steps
        self.plateau = plateau
        self.cosine = cosine
    }

    /// f_t.
    /// - Parameters:
    ///   - learningRate: η.
    ///   - epochLength: m.
    ///   - iterationCount: T.
    ///   - reductions: what `Plateau.reductions(after:)` says of the evaluations before iteration t.
    public func factor(
        at iteration: Int, learningRate: Double, epochLength: Int, iterationCount: Int, reductions: Int
    ) -> Double {
        var factor = 1.0
        if let warmUp, iteration < warmUp { factor = Double(iteration + 1) / Double(warmUp) }
        if let steps {
            let epoch = iteration / epochLength
            factor /= pow(steps.factor, Double(steps.epochs.count { $0 <= epoch }))
        }
        if let plateau { factor /= pow(plateau.factor, Double(reductions)) }
        if let cosine {
            let start = min(warmUp ?? 0, iterationCount - 1)
            let share = Double(max(iteration - start, 0)) / Double(iterationCount - start)
            let wave = cos(.pi * share / 2)
            let last = cosine.last / learningRate
            factor *= last + (1 - last) * wave * wave
        }
        return factor
    }

    func validate(learningRate: Double, _ require: Requirement) throws {
        try require(warmUp ?? 1 >= 1, "warm-up", "at least 1 iteration", warmUp ?? 0)
        let decays = [steps == nil ? nil : "steps", plateau == nil ? nil : "plateau", cosine == nil ? nil : "cosine"]
            .compactMap(\.self)
        try require(decays.count <= 1, "schedule", "at most one decay", decays.joined(separator: " and "))
        if let steps {
            let isAscending = zip(steps.epochs, steps.epochs.dropFirst()).allSatisfy { $0 < $1 }
            try require(
                isAscending && steps.epochs.first ?? 0 >= 1, "decay epochs", "epochs from 1 on, ascending",
                steps.epochs.map(String.init).joined(separator: ","))
            try require(steps.factor > 1 && steps.factor.isFinite, "decay factor", "a finite number > 1", steps.factor)
        }
        if let plateau {
            try require(plateau.patience >= 1, "plateau", "at least 1 evaluation", plateau.patience)
            try require(
                plateau.factor > 1 && plateau.factor.isFinite, "decay factor", "a finite number > 1", plateau.factor)
        }
        if let cosine {
            try require(
                cosine.last >= 0 && cosine.last < learningRate, "last learning rate",
                "at least 0 and below \(learningRate)",
                cosine.last)
        }
    }
}

extension LearningRateSchedule.Plateau {
    /// How often the rate has been divided after evaluations with these validation losses, in order. A NaN is no improvement.
    public func reductions(after losses: [Double]) -> Int {
        var (best, waiting, reductions) = (Double.infinity, 0, 0)
        for loss in losses {
            if loss < best {
                (best, waiting) = (loss, 0)
            } else {
                waiting += 1
                if waiting == patience { (waiting, reductions) = (0, reductions + 1) }
            }
        }
        return reductions
    }
}
