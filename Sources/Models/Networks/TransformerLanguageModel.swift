import Essentials
import Evaluation
import ParameterSpace
import Torch

/// A Transformer language model as a function of one flat parameter vector: mean cross-entropy per token, in nats.
///
/// With x [B, T, C] the sum of the tokens' rows of `wte` and the positions' rows of `wpe`,
///
///     x ← x + proj(attention(norm₁(x))),   x ← x + proj(gelu(fc(norm₂(x))))
///
/// for every block, where attention is softmax(QKᵀ/√(C/heads) + causal mask)·V per head, gelu(u) = uΦ(u), and norm is layer
/// normalisation with ε = 1e-5; logits = norm_f(x)·wteᵀ (Vaswani et al. 2017; pre-norm and initialisation as in GPT-2,
/// Radford et al. 2019). Every stream of a segment is a sequence of its own, whose first token sees only itself.
///
/// Values and gradients come from LibTorch's operations and its automatic differentiation, on any device. The value holds
/// sizes only, which is why it can be shared between tasks.
public struct TransformerLanguageModel<Scalar: ParameterScalar>: Sendable {
    public let configuration: TransformerConfiguration
    public let layout: ParameterLayout
    public let device: Device

    /// - Throws: `SmoothnessError` with kind `.usage` for sizes out of range or a device that this machine has not.
    public init(_ configuration: TransformerConfiguration, device: String = "cpu") throws {
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

    /// The mean cross-entropy per token of `batch` at `point`.
    /// - Parameter masks: for the batch's own T and B; `nil` switches dropout off.
    /// - Throws: `SmoothnessError` with kind `.data` for shapes that do not fit; `TorchError` for tokens outside the vocabulary.
    public func loss(_ batch: TokenBatch, masks: DropoutMasks?, at point: [Scalar]) throws -> Double {
        try check(batch, masks, point)
        return try withoutGradients {
            try withParameters(at: point) { try number(TransformerPass(self, batch, masks, $0).loss()) }
        }
    }

    /// Returns the loss and overwrites `gradient` (P elements) with its gradient.
    public func gradient(
        _ batch: TokenBatch, masks: DropoutMasks?, at point: [Scalar], into gradient: inout [Scalar]
    ) throws -> Double {
        try check(batch, masks, point)
        return try withParameters(at: point) { parameters in
            for parameter in parameters { try parameter.requiringGradient() }
            let loss = try TransformerPass(self, batch, masks, parameters).loss()
            try loss.backward()
            for (block, parameter) in zip(layout.blocks, parameters) {
                guard let blockGradient = try parameter.gradient() else {
                    throw SmoothnessError(.internalFailure, "nothing depended on the block", object: block.name)
                }
                try blockGradient.copy(into: &gradient, at: block.offset)
            }
            return try number(loss)
        }
    }

    /// Overwrites `product` (P elements) with ∇²·v of the loss, by differentiating twice; attention is written out for that.
    public func hessianProduct(
        _ batch: TokenBatch, masks: DropoutMasks?, at point: [Scalar], with vector: [Scalar],
        into product: inout [Scalar]
    ) throws {
        try check(batch, masks, point)
        try differentiateTwice(at: point, layout: layout, device: device, with: vector, into: &product) { parameters in
            let blocks = layout.blocks.map { parameters[$0.name] }
            return try TransformerPass(self, batch, masks, blocks, isDifferentiatedOnce: false).loss()
        }
    }

    /// Where training starts, a function of the seed alone, as in GPT-2. Block `name` is drawn from
    /// `SeededGenerator(seed:, purpose: "initial-<name>")` in row-major order: weights normal with standard deviation 0.02,
    /// those of the layers `c_proj` that add to x with 0.02/√(2·layers); weights of norms 1, biases 0.
    public func initialPoint(seed: UInt64) -> [Scalar] {
        var point: [Scalar] = []
        point.reserveCapacity(layout.count)
        let shrunk = 0.02 / (2 * Double(configuration.layerCount)).squareRoot()
        for block in layout.blocks {
            if block.shape.count == 1 {
                let isNorm = block.name.contains("ln_") && block.name.hasSuffix("weight")
                point += [Scalar](repeating: isNorm ? 1 : 0, count: block.count)
                continue
            }
            let deviation = block.name.hasSuffix("c_proj.weight") ? shrunk : 0.02
            var generator = SeededGenerator(seed: seed, purpose: "initial-\(block.name)")
            for _ in 0..<block.count { point.append(Scalar(deviation * generator.normal())) }
        }
        return point
    }

    private func number(_ loss: Tensor) throws -> Double { try loss.converted(to: .float64).item(as: Double.self) }

    /// The blocks of `point` in the order of the layout as leaves, without copies on the processor.
    private func withParameters<Result>(at point: [Scalar], _ body: ([Tensor]) throws -> Result) throws -> Result {
        try Tensor.withLoan(of: point, shape: [point.count]) { flat in
            try body(
                layout.blocks.map {
                    try flat.sliced($0.range).reshaped($0.shape).moved(to: device).detached()
                })
        }
    }

    private func check(_ batch: TokenBatch, _ masks: DropoutMasks?, _ point: [Scalar]) throws(SmoothnessError) {
        func require(_ holds: Bool, _ message: String, expected: String, found: Int) throws(SmoothnessError) {
            if !holds { throw SmoothnessError(.data, message, expected: expected, found: "\(found)") }
        }
        try require(
            point.count == layout.count, "the point does not have the model's number of parameters",
            expected: "\(layout.count)", found: point.count)
        try require(
            (1...configuration.contextLength).contains(batch.length), "a batch must fit the learned positions",
            expected: "1 to \(configuration.contextLength) steps", found: batch.length)
        try require(batch.count >= 1, "a batch needs at least one stream", expected: "1", found: batch.count)
        for (name, tokens) in [("inputs", batch.inputs), ("targets", batch.targets)] {
            try require(
                tokens.count == batch.tokenCount, "\(name) do not fill the batch", expected: "\(batch.tokenCount)",
                found: tokens.count)
            if let token = tokens.first(where: { $0 < 0 || $0 >= configuration.vocabularySize }) {
                throw SmoothnessError(
                    .data, "a token of the \(name) lies outside the vocabulary",
                    expected: "0..<\(configuration.vocabularySize)", found: "\(token)")
            }
        }
        guard let masks else { return }
        try require(
            masks.length == batch.length, "the masks are for another length", expected: "\(batch.length)",
            found: masks.length)
        try require(
            masks.count == batch.count, "the masks are for another number of streams", expected: "\(batch.count)",
            found: masks.count)
        let places = DropoutMasks.places(of: configuration)
        try require(
            masks.places == places, "the masks are for another network", expected: "\(places.count) places",
            found: masks.places.count)
    }
}

/// One forward pass.
private struct TransformerPass<Scalar: ParameterScalar> {
    let configuration: TransformerConfiguration
    let device: Device
    let batch: TokenBatch
    let masks: DropoutMasks?
    let parameters: [String: Tensor]
    /// Then attention may be LibTorch's own, which has no second derivative.
    let isDifferentiatedOnce: Bool

