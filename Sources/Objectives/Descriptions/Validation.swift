import Essentials

/// Parameters arrive from the command line and from files; here they are checked before an initialiser would trap.
extension ObjectiveDescription {
    /// - Throws: `SmoothnessError` of kind `.usage` that names the parameter.
    public func validate() throws {
        switch kind {
        case .quadratic(let quadratic):
            try require(!quadratic.spectrum.isEmpty, "spectrum", "at least one eigenvalue", quadratic.spectrum)
            try require(quadratic.spectrum.allSatisfy(\.isFinite), "spectrum", "finite numbers", quadratic.spectrum)
            try require(quadratic.rotations >= 0, "rotations", "0 or more", quadratic.rotations)
            try require(quadratic.componentCount > 0, "component_count", "1 or more", quadratic.componentCount)
            try require(isNonnegative(quadratic.noise), "noise", "0 or more", quadratic.noise)
        case .polynomial(let polynomial):
            let coefficients = polynomial.coefficients
            try require(!coefficients.isEmpty, "coefficients", "at least one", coefficients)
            try require(coefficients.allSatisfy(\.isFinite), "coefficients", "finite numbers", coefficients)
            try require(polynomial.start.isFinite, "start", "a finite number", polynomial.start)
        case .quarticValley(let valley):
            let start = valley.start
            try require(start.count == 2 && start.allSatisfy(\.isFinite), "start", "two finite numbers", start)
        case .exponentialWalls(let walls):
            try require(isPositive(walls.growth), "growth", "a positive number", walls.growth)
            let gradient = walls.initialGradient
            try require(gradient.isFinite && gradient >= 1, "initial_gradient", "1 or more", gradient)
        case .slowSlope(let slow):
            try require(isPositive(slow.slope), "slope", "a positive number", slow.slope)
            try require(isNonnegative(slow.gap), "gap", "0 or more", slow.gap)
        case .qianExample(let example):
            try require(example.start.isFinite, "start", "a finite number", example.start)
        case .exponentialSum(let sum):
            let numbers = sum.amplitudes + sum.rates
            try require(!sum.amplitudes.isEmpty, "amplitudes", "at least one", sum.amplitudes)
            try require(
                sum.amplitudes.count == sum.rates.count, "rates", "as many as amplitudes, \(sum.amplitudes.count)",
                sum.rates)
            try require(numbers.allSatisfy(\.isFinite), "amplitudes and rates", "finite numbers", numbers)
            try require(sum.start.isFinite, "start", "a finite number", sum.start)
        case .deepLinearNetwork(let network):
            let widths = network.widths
            try require(
                widths.count >= 2 && widths.allSatisfy { $0 > 0 }, "widths", "two or more, each 1 or more", widths)
            try require(network.sampleCount > 0, "sample_count", "1 or more", network.sampleCount)
            try require(isNonnegative(network.noise), "noise", "0 or more", network.noise)
            try require(network.batchSize > 0, "batch_size", "1 or more", network.batchSize)
            try require(isPositive(network.initialScale), "initial_scale", "a positive number", network.initialScale)
        case .logisticRegression(let regression):
            try require(regression.batchSize > 0, "batch_size", "1 or more", regression.batchSize)
            let regularization = regression.regularization
            try require(isNonnegative(regularization), "regularization", "0 or more", regularization)
            if case .generated(let samples) = regression.source {
                try require(samples.sampleCount > 0, "sample_count", "1 or more", samples.sampleCount)
                try require(samples.featureCount > 0, "feature_count", "1 or more", samples.featureCount)
            }
        case .languageModel(let model):
            try model.validate()
        case .transformer(let model):
            try model.validate()
        case .imageClassifier(let classifier):
            try classifier.validate()
        case .torchScript(let script): try script.validate()
        case .external: break
        }
    }
}

func isPositive(_ value: Double) -> Bool { value.isFinite && value > 0 }
func isNonnegative(_ value: Double) -> Bool { value.isFinite && value >= 0 }

func require(_ holds: Bool, _ parameter: String, _ expected: String, _ found: some Any) throws {
    guard !holds else { return }
    throw SmoothnessError(
        .usage, "the objective's parameter is out of range", object: parameter, expected: expected, found: "\(found)")
}
