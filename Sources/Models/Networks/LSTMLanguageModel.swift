import Essentials
import Evaluation
import ParameterSpace
import Torch

/// An LSTM language model as a function of one flat parameter vector: mean cross-entropy per token, in nats, of a batch that
/// starts from a zero state, or from a given one that counts as a constant.
///
/// For every layer, with gates in PyTorch's order,
///
///     (i, f, g, o) = W_ih x_t + b_ih + W_hh h_{t−1} + b_hh
///     c_t = σ(f)·c_{t−1} + σ(i)·tanh(g),   h_t = σ(o)·tanh(c_t),   h_0 = c_0 = 0
///
/// (Hochreiter and Schmidhuber 1997 with Gers's forget gate, as `torch.nn.LSTM`). With `LSTMRegularization` the loss has
/// AWD-LSTM's activation terms, and the masks are its kinds of dropout. The value holds sizes only, no tensors
/// and no parameters, which is why it can be shared between tasks.
///
/// On the processor, `loss` and `gradient` run the fused C++ of TorchLibrary. `plainLoss` and `plainGradient` are the same function
/// written over Torch tensors with automatic differentiation: what the fused one is tested against, and what runs on other
/// devices.
public struct LSTMLanguageModel<Scalar: ParameterScalar>: Sendable {
    public let configuration: LSTMConfiguration
    public let layout: ParameterLayout
    public let device: Device

    /// - Throws: `SmoothnessError` with kind `.usage` for sizes out of range or a device that this machine has not.
    public init(_ configuration: LSTMConfiguration, device: String = "cpu") throws {
        try configuration.validate()
        do {
            self.device = try Device(device)
        } catch {
            throw SmoothnessError(
                .usage, "the device cannot be used: \(error.message)", object: device,
                remedy: "Use cpu, or build against a LibTorch that has CUDA.")
        }
        self.configuration = configuration
        layout = configuration.layout
    }

    /// The mean cross-entropy per token of `batch` at `point`, with the activation terms of the configuration.
    /// - Parameters:
    ///   - masks: for the batch's own T and B; `nil` switches dropout off.
    ///   - state: before the first step; `nil` is zero.
    /// - Throws: `SmoothnessError` with kind `.data` for tokens outside the vocabulary or shapes that do not fit.
    public func loss(
        _ batch: TokenBatch, masks: DropoutMasks?, from state: LSTMState<Scalar>? = nil, at point: [Scalar]
    ) throws -> Double {
        guard device.isCPU else { return try plainLoss(batch, masks: masks, from: state, at: point) }
        try check(batch, masks, state, point)
        return try lstmLanguageModelLoss(
            sizes(of: batch), inputs: batch.inputs, targets: batch.targets, dropout: dropout(of: masks), terms: terms,
            from: state?.values, at: point)
    }

    /// Returns the loss and overwrites `gradient` (P elements) with its gradient. The state counts as a constant.
    public func gradient(
        _ batch: TokenBatch, masks: DropoutMasks?, from state: LSTMState<Scalar>? = nil, at point: [Scalar],
        into gradient: inout [Scalar]
    ) throws -> Double {
        guard device.isCPU else {
            return try plainGradient(batch, masks: masks, from: state, at: point, into: &gradient)
        }
        try check(batch, masks, state, point)
        return try lstmLanguageModelGradient(
            sizes(of: batch), inputs: batch.inputs, targets: batch.targets, dropout: dropout(of: masks), terms: terms,
            from: state?.values, at: point, into: &gradient)
    }

    /// Whether the fused C++ is what runs.
    var isFused: Bool { device.isCPU }

    /// A batch with what goes with it.
    typealias Part = (batch: TokenBatch, masks: DropoutMasks?, state: LSTMState<Scalar>?)

    /// The losses and gradients of two batches of the same sizes, in the fused C++ together: bit for bit those of `gradient`.
    func gradients(
        _ first: Part, _ second: Part, at point: [Scalar], into firstGradient: inout [Scalar],
        _ secondGradient: inout [Scalar]
    ) throws -> (Double, Double) {
        func arguments(_ part: Part) throws -> LSTMBatch<Scalar> {
            try check(part.batch, part.masks, part.state, point)
            return LSTMBatch(
                inputs: part.batch.inputs, targets: part.batch.targets, dropout: dropout(of: part.masks), terms: terms,
                from: part.state?.values)
        }
        return try lstmLanguageModelGradients(
            sizes(of: first.batch), try arguments(first), try arguments(second), at: point, into: &firstGradient,
            &secondGradient)
    }

    /// The state after the last step of `batch`, whose targets are not looked at.
    public func state(
        after batch: TokenBatch, masks: DropoutMasks?, from state: LSTMState<Scalar>? = nil, at point: [Scalar]
    ) throws -> LSTMState<Scalar> {
        guard device.isCPU else { return try plainState(after: batch, masks: masks, from: state, at: point) }
        try check(batch, masks, state, point)
        return LSTMState(
            hidden: hiddenSizes, count: batch.count,
            values: try lstmLanguageModelState(
                sizes(of: batch), after: batch.inputs, dropout: dropout(of: masks), from: state?.values, at: point))
    }

