import Essentials
import Evaluation
import ParameterSpace
import Torch

/// Images of one batch with their classes.
struct ImageBatch<Scalar: ParameterScalar>: Sendable {
    /// [N][C][H][W], normalised.
    var values: [Scalar]
    /// N classes.
    var labels: [Int64]
}

/// Mean and variance of every channel at every batch normalisation of a network, in the order of its forward pass.
struct PopulationStatistics<Scalar: ParameterScalar>: Sendable {
    var means: [[Scalar]]
    var variances: [[Scalar]]
}

/// A network over images as a function of one flat parameter vector: the mean cross-entropy of a batch, in nats.
///
/// Batch normalisation uses the statistics of the batch, with gradients through them, and keeps no running ones: the loss of
/// a batch is a function of the parameters alone. The value holds sizes only, no tensors and no parameters.
struct ImageClassifier<Scalar: ParameterScalar>: Sendable {
    let network: ImageNetwork
    let shape: ImageShape
    let device: Device
    let layout: ParameterLayout

    /// - Throws: `SmoothnessError` with kind `.usage` for sizes out of range or a device that this machine has not.
    init(_ network: ImageNetwork, shape: ImageShape, device: String = "cpu") throws {
        try network.validate(for: shape)
        do {
            self.device = try Device(device)
        } catch {
            throw SmoothnessError(
                .usage, "the device cannot be used: \(error.message)", object: device,
                remedy: "Use cpu, or build against a LibTorch that has CUDA.")
        }
        self.network = network
        self.shape = shape
        layout = network.layout
    }

    func loss(_ batch: ImageBatch<Scalar>, labelSmoothing: Double, at point: [Scalar]) throws -> Double {
        if labelSmoothing == 0, let (sizes, activation) = fused {
            return try perceptronLoss(
                sizes: sizes, activation: activation, inputs: batch.values, labels: batch.labels, at: point)
        }
        return try value(at: point, layout: layout, device: device) {
            try loss(batch, labelSmoothing: labelSmoothing, $0)
        }
    }

    /// Returns the loss and overwrites `gradient` (P elements) with its gradient.
    func gradient(
        _ batch: ImageBatch<Scalar>, labelSmoothing: Double, at point: [Scalar], into gradient: inout [Scalar]
    ) throws -> Double {
        if labelSmoothing == 0, let (sizes, activation) = fused {
            return try perceptronGradient(
                sizes: sizes, activation: activation, inputs: batch.values, labels: batch.labels, at: point,
                into: &gradient)
        }
        return try differentiate(at: point, layout: layout, device: device, into: &gradient) {
            try loss(batch, labelSmoothing: labelSmoothing, $0)
        }
    }

    /// A perceptron whose gradient is worked out without automatic differentiation.
    private var fused: (sizes: [Int], activation: PerceptronActivation)? {
        guard case .perceptron(let network) = network, device == .cpu else { return nil }
        return network.fusedActivation.map { (network.sizes, $0) }
    }

    func loss(
        _ batch: ImageBatch<Scalar>, labelSmoothing: Double, _ parameters: NamedTensors
    ) throws -> Tensor {
        let logits = try network.logits(images(of: batch), parameters, normalization: .batch)
        return try logits.crossEntropy(labels(of: batch), labelSmoothing: labelSmoothing)
    }

    private func images(of batch: ImageBatch<Scalar>) throws -> Tensor {
        try Tensor(batch.values, shape: [batch.labels.count, shape.channels, shape.height, shape.width], on: device)
    }

    private func labels(of batch: ImageBatch<Scalar>) throws -> Tensor {
        try Tensor(batch.labels, shape: [batch.labels.count], on: device)
    }

    // MARK: Evaluation

    /// The cross-entropy, and how many images have their own class as the one with the largest logit (the first of equals).
    /// - Parameter statistics: for batch normalisation; the batch's own where there are none.
    func evaluation(
        _ batch: ImageBatch<Scalar>, statistics: PopulationStatistics<Scalar>?, at point: [Scalar]
    ) throws -> ComponentEvaluation {
        try withoutGradients {
            try NamedTensors.lending(point, layout: layout, device: device, requiringGradients: false) { parameters in
                let pass = try statistics.map { try NormalizationPass.given(tensors($0)) } ?? .batch
                let logits = try network.logits(images(of: batch), parameters, normalization: pass)
                let loss = try logits.crossEntropy(labels(of: batch)).converted(to: .float64).item(as: Double.self)
                return ComponentEvaluation(
                    loss: loss, correctCount: correctCount(try logits.values(as: Scalar.self), batch.labels))
            }
        }
    }

    /// No answer is right among logits that are not all finite.
    private func correctCount(_ logits: [Scalar], _ labels: [Int64]) -> Int {
        let classes = network.classCount
        return labels.indices.count { image in
            let row = logits[(image * classes)..<((image + 1) * classes)]
            guard row.allSatisfy(\.isFinite), let largest = row.max() else { return false }
            return row.firstIndex(of: largest)! - row.startIndex == labels[image]
        }
    }

    private func tensors(
        _ statistics: PopulationStatistics<Scalar>
    ) throws -> [String: (mean: Tensor, variance: Tensor)] {
        var tensors: [String: (mean: Tensor, variance: Tensor)] = [:]
        for (index, normalization) in network.normalizations.enumerated() {
            tensors[normalization.name] = (
                try Tensor(statistics.means[index], shape: [normalization.channels], on: device),
                try Tensor(statistics.variances[index], shape: [normalization.channels], on: device)
            )
        }
        return tensors
    }

    /// The means over `batches` of the batches' means and unbiased variances, as cumulative averages in their order (what
    /// `torch.nn.BatchNorm2d(momentum=None)` keeps).
    func populationStatistics(
        over batches: some Sequence<Result<ImageBatch<Scalar>, any Error>>, at point: [Scalar]
    ) throws -> PopulationStatistics<Scalar> {
        try withoutGradients {
            try NamedTensors.lending(point, layout: layout, device: device, requiringGradients: false) { parameters in
                let zeros = network.normalizations.map { [Scalar](repeating: 0, count: $0.channels) }
                let running = try tensors(PopulationStatistics(means: zeros, variances: zeros))
                for (index, batch) in batches.enumerated() {
                    _ = try network.logits(
                        images(of: batch.get()), parameters,
                        normalization: .accumulating(running, momentum: 1 / Double(index + 1)))
                }
                func values(_ part: KeyPath<(mean: Tensor, variance: Tensor), Tensor>) throws -> [[Scalar]] {
                    try network.normalizations.map { try running[$0.name]![keyPath: part].values(as: Scalar.self) }
                }
                return PopulationStatistics(means: try values(\.mean), variances: try values(\.variance))
            }
        }
    }
}