    init(
        _ model: TransformerLanguageModel<Scalar>, _ batch: TokenBatch, _ masks: DropoutMasks?, _ parameters: [Tensor],
        isDifferentiatedOnce: Bool = true
    ) {
        self.isDifferentiatedOnce = isDifferentiatedOnce
        configuration = model.configuration
        device = model.device
        self.batch = batch
        self.masks = masks
        self.parameters = Dictionary(uniqueKeysWithValues: zip(model.layout.blocks.map(\.name), parameters))
    }

    private func parameter(_ name: String) -> Tensor { parameters[name]! }

    func loss() throws -> Tensor {
        let tokens = try Tensor(batch.inputs, shape: [batch.length, batch.count], on: device).transposed()
        let targets = try Tensor(batch.targets, shape: [batch.length, batch.count], on: device).transposed()
            .reshaped([batch.tokenCount])
        let positions = try parameter("wpe.weight").sliced(0..<batch.length)
        var x = try dropped(parameter("wte.weight").embedding(tokens) + positions, place: 0)
        for layer in 0..<configuration.layerCount {
            x = try x + dropped(attention(normalized(x, "h.\(layer).ln_1"), layer), place: 1 + 2 * layer)
            x = try x + dropped(feedForward(normalized(x, "h.\(layer).ln_2"), layer), place: 2 + 2 * layer)
        }
        return try normalized(x, "ln_f").reshaped([batch.tokenCount, configuration.width])
            .linear(parameter("wte.weight")).crossEntropy(targets)
    }

    private func normalized(_ x: Tensor, _ name: String) throws -> Tensor {
        try x.layerNormalized(weight: parameter("\(name).weight"), bias: parameter("\(name).bias"), epsilon: 1e-5)
    }

    private func linear(_ x: Tensor, _ name: String) throws -> Tensor {
        try x.linear(parameter("\(name).weight"), parameter("\(name).bias"))
    }

    private func attention(_ x: Tensor, _ layer: Int) throws -> Tensor {
        let (heads, width) = (configuration.headCount, configuration.width)
        let perHead = try linear(x, "h.\(layer).attn.c_attn").chunked(3, dimension: 2).map {
            try $0.reshaped([batch.count, batch.length, heads, width / heads]).transposed(1, 2)
        }
        let mixed = try Tensor.causalAttention(
            queries: perHead[0], keys: perHead[1], values: perHead[2], fused: isDifferentiatedOnce)
        return try linear(
            mixed.transposed(1, 2).reshaped([batch.count, batch.length, width]), "h.\(layer).attn.c_proj")
    }

    private func feedForward(_ x: Tensor, _ layer: Int) throws -> Tensor {
        try linear(linear(x, "h.\(layer).mlp.c_fc").gelu(), "h.\(layer).mlp.c_proj")
    }

    /// x [B, T, C] with the masks [T][B][C] of a place.
    private func dropped(_ x: Tensor, place: Int) throws -> Tensor {
        guard let masks else { return x }
        let factor = Scalar(masks.places[place].scale)
        let mask = try Tensor(
            masks.keep(at: place).map { $0 ? factor : Scalar.zero },
            shape: [batch.length, batch.count, configuration.width], on: device)
        return try x * mask.transposed()
    }
}