    /// H of every layer.
    var hiddenSizes: [Int] { (0..<configuration.layerCount).map(configuration.hiddenSize(ofLayer:)) }

    var terms: LSTMActivationTerms {
        LSTMActivationTerms(
            activation: configuration.regularization?.activation ?? 0,
            temporal: configuration.regularization?.temporalActivation ?? 0)
    }

    private func sizes(of batch: TokenBatch) -> LSTMSizes {
        LSTMSizes(
            vocabulary: configuration.vocabularySize, embedding: configuration.embeddingSize, hidden: hiddenSizes,
            tied: configuration.tiedWeights, steps: batch.length, streams: batch.count)
    }

    private func dropout(of masks: DropoutMasks?) -> LSTMDropout? {
        masks.map { masks in
            // Without masks at the places, tokens of the same word are worked out once.
            let keep = masks.places.contains { $0.probability > 0 } ? masks.keep : nil
            return LSTMDropout(
                keep: keep, scales: masks.places.map(\.scale), isLocked: masks.isLocked, words: masks.words,
                wordScale: masks.wordScale, recurrent: masks.recurrent, recurrentScale: masks.recurrentScale)
        }
    }

    /// Where training starts, a function of the seed alone. Block `name` is drawn from
    /// `SeededGenerator(seed:, purpose: "initial-<name>")` in row-major order, each element fl(a·(2u − 1)): a = 1/√H_l for
    /// everything of LSTM layer l, biases included, as in PyTorch; a = 0.1 for embedding and decoder weights, and zeros for
    /// the decoder's bias, as in Merity et al.
    public func initialPoint(seed: UInt64) -> [Scalar] {
        var point: [Scalar] = []
        point.reserveCapacity(layout.count)
        for block in layout.blocks {
            let bound = initialBound(of: block)
            var generator = SeededGenerator(seed: seed, purpose: "initial-\(block.name)")
            for _ in 0..<block.count {
                point.append(bound == 0 ? 0 : Scalar(bound * (2 * generator.uniform() - 1)))
            }
        }
        return point
    }

    private func initialBound(of block: ParameterBlock) -> Double {
        switch block.name {
        case "encoder.weight", "decoder.weight": 0.1
        case "decoder.bias": 0
        default: 1 / (Double(block.shape[0]) / 4).squareRoot()
        }
    }

    /// Refuses what would read outside an array.
    func check(
        _ batch: TokenBatch, _ masks: DropoutMasks?, _ state: LSTMState<Scalar>?, _ point: [Scalar]
    ) throws(SmoothnessError) {
        func require(_ holds: Bool, _ message: String, expected: Int, found: Int) throws(SmoothnessError) {
            if !holds { throw SmoothnessError(.data, message, expected: "\(expected)", found: "\(found)") }
        }
        try require(
            point.count == layout.count, "the point does not have the model's number of parameters",
            expected: layout.count, found: point.count)
        try require(batch.length >= 1, "a batch needs at least one step", expected: 1, found: batch.length)
        try require(batch.count >= 1, "a batch needs at least one stream", expected: 1, found: batch.count)
        for (name, tokens) in [("inputs", batch.inputs), ("targets", batch.targets)] {
            try require(
                tokens.count == batch.tokenCount, "\(name) do not fill the batch", expected: batch.tokenCount,
                found: tokens.count)
            if let token = tokens.first(where: { $0 < 0 || $0 >= configuration.vocabularySize }) {
                throw SmoothnessError(
                    .data, "a token of the \(name) lies outside the vocabulary",
                    expected: "0..<\(configuration.vocabularySize)", found: "\(token)")
            }
        }
        if let state {
            try require(
                state.count == batch.count, "the state is for another number of streams", expected: batch.count,
                found: state.count)
            try require(
                state.hidden == hiddenSizes, "the state is for another network", expected: hiddenSizes.reduce(0, +),
                found: state.hidden.reduce(0, +))
        }
        guard let masks else { return }
        try require(
            masks.length == batch.length, "the masks are for another length", expected: batch.length,
            found: masks.length)
        try require(
            masks.count == batch.count, "the masks are for another number of streams", expected: batch.count,
            found: masks.count)
        let places = DropoutMasks.places(of: configuration)
        try require(
            masks.places == places, "the masks are for another network", expected: places.reduce(0) { $0 + $1.width },
            found: masks.places.reduce(0) { $0 + $1.width })
        let words = masks.words?.count ?? configuration.vocabularySize
        try require(
            words == configuration.vocabularySize, "the masks are for another vocabulary",
            expected: configuration.vocabularySize, found: words)
    }
}
