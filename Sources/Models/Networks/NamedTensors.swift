import Essentials
import ParameterSpace
import Torch

/// The blocks of a flat parameter vector as tensors, by name.
struct NamedTensors {
    private let tensors: [String: Tensor]

    /// Lends the memory of `point` to tensors for the duration of `body`: leaves of LibTorch's automatic differentiation,
    /// without copies on the processor.
    static func lending<Scalar: ParameterScalar, Result>(
        _ point: [Scalar], layout: ParameterLayout, device: Device, requiringGradients: Bool,
        _ body: (NamedTensors) throws -> Result
    ) throws -> Result {
        guard point.count == layout.count else {
            throw SmoothnessError(
                .data, "the point does not have the model's number of parameters", expected: "\(layout.count)",
                found: "\(point.count)")
        }
        return try Tensor.withLoan(of: point, shape: [point.count]) { flat in
            var tensors: [String: Tensor] = [:]
            for block in layout.blocks {
                let leaf = try flat.sliced(block.range).reshaped(block.shape).moved(to: device).detached()
                tensors[block.name] = try leaf.requiringGradient(requiringGradients)
            }
            return try body(NamedTensors(tensors: tensors))
        }
    }

    private init(tensors: [String: Tensor]) { self.tensors = tensors }

    /// A network asks only for blocks of its own layout.
    subscript(name: String) -> Tensor {
        guard let tensor = tensors[name] else { preconditionFailure("there is no block \(name)") }
        return tensor
    }
}

/// The number that `loss` computes from the blocks of `point`.
func value<Scalar: ParameterScalar>(
    at point: [Scalar], layout: ParameterLayout, device: Device, _ loss: (NamedTensors) throws -> Tensor
) throws -> Double {
    try withoutGradients {
        try NamedTensors.lending(point, layout: layout, device: device, requiringGradients: false) {
            try loss($0).converted(to: .float64).item(as: Double.self)
        }
    }
}

/// The number that `loss` computes from the blocks of `point`; overwrites `gradient` with its gradient, by LibTorch's
/// automatic differentiation.
func differentiate<Scalar: ParameterScalar>(
    at point: [Scalar], layout: ParameterLayout, device: Device, into gradient: inout [Scalar],
    _ loss: (NamedTensors) throws -> Tensor
) throws -> Double {
    guard gradient.count == layout.count else {
        throw SmoothnessError(
            .internalFailure, "the gradient does not have the model's number of parameters",
            expected: "\(layout.count)", found: "\(gradient.count)")
    }
    return try NamedTensors.lending(point, layout: layout, device: device, requiringGradients: true) { parameters in
        let result = try loss(parameters)
        try result.backward()
        for block in layout.blocks {
            guard let blockGradient = try parameters[block.name].gradient() else {
                throw SmoothnessError(.internalFailure, "nothing depended on the block", object: block.name)
            }
            try blockGradient.copy(into: &gradient, at: block.offset)
        }
        return try result.converted(to: .float64).item(as: Double.self)
    }
}
