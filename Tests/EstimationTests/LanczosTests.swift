import Essentials
import Estimation
import Evaluation
import Formulas
import Models
import ParameterSpace
import Testing
import Torch

private func vector(_ count: Int, index: Int) -> [Double] {
    var generator = SeededGenerator(seed: 11, purpose: "test vector", index: index)
    return (0..<count).map { _ in generator.normal() }
}

private func lengthOf(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

/// A dense symmetric operator of known spectrum in the frame of some reflections.
private func lanczos(
    _ spectrum: [Double], seed: UInt64 = 1, tolerance: Double = 1e-10, maximumIterations: Int = 400,
    vectors: Int = 1000
) throws -> LanczosResult {
    let matrix = Quadratic<Double>(spectrum: spectrum, rotations: 4, seed: 5)
    return try spectralNorm(
        ofDimension: spectrum.count, product: { matrix.product(with: $0) }, seed: seed, tolerance: tolerance,
        maximumIterations: maximumIterations, memoryBudget: 8 * spectrum.count * vectors)
}

/// Networks of at most 2,000 parameters, of which some components make f_S.
enum SmallNetworks {
    static let lstm: any HessianProductObjective<Double> = {
        let configuration = LSTMConfiguration(
            vocabularySize: 11, embeddingSize: 6, hiddenSize: 8, layerCount: 2, tiedWeights: false, dropout: 0.2)
        let streams = TokenStreams(
            tokens: (0..<110).map { Int32(($0 * $0 + $0 / 3) % 11) }, count: 3, sequenceLength: 6)!
        return LanguageModelObjective(
            model: try! LSTMLanguageModel<Double>(configuration), streams: streams, seed: 4)
    }()

    static let transformer: any HessianProductObjective<Double> = {
        let configuration = TransformerConfiguration(
            vocabularySize: 11, contextLength: 6, width: 8, headCount: 2, layerCount: 2)
        let streams = TokenStreams(
            tokens: (0..<110).map { Int32(($0 * $0 + $0 / 3) % 11) }, count: 3, sequenceLength: 6)!
        return TransformerObjective(
            model: try! TransformerLanguageModel<Double>(configuration), streams: streams, seed: 4)
    }()

    private static func image(
        _ network: ImageClassifierOptions.Network, size: Int
    ) -> any HessianProductObjective<Double> {
        let shape = ImageShape(channels: 1, height: size, width: size)
        let data = ImageDataDescription(
            source: .generated(GeneratedImages(imageCount: 60, classCount: 4, shape: shape, seed: 3)),
            heldOut: .fraction(0.2))
        var options = ImageClassifierOptions(network: network)
        options.batchSize = 10
        let made = try! makeObjective(.imageClassifier(data, options), as: Double.self)
        return made.training as! any HessianProductObjective<Double>
    }

    static let perceptron = image(.perceptron(hiddenSizes: [24, 12], activation: .tanh), size: 8)
    static let residual = image(.residual(family: .cifar, depth: 8, width: 2), size: 8)

    static let all: [(name: String, objective: any HessianProductObjective<Double>)] = [
        ("LSTM", lstm), ("Transformer", transformer), ("perceptron", perceptron), ("ResNet-8", residual),
    ]
}

@Suite("The Hessian's norm by Lanczos' method") struct LanczosTests {
    @Test("dense eigenvalues of networks", arguments: SmallNetworks.all.indices)
    func networks(_ index: Int) throws {
        let (name, objective) = SmallNetworks.all[index]
        // Away from the start, where a language model is all but linear.
        let start = objective.initialPoint(seed: 2)
        let point = zip(start, vector(start.count, index: 1)).map { $0 + 0.2 * $1 }
        let hessian = SubsetHessian(objective: objective, components: [2], point: point)
        let count = hessian.dimension
        #expect(count > 500 && count <= 2000, "\(count)")
        var columns: [Double] = []
        var unit = [Double](repeating: 0, count: count)
        for column in 0..<count {
            unit[column] = 1
            columns += try hessian.product(with: unit)
            unit[column] = 0
        }
        let eigenvalues = symmetricEigenvalues(
            of: (0..<count).map { Array(columns[($0 * count)..<(($0 + 1) * count)]) })
        let exact = max(abs(eigenvalues[0]), abs(eigenvalues[count - 1]))
        let result = try hessian.spectralNorm(seed: 3, tolerance: 1e-10, maximumIterations: 400)
        #expect(result.converged && result.residual <= 1e-10 * result.norm, "\(name): \(result)")
        #expect(abs(result.norm - exact) <= 1e-8 * exact, "\(name): \(result.norm) and \(exact)")
        for (found, wanted) in [(result.largest, eigenvalues[count - 1]), (result.smallest, eigenvalues[0])] {
            let isOuter = abs(found) == result.norm
            #expect(abs(found - wanted) <= (isOuter ? 1e-8 * exact : result.otherResidual + 1e-8 * exact), "\(name)")
        }
        // Memory for twelve vectors: restarts.
        let restarted = try hessian.spectralNorm(
            seed: 3, tolerance: 1e-10, maximumIterations: 2000, memoryBudget: 8 * count * 12)
        #expect(restarted.converged && abs(restarted.norm - exact) <= 1e-8 * exact, "\(name): \(restarted)")
        // Differences of gradients know it to their own precision.
        let byDifferences = SubsetHessian(
            objective: DifferenceHessianProduct(objective), components: [2], point: point)
        let rough = try byDifferences.spectralNorm(seed: 3, tolerance: 1e-4, maximumIterations: 200)
        #expect(rough.converged && abs(rough.norm - exact) <= 1e-4 * exact, "\(name): \(rough)")
    }

    /// Eigenvalues `outer`, and `count` of them evenly from `first` in steps of `step`.
    private static func spectrum(_ outer: [Double], _ count: Int, from first: Double, by step: Double) -> [Double] {
        outer + (0..<count).map { first + step * Double($0) }
    }

    static let spectra: [(name: String, spectrum: [Double])] = [
        ("P = 1", [-3]),
        ("P = 1, zero", [0]),
        ("P = 2", [1, -2]),
        ("P = 5, indefinite", [4, -4, 1, 0, 2]),
        ("zero", spectrum([], 20, from: 0, by: 0)),
        ("the identity", spectrum([], 50, from: 1, by: 0)),
        ("geometric", geometricSpectrum(from: 1e-6, to: 10, count: 300)),
        ("near-degenerate", spectrum([1, 1 - 1e-12, 1 - 1e-11], 200, from: 0, by: 0.0045)),
        ("twins at both ends", spectrum([1, -1, 1 - 1e-11, -1 + 1e-11], 200, from: -0.9, by: 0.009)),
        ("negative-dominant", spectrum([-7, -6.9], 150, from: 0, by: 0.03)),
        ("negative", spectrum([], 150, from: -6, by: 0.03)),
        ("rank 2 of 200", spectrum([5, -3], 198, from: 0, by: 0)),
        ("tiny", spectrum([3e-100, -1e-100], 40, from: 0, by: 1e-102)),
        ("huge", spectrum([-3e120, 1e120], 40, from: 0, by: 1e118)),
    ]

    @Test("known spectra", arguments: spectra.indices)
    func knownSpectra(_ index: Int) throws {
        let (name, spectrum) = Self.spectra[index]
        let exact = spectrum.map { abs($0) }.max() ?? 0
        let result = try lanczos(spectrum)
        #expect(result.converged, "\(name): \(result)")
        #expect(abs(result.norm - exact) <= 1e-10 * exact, "\(name): \(result.norm) and \(exact)")
        #expect(result.norm == max(abs(result.largest), abs(result.smallest)))
        #expect(result.residual <= 1e-10 * result.norm && result.iterations <= spectrum.count)
        // Ritz values lie within the spectrum.
        let slack = 1e-13 * exact
        #expect(result.largest <= (spectrum.max() ?? 0) + slack && result.smallest >= (spectrum.min() ?? 0) - slack)
        #expect(try lanczos(spectrum) == result)
        let other = try lanczos(spectrum, seed: 2)
        #expect(other.converged && abs(other.norm - exact) <= 1e-10 * exact, "\(name)")
        let restarted = try lanczos(spectrum, maximumIterations: 20_000, vectors: 7)
        #expect(restarted.converged && abs(restarted.norm - exact) <= 1e-10 * exact, "\(name): \(restarted)")
    }

    /// Eigenvalues that lie closer than any basis of a few vectors can tell apart; and vectors longer than the pieces in which a
    /// restart rotates them.
    @Test("clusters with all the memory, and long vectors with little") func clustersAndLength() throws {
        let cluster = Self.spectrum([1, 1 - 1e-8, 1 - 1e-6, 1 - 1e-5, 1 - 1e-4], 150, from: 0, by: 0.006)
        let resolved = try lanczos(cluster)
        #expect(resolved.converged && abs(resolved.norm - 1) <= 1e-10, "\(resolved)")
        let long = Self.spectrum([-5, 4.5], 9001, from: -1, by: 5.0 / 9001)
        let result = try lanczos(long, maximumIterations: 2000, vectors: 8)
        #expect(result.converged && abs(result.norm - 5) <= 1e-9 && result.largest <= 4.5 + 1e-12, "\(result)")
        // It did restart.
        #expect(result.iterations > 16)
        let whole = try lanczos(long)
        #expect(whole.converged && abs(whole.norm - result.norm) <= 1e-10)
    }

    /// ∇f(x + d) − ∇f(x) is the mean of ∇²f·d over the segment; along the leading eigenvector a short step attains the norm.
    @Test("L̂ is at most the largest norm on the segment and attains it", arguments: [0, 2])
    func smoothness(_ index: Int) throws {
        let objective = SmallNetworks.all[index].objective
        let start = objective.initialPoint(seed: 2)
        let point = zip(start, vector(start.count, index: 1)).map { $0 + 0.2 * $1 }
        func norm(at point: [Double]) throws -> Double {
            let result = try SubsetHessian(objective: objective, components: [1], point: point)
                .spectralNorm(seed: 1, tolerance: 1e-7, maximumIterations: 300)
            #expect(result.converged)
            return result.norm
        }
        func smoothness(along step: [Double]) throws -> Double {
            var (near, far) = (point, point)
            _ = try objective.gradient(ofComponent: 1, at: point, into: &near)
            _ = try objective.gradient(ofComponent: 1, at: zip(point, step).map { $0 + $1 }, into: &far)
            return lengthOf(zip(near, far).map { $1 - $0 }) / lengthOf(step)
        }
        var direction = vector(point.count, index: 8)
        let hessian = SubsetHessian(objective: objective, components: [1], point: point)
        for _ in 0..<40 {
            direction = try hessian.product(with: direction)
            direction = direction.map { [length = lengthOf(direction)] in $0 / length }
        }
        let here = try norm(at: point)
        let short = try smoothness(along: direction.map { 1e-5 * $0 })
        #expect(short <= here * (1 + 1e-3) && short >= 0.9 * here, "\(short) and \(here)")
        for length in [0.3, 1.0] {
            let step = direction.map { length * $0 }
            let norms = try (0...8).map { part in
                try norm(at: zip(point, step).map { $0 + Double(part) / 8 * $1 })
            }
            let supremum = norms.max() ?? 0
            #expect(try smoothness(along: step) <= supremum * (1 + 1e-6), "\(norms)")
        }
    }

    @Test("what is not converged says so, and its residual holds an eigenvalue") func notConverged() throws {
        let spectrum = (0..<400).map { Double($0) / 40 - 4.9 }
        for iterations in [1, 2, 5, 20, 40] {
            let result = try lanczos(spectrum, maximumIterations: iterations)
            #expect(!result.converged && result.iterations == iterations && result.residual > 1e-10 * result.norm)
            let outer = result.norm == abs(result.largest) ? result.largest : result.smallest
            let nearest = spectrum.map { abs($0 - outer) }.min() ?? .infinity
            #expect(nearest <= result.residual + 1e-12)
        }
        #expect(try lanczos(spectrum).converged)
        #expect(try !lanczos(spectrum, maximumIterations: 60, vectors: 7).converged)
    }

    /// Noise as of products in Float: the recurrence would claim more than the residual that is computed.
    @Test("the precision of the products limits the residual") func inexactProducts() throws {
        let matrix = Quadratic<Float>(spectrum: geometricSpectrum(from: 1e-3, to: 10, count: 120), rotations: 3)
        let hessian = SubsetHessian(
            objective: matrix, components: [0], point: [Float](repeating: 0, count: 120))
        let strict = try hessian.spectralNorm(seed: 1, tolerance: 1e-12, maximumIterations: 300)
        #expect(!strict.converged && strict.residual > 1e-9 * strict.norm)
        let loose = try hessian.spectralNorm(seed: 1, tolerance: 1e-5, maximumIterations: 300)
        #expect(loose.converged && abs(loose.norm - 10) < 1e-5)
    }

    @Test("faults") func faults() throws {
        func run(_ value: Double, memoryBudget: Int = 1 << 20) throws -> LanczosResult {
            try spectralNorm(
                ofDimension: 30, product: { $0.map { $0 * value } }, seed: 1, tolerance: 1e-8, maximumIterations: 20,
                memoryBudget: memoryBudget)
        }
        let notFinite = #expect(throws: SmoothnessError.self) { try run(.nan) }
        #expect(notFinite?.kind == .data)
        let memory = #expect(throws: SmoothnessError.self) { try run(1, memoryBudget: 8 * 30 * 5) }
        #expect(memory?.kind == .usage && memory?.expected == "1440 bytes")
        let hessian = SubsetHessian(
            objective: Quadratic<Double>(spectrum: [1, 2]), components: [0], point: [0, 0], isCancelled: { true })
        let cancelled = #expect(throws: SmoothnessError.self) {
            try hessian.spectralNorm(seed: 1, tolerance: 1e-8, maximumIterations: 20)
        }
        #expect(cancelled?.kind == .interrupted)
    }

    @Test("the subset's Hessian is the weighted mean of its components'") func subset() throws {
        let objective = SmallNetworks.perceptron
        let point = objective.initialPoint(seed: 2)
        let direction = vector(point.count, index: 7)
        func component(_ index: Int) throws -> [Double] {
            var product = point
            try objective.hessianProduct(ofComponent: index, at: point, with: direction, into: &product)
            return product
        }
        // 48 training images: 10, 10, 10, 10, 8.
        let (first, last) = try (component(0), component(4))
        let found = try SubsetHessian(objective: objective, components: [0, 4], point: point).product(with: direction)
        let weighted = try SubsetHessian(objective: objective, components: [0, 4], weights: [1, 3], point: point)
            .product(with: direction)
        for index in point.indices {
            let scale = abs(first[index]) + abs(last[index]) + 1e-12
            #expect(abs(found[index] - (10 * first[index] + 8 * last[index]) / 18) <= 1e-13 * scale)
            #expect(abs(weighted[index] - (first[index] + 3 * last[index]) / 4) <= 1e-13 * scale)
        }
        // Powers of two go through unchanged, however small.
        let small = try SubsetHessian(objective: objective, components: [0, 4], point: point)
            .product(with: direction.map { $0 * 0x1p-300 })
        #expect(small == found.map { $0 * 0x1p-300 })
    }

    @Test(
        "components at the same time change no bit of a product, and one that is stopped says so", arguments: [2, 3, 7])
    func productsTogether(workers: Int) throws {
        let objective = SmallNetworks.lstm
        let point = objective.initialPoint(seed: 2)
        let direction = vector(point.count, index: 3)
        func hessian(_ workers: Int, isCancelled: Bool = false) -> SubsetHessian<Double> {
            SubsetHessian(
                objective: objective, components: [4, 0, 1, 3, 2], weights: [1, 2, 3, 4, 5], point: point,
                workerCount: workers, isCancelled: { isCancelled })
        }
        let alone = try hessian(1).product(with: direction)
        #expect(try hessian(workers).product(with: direction) == alone)
        let error = #expect(throws: SmoothnessError.self) {
            try hessian(workers, isCancelled: true).product(with: direction)
        }
        #expect(error?.kind == .interrupted)
    }

    @Test("the number of LibTorch's threads changes no more than the rounding of its products") func threads() async {
        // In a process of its own: the number of threads is the process's, and other tests compare bits.
        await #expect(processExitsWith: .success) {
            var answers: [[Double]] = []
            for threads in [1, 2] {
                try setThreadCount(threads)
                let result = try SubsetHessian(
                    objective: SmallNetworks.lstm, components: [0, 1], point: SmallNetworks.lstm.initialPoint(seed: 2)
                ).spectralNorm(seed: 1, tolerance: 1e-6, maximumIterations: 60)
                answers.append([result.norm, result.largest, result.smallest, result.residual])
            }
            // Matrix libraries may divide a product among threads, and so round it otherwise: PyTorch's does. Norms and eigenvalues follow the
            // product's rounding; the residual is the small difference of two large vectors.
            #expect(zip(answers[0].prefix(3), answers[1].prefix(3)).allSatisfy { abs($0 - $1) <= 1e-13 * abs($0) })
            #expect(abs(answers[0][3] - answers[1][3]) <= 1e-13 * answers[0][0])
        }
    }
}
