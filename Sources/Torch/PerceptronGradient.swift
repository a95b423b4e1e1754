import CTorch

/// What follows every layer of a perceptron but the last.
public enum PerceptronActivation: Sendable {
    case rectifier, hyperbolicTangent
}

/// The mean cross-entropy, in nats, of a multilayer perceptron x ↦ W_L·a(… a(W_0·x + b_0) …) + b_L over samples with classes; overwrites `gradient` with its gradient. On the processor, without automatic differentiation.
///
/// - Parameters:
///   - sizes: of the input, of every hidden layer, and the number of classes.
///   - inputs: [N][sizes[0]], row-major.
///   - labels: N classes.
///   - point: for every layer the weight [O][I] and the bias [O], all one after the other; Float or Double.
/// - Throws: `.badArgument` for arrays of other sizes.
public func perceptronGradient<Element>(
    sizes: [Int], activation: PerceptronActivation = .rectifier, inputs: [Element], labels: [Int64],
    at point: [Element], into gradient: inout [Element]
) throws(TorchError) -> Double {
    guard gradient.count == point.count else {
        throw TorchError(
            .badArgument, operation: "perceptronGradient",
            message: "the gradient has \(gradient.count) elements, the point \(point.count)")
    }
    return try call(sizes, activation, inputs, labels, point) { body in
        gradient.withUnsafeMutableBytes { body($0.baseAddress) }
    }
}

/// The loss alone, the same to the last bit.
public func perceptronLoss<Element>(
    sizes: [Int], activation: PerceptronActivation = .rectifier, inputs: [Element], labels: [Int64],
    at point: [Element]
) throws(TorchError) -> Double {
    try call(sizes, activation, inputs, labels, point) { $0(nil) }
}

private func call<Element>(
    _ sizes: [Int], _ activation: PerceptronActivation, _ inputs: [Element], _ labels: [Int64], _ point: [Element],
    _ withGradient: ((UnsafeMutableRawPointer?) -> ctorch_status) -> ctorch_status
) throws(TorchError) -> Double {
    let type = try ScalarType.required(of: Element.self, "perceptronGradient")
    guard let inputSize = sizes.first, inputs.count == labels.count * inputSize else {
        throw TorchError(
            .badArgument, operation: "perceptronGradient",
            message: "\(inputs.count) values for \(labels.count) samples of \(sizes.first ?? 0)")
    }
    var loss = 0.0
    let status = inputs.withUnsafeBytes { inputs in
        point.withUnsafeBytes { values in
            withGradient { gradient in
                ctorch_perceptron_gradient(
                    sizes.map(Int64.init), sizes.count,
                    activation == .rectifier ? ctorch_rectifier : ctorch_hyperbolic_tangent, inputs.baseAddress, labels,
                    labels.count, type.raw, values.baseAddress, gradient, point.count, &loss)
            }
        }
    }
    try check(status, "perceptronGradient")
    return loss
}
