import Essentials
import ParameterSpace
import Torch

// The plain twin: one tensor operation for every operation of the definition.
extension LSTMLanguageModel {
    /// `loss`, written over Torch tensors.
    public func plainLoss(_ batch: TokenBatch, masks: DropoutMasks?, at point: [Scalar]) throws -> Double {
        try check(batch, masks, point)
        return try withoutGradients {
            try withParameters(at: point) { try number(forward(batch, masks, $0)) }
        }
    }

    /// `gradient`, by LibTorch's automatic differentiation.
    public func plainGradient(
        _ batch: TokenBatch, masks: DropoutMasks?, at point: [Scalar], into gradient: inout [Scalar]
    ) throws -> Double {
        try check(batch, masks, point)
        guard gradient.count == layout.count else {
            throw SmoothnessError(
                .internalFailure, "the gradient does not have the model's number of parameters",
                expected: "\(layout.count)", found: "\(gradient.count)")
        }
        return try withParameters(at: point) { parameters in
            for parameter in parameters.values { try parameter.requiringGradient() }
            let loss = try forward(batch, masks, parameters)
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

    private func forward(
        _ batch: TokenBatch, _ masks: DropoutMasks?, _ parameters: [String: Tensor]
    ) throws -> Tensor {
        func parameter(_ name: String) -> Tensor { parameters[name]! }
        let inputs = try Tensor(batch.inputs, shape: [batch.length, batch.count], on: device)
        let targets = try Tensor(batch.targets, shape: [batch.tokenCount], on: device)
        var sequence = try masked(parameter("encoder.weight").embedding(inputs), masks, place: 0)
        for layer in 0..<configuration.layerCount {
            sequence = try masked(
                run(layer: layer, over: sequence, batch: batch, parameter: parameter), masks, place: layer + 1)
        }
        let decoder = parameter(configuration.tiedWeights ? "encoder.weight" : "decoder.weight")
        let logits = try sequence.reshaped([batch.tokenCount, configuration.outputSize])
            .linear(decoder, parameter("decoder.bias"))
        return try logits.crossEntropy(targets)
    }

    /// One layer over all steps: [T, B, I] to [T, B, H].
    private func run(
        layer: Int, over sequence: Tensor, batch: TokenBatch, parameter: (String) -> Tensor
    ) throws -> Tensor {
        let fromInput = try sequence.linear(parameter("lstm.weight_ih_l\(layer)"), parameter("lstm.bias_ih_l\(layer)"))
        let state = [batch.count, configuration.hiddenSize(ofLayer: layer)]
        let type = ScalarType(of: Scalar.self) ?? .float64
        var hidden = try Tensor.zeros(state, type: type, on: device)
        var cell = try Tensor.zeros(state, type: type, on: device)
        var outputs: [Tensor] = []
        for step in 0..<batch.length {
            let fromState = try hidden.linear(
                parameter("lstm.weight_hh_l\(layer)"), parameter("lstm.bias_hh_l\(layer)"))
            let gates = try (fromInput.selected(step) + fromState).chunked(4, dimension: 1)
            let update = try gates[0].sigmoid() * gates[2].tanh()
            cell = try gates[1].sigmoid() * cell + update
            hidden = try gates[3].sigmoid() * cell.tanh()
            outputs.append(hidden)
        }
        return try Tensor.stacked(outputs)
    }

    private func masked(_ sequence: Tensor, _ masks: DropoutMasks?, place: Int) throws -> Tensor {
        guard let masks else { return sequence }
        let keep = masks.keep(at: place)
        let factor = Scalar(masks.scale)
        let mask = try Tensor(keep.map { $0 ? factor : Scalar.zero }, shape: sequence.shape, on: device)
        return try sequence * mask
    }
}
