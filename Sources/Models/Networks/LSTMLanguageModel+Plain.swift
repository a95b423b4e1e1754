import Essentials
import ParameterSpace
import Torch

// The plain twin: one tensor operation for every operation of the definition.
extension LSTMLanguageModel {
    /// `loss`, written over Torch tensors.
    public func plainLoss(
        _ batch: TokenBatch, masks: DropoutMasks?, from state: LSTMState<Scalar>? = nil, at point: [Scalar]
    ) throws -> Double {
        try check(batch, masks, state, point)
        return try withoutGradients {
            try withParameters(at: point) { try number(PlainPass(self, batch, masks, state, $0).loss()) }
        }
    }

    /// `gradient`, by LibTorch's automatic differentiation.
    public func plainGradient(
        _ batch: TokenBatch, masks: DropoutMasks?, from state: LSTMState<Scalar>? = nil, at point: [Scalar],
        into gradient: inout [Scalar]
    ) throws -> Double {
        try check(batch, masks, state, point)
        guard gradient.count == layout.count else {
            throw SmoothnessError(
                .internalFailure, "the gradient does not have the model's number of parameters",
                expected: "\(layout.count)", found: "\(gradient.count)")
        }
        return try withParameters(at: point) { parameters in
            for parameter in parameters.values { try parameter.requiringGradient() }
            let loss = try PlainPass(self, batch, masks, state, parameters).loss()
            try loss.backward()
            for block in layout.blocks {
                guard let blockGradient = try parameters[block.name]?.gradient() else {
                    throw SmoothnessError(.internalFailure, "nothing depended on the block", object: block.name)
                }
                try blockGradient.copy(into: &gradient, at: block.offset)
            }
            return try number(loss)
        }
    }

    /// Overwrites `product` (P elements) with ∇²·v of the loss, by differentiating the plain twin twice; the state counts as
    /// a constant, as in `gradient`.
    public func hessianProduct(
        _ batch: TokenBatch, masks: DropoutMasks?, from state: LSTMState<Scalar>? = nil, at point: [Scalar],
        with vector: [Scalar], into product: inout [Scalar]
    ) throws {
        try check(batch, masks, state, point)
        try differentiateTwice(at: point, layout: layout, device: device, with: vector, into: &product) { blocks in
            let parameters = layout.blocks.map { ($0.name, blocks[$0.name]) }
            return try PlainPass(self, batch, masks, state, Dictionary(uniqueKeysWithValues: parameters)).loss()
        }
    }

    /// `state`, written over Torch tensors.
    public func plainState(
        after batch: TokenBatch, masks: DropoutMasks?, from state: LSTMState<Scalar>? = nil, at point: [Scalar]
    ) throws -> LSTMState<Scalar> {
        try check(batch, masks, state, point)
        return try withoutGradients {
            try withParameters(at: point) { parameters in
                let final = try PlainPass(self, batch, masks, state, parameters).run().final
                return LSTMState(
                    hidden: hiddenSizes, count: batch.count,
                    values: try final.flatMap { try $0.values(as: Scalar.self) })
            }
        }
    }

    /// The blocks of `point` as leaves by name, without copies on the processor.
    private func withParameters<Result>(
        at point: [Scalar], _ body: ([String: Tensor]) throws -> Result
    ) throws -> Result {
        try Tensor.withLoan(of: point, shape: [point.count]) { flat in
            var parameters: [String: Tensor] = [:]
            for block in layout.blocks {
                parameters[block.name] =
                    try flat.sliced(block.range).reshaped(block.shape).moved(to: device).detached()
            }
            return try body(parameters)
        }
    }

    private func number(_ loss: Tensor) throws -> Double { try loss.converted(to: .float64).item(as: Double.self) }
}

/// One forward pass.
private struct PlainPass<Scalar: ParameterScalar> {
    let model: LSTMLanguageModel<Scalar>
    let batch: TokenBatch
    let masks: DropoutMasks?
    let state: LSTMState<Scalar>?
    let parameters: [String: Tensor]

    init(
        _ model: LSTMLanguageModel<Scalar>, _ batch: TokenBatch, _ masks: DropoutMasks?, _ state: LSTMState<Scalar>?,
        _ parameters: [String: Tensor]
    ) {
        self.model = model
        self.batch = batch
        self.masks = masks
        self.state = state
        self.parameters = parameters
    }

    private var configuration: LSTMConfiguration { model.configuration }
    private func parameter(_ name: String) -> Tensor { parameters[name]! }

