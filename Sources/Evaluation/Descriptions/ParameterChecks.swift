import Essentials
import Foundation

/// The most that a description may ask for. It may stand in a file that somebody else has made: without bounds the products of its sizes leave
/// 64 bits, and what it generates takes all memory and time.
enum DescriptionBounds {
    /// One extent of a network.
    static let size = 1 << 22
    static let layers = 1000
    /// Examples of a component, steps of a segment.
    static let batch = 1 << 31
    static let components = 1_000_000
    /// Numbers of generated samples.
    static let numbers = 1 << 25
    /// Layers of a formula, whose matrices are small.
    static let width = 4096
    /// Lines and words of a generated text.
    static let lines = 1_000_000
    /// Values of generated images.
    static let pixels = 1 << 28
    static let imageSide = 1 << 14
}

/// Parameters arrive from the command line and from files; here they are checked before an initialiser would trap.
extension ObjectiveDescription {
    /// - Throws: `SmoothnessError` of kind `.usage` that names the parameter.
    public func validate() throws {
        switch kind {
        case .quadratic(let quadratic):
            try require(!quadratic.spectrum.isEmpty, "spectrum", "at least one eigenvalue", quadratic.spectrum)
            try require(quadratic.spectrum.allSatisfy(\.isFinite), "spectrum", "finite numbers", quadratic.spectrum)
            let most = DescriptionBounds.numbers / quadratic.spectrum.count
            try require((0...most).contains(quadratic.rotations), "rotations", "0 to \(most)", quadratic.rotations)
            try requireSize("component_count", quadratic.componentCount, atMost: DescriptionBounds.components)
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
            try require(
                widths.count <= DescriptionBounds.layers && widths.allSatisfy { $0 <= DescriptionBounds.width },
                "widths", "\(DescriptionBounds.layers) layers of \(DescriptionBounds.width) units at most", widths)
            let most = DescriptionBounds.numbers / (widths[0] + widths[widths.count - 1])
            try requireSize("sample_count", network.sampleCount, atMost: most)
            try require(isNonnegative(network.noise), "noise", "0 or more", network.noise)
            try requireSize("batch_size", network.batchSize, atMost: DescriptionBounds.batch)
            try requireMemory(forParameters: zip(widths, widths.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 })
            try require(isPositive(network.initialScale), "initial_scale", "a positive number", network.initialScale)
        case .logisticRegression(let regression):
            try requireSize("batch_size", regression.batchSize, atMost: DescriptionBounds.batch)
            let regularization = regression.regularization
            try require(isNonnegative(regularization), "regularization", "0 or more", regularization)
            if case .generated(let samples) = regression.source {
                let most = DescriptionBounds.numbers
                try requireSize("feature_count", samples.featureCount, atMost: most)
                try requireSize("sample_count", samples.sampleCount, atMost: most / samples.featureCount)
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

/// Refuses a size below 1, or one that no data or machine has.
func requireSize(_ parameter: String, _ size: Int, atMost most: Int = DescriptionBounds.size) throws {
    try require(size >= 1, parameter, "1 or more", size)
    try require(size <= most, parameter, "\(most) at most", size)
}

/// Refuses a network whose point and gradient alone need more memory than the machine has.
func requireMemory(forParameters count: Int) throws {
    let bytes = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    let most = bytes / (2 * MemoryLayout<Float>.size)
    try require(count <= most, "parameters", "\(most) at most on this machine", count)
}

func isPositive(_ value: Double) -> Bool { value.isFinite && value > 0 }
func isNonnegative(_ value: Double) -> Bool { value.isFinite && value >= 0 }

func require(_ holds: Bool, _ parameter: String, _ expected: String, _ found: some Any) throws {
    guard !holds else { return }
    throw SmoothnessError(
        .usage, "the objective's parameter is out of range", object: parameter, expected: expected, found: "\(found)")
}
