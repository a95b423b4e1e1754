import Essentials

extension TrainingConfiguration {
    /// The longest run that is planned.
    public static let mostIterations = 100_000_000

    /// Checks every value and what spans them.
    /// - Parameter kind: `.usage` for a command line, `.data` for a file.
    /// - Throws: `SmoothnessError` naming the first value that is wrong.
    public func validate(as kind: SmoothnessError.Kind = .usage, file: String? = nil) throws {
        func require(_ holds: Bool, _ name: String, _ expected: String, _ found: Any) throws {
            guard !holds else { return }
            throw SmoothnessError(
                kind, "is outside its range", file: file, object: name, expected: expected, found: "\(found)")
        }
        try require(learningRate > 0 && learningRate.isFinite, "learning rate", "a finite number > 0", learningRate)
        if let gamma, let clipNorm {
            try require(gamma > 0 && gamma.isFinite, "gamma", "a finite number > 0, absent without clipping", gamma)
            try require(
                clipNorm > 0 && clipNorm.isFinite, "clip norm", "a finite number > 0, absent without clipping", clipNorm
            )
            try require(
                abs(gamma - clipNorm * learningRate) <= 1e-9 * gamma, "clip norm",
                "gamma / learning rate, of gamma \(gamma)",
                clipNorm)
        }
        try require(beta >= 0 && beta < 1, "beta", "0 ≤ β < 1", beta)
        try require(nu >= 0 && nu <= 1, "nu", "0 ≤ ν ≤ 1", nu)
        let name = algorithm.rawValue
        if algorithm.memory == .none { try require(beta == 0, "beta", "0, as \(name) has no momentum", beta) }
        if !algorithm.hasNu { try require(nu == 0, "nu", "0, as \(name) has no ν", nu) }
        try validateVariant(require)
        try schedule?.validate(learningRate: learningRate, require)
        try averaging?.validate(require)
        try require(iterations >= 1, "iterations", "at least 1", iterations)
        try require(save.every >= 1, "save every", "at least 1", save.every)
        try require(save.first ?? 1 >= 1 || save == .none, "save first", "at least 1", save.first ?? 1)
        if let schedule = observation?.schedule {
            try require(schedule.every >= 1, "estimate every", "at least 1", schedule.every)
            try require(schedule.first ?? 1 >= 1, "estimate first", "at least 1", schedule.first ?? 1)
        }
        // The plan of a run is a list in memory, and so is its history when it is read.
        try require(iterations <= Self.mostIterations, "iterations", "at most \(Self.mostIterations)", iterations)
        try require(threads >= 1, "threads", "at least 1", threads)
        try require(microBatch ?? 1 >= 1, "micro-batch", "at least 1", microBatch ?? 1)
    }
    /// What only some of the algorithms have.
    private func validateVariant(_ require: Requirement) throws {
        let name = algorithm.rawValue
        try require(offset >= 0 && offset.isFinite, "offset", "a finite number ≥ 0", offset)
        if algorithm.isNormalized {
            try require(clipNorm == nil, "clip norm", "none, as \(name) makes every step as long", clipNorm ?? 0)
            try require(clippingForm == .hard, "clip form", "hard, as \(name) does not clip", clippingForm.rawValue)
        } else {
            try require(offset == 0, "offset", "0, as \(name) has no b", offset)
        }
        if let adam {
            try require(algorithm.isAdam, "beta2", "nothing, as \(name) has no second moment", adam.beta2)
            try require(adam.beta2 >= 0 && adam.beta2 < 1, "beta2", "0 ≤ β₂ < 1", adam.beta2)
            try require(adam.epsilon > 0 && adam.epsilon.isFinite, "epsilon", "a finite number > 0", adam.epsilon)
        } else {
            try require(!algorithm.isAdam, "beta2", "a number, as \(name) has a second moment", "none")
        }
        guard let weightDecay else { return }
        try require(weightDecay.rate >= 0 && weightDecay.rate.isFinite, "weight decay", "≥ 0", weightDecay.rate)
        let isDecoupled = weightDecay.place == .decoupled
        try require(
            isDecoupled == algorithm.isDecoupled, "weight decay place",
            algorithm.isDecoupled ? "decoupled, as \(name) has no other" : "before or after; decoupled is adamw's",
            weightDecay.place.rawValue)
        try require(
            weightDecay.place == .before || learningRate * weightDecay.rate < 1, "weight decay",
            "η λ < 1, so that x shrinks and keeps its sign", "η λ = \(learningRate * weightDecay.rate)")
    }
}

/// Throws unless the condition holds: (condition, name of the value, what is expected, what was found).
typealias Requirement = (_ holds: Bool, _ name: String, _ expected: String, _ found: Any) throws -> Void