    /// Cross-entropy and activation terms.
    func loss() throws -> Tensor {
        let (output, dropped, _) = try run()
        let targets = try Tensor(batch.targets, shape: [batch.tokenCount], on: model.device)
        let decoder = parameter(configuration.tiedWeights ? "encoder.weight" : "decoder.weight")
        let logits = try dropped.reshaped([batch.tokenCount, configuration.outputSize])
            .linear(decoder, parameter("decoder.bias"))
        var loss = try logits.crossEntropy(targets)
        if model.terms.activation > 0 { loss = try loss + dropped.power(2).mean() * model.terms.activation }
        if model.terms.temporal > 0 && batch.length > 1 {
            let change = try output.sliced(1..<batch.length) - output.sliced(0..<(batch.length - 1))
            loss = try loss + change.power(2).mean() * model.terms.temporal
        }
        return loss
    }

    /// What the last layer puts out [T, B, H], the same after dropout, and h and c of every layer after the last step.
    func run() throws -> (output: Tensor, dropped: Tensor, final: [Tensor]) {
        let inputs = try Tensor(batch.inputs, shape: [batch.length, batch.count], on: model.device)
        var embedded = try parameter("encoder.weight").embedding(inputs)
        if let masks, let words = masks.words {
            let factors = batch.inputs.map { words[Int($0)] ? Scalar(masks.wordScale) : 0 }
            embedded = try embedded * Tensor(factors, shape: [batch.length, batch.count, 1], on: model.device)
        }
        var output = embedded
        var dropped = try masked(embedded, place: 0)
        var final: [Tensor] = []
        for layer in 0..<configuration.layerCount {
            let (outputs, hidden, cell) = try run(layer: layer, over: dropped)
            output = outputs
            dropped = try masked(outputs, place: layer + 1)
            final += [hidden, cell]
        }
        return (output, dropped, final)
    }

    /// One layer over all steps: [T, B, I] to [T, B, H], and h and c after the last one.
    private func run(layer: Int, over sequence: Tensor) throws -> (outputs: Tensor, hidden: Tensor, cell: Tensor) {
        let fromInput = try sequence.linear(parameter("lstm.weight_ih_l\(layer)"), parameter("lstm.bias_ih_l\(layer)"))
        let recurrent = try recurrentWeight(ofLayer: layer)
        var (hidden, cell) = try initialState(ofLayer: layer)
        var outputs: [Tensor] = []
        for step in 0..<batch.length {
            let fromState = try hidden.linear(recurrent, parameter("lstm.bias_hh_l\(layer)"))
            let gates = try (fromInput.selected(step) + fromState).chunked(4, dimension: 1)
            let update = try gates[0].sigmoid() * gates[2].tanh()
            cell = try gates[1].sigmoid() * cell + update
            hidden = try gates[3].sigmoid() * cell.tanh()
            outputs.append(hidden)
        }
        return (try Tensor.stacked(outputs), hidden, cell)
    }

    private func initialState(ofLayer layer: Int) throws -> (Tensor, Tensor) {
        let shape = [batch.count, configuration.hiddenSize(ofLayer: layer)]
        if let state {
            let (hidden, cell) = state.layer(layer)
            return (
                try Tensor(hidden, shape: shape, on: model.device), try Tensor(cell, shape: shape, on: model.device)
            )
        }
        let type = ScalarType(of: Scalar.self) ?? .float64
        return (
            try Tensor.zeros(shape, type: type, on: model.device), try Tensor.zeros(shape, type: type, on: model.device)
        )
    }

    private func recurrentWeight(ofLayer layer: Int) throws -> Tensor {
        let weight = parameter("lstm.weight_hh_l\(layer)")
        guard let masks, let recurrent = masks.recurrent else { return weight }
        let sizes = model.hiddenSizes
        let start = sizes[..<layer].reduce(0) { $0 + 4 * $1 * $1 }
        let keep = recurrent[start..<(start + 4 * sizes[layer] * sizes[layer])]
        return try weight * mask(keep, scale: masks.recurrentScale, shape: weight.shape)
    }

    private func masked(_ sequence: Tensor, place: Int) throws -> Tensor {
        guard let masks else { return sequence }
        let shape = [masks.isLocked ? 1 : batch.length, batch.count, masks.places[place].width]
        return try sequence * mask(masks.keep(at: place), scale: masks.places[place].scale, shape: shape)
    }

    private func mask(_ keep: ArraySlice<Bool>, scale: Double, shape: [Int]) throws -> Tensor {
        let factor = Scalar(scale)
        return try Tensor(keep.map { $0 ? factor : Scalar.zero }, shape: shape, on: model.device)
    }
}
