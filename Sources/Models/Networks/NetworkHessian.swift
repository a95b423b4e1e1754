import Essentials
import Evaluation
import ParameterSpace
import Torch

/// Overwrites `product` with ∇²(loss)·v over the blocks of `point`, by differentiating twice.
/// - Throws: `MissingSecondDerivative` where LibTorch can differentiate an operation only once.
func differentiateTwice<Scalar: ParameterScalar>(
    at point: [Scalar], layout: ParameterLayout, device: Device, with vector: [Scalar], into product: inout [Scalar],
    _ loss: (NamedTensors) throws -> Tensor
) throws {
    guard product.count == layout.count, vector.count == layout.count else {
        throw SmoothnessError(
            .internalFailure, "a Hessian–vector product does not have the model's number of parameters",
            expected: "\(layout.count)", found: "\(vector.count) and \(product.count)")
    }
    try NamedTensors.lending(point, layout: layout, device: device, requiringGradients: true) { parameters in
        try Tensor.withLoan(of: vector, shape: [vector.count]) { flat in
            let leaves = layout.blocks.map { parameters[$0.name] }
            let directions = try layout.blocks.map {
                try flat.sliced($0.range).reshaped($0.shape).moved(to: device)
            }
            do {
                let products = try loss(parameters).hessianProducts(with: leaves, directions)
                for (block, part) in zip(layout.blocks, products) { try part.copy(into: &product, at: block.offset) }
            } catch let error as TorchError where error.kind == .noDerivative {
                throw MissingSecondDerivative(reason: error.message)
            }
        }
    }
}

extension ImageClassifier {
    /// Overwrites `product` (P elements) with the product of the batch's Hessian and `vector`.
    func hessianProduct(
        _ batch: ImageBatch<Scalar>, labelSmoothing: Double, at point: [Scalar], with vector: [Scalar],
        into product: inout [Scalar]
    ) throws {
        try differentiateTwice(at: point, layout: layout, device: device, with: vector, into: &product) {
            try loss(batch, labelSmoothing: labelSmoothing, $0)
        }
    }
}

extension ImageObjective: HessianProductObjective {
    func hessianProduct(
        ofComponent component: Int, at point: [Scalar], with vector: [Scalar], into product: inout [Scalar]
    ) throws {
        let pieces = pieces(ofComponent: component)
        if pieces.count == 1 {
            return try classifier.hessianProduct(
                try batches.batch(component), labelSmoothing: labelSmoothing, at: point, with: vector, into: &product)
        }
        var sum = [Double](repeating: 0, count: layout.count)
        for piece in pieces {
            try classifier.hessianProduct(
                try batches.batch(component, part: piece), labelSmoothing: labelSmoothing, at: point, with: vector,
                into: &product)
            Scalar.accumulate(into: &sum, scale: Double(piece.count) / weight(ofComponent: component), product)
        }
        for index in product.indices { product[index] = Scalar(sum[index]) }
    }
}

extension LanguageModelObjective: HessianProductObjective {
    public func hessianProduct(
        ofComponent component: Int, at point: [Scalar], with vector: [Scalar], into product: inout [Scalar]
    ) throws {
        let segments = segments(for: component)
        _ = try pieces.mean(into: &product) { range, product in
            let (before, last) = try run(segments, of: range, at: point)
            try model.hessianProduct(
                last.batch, masks: last.masks, from: before, at: point, with: vector, into: &product)
            return 0
        }
    }
}

extension TransformerObjective: HessianProductObjective {
    public func hessianProduct(
        ofComponent component: Int, at point: [Scalar], with vector: [Scalar], into product: inout [Scalar]
    ) throws {
        let (batch, masks) = segment(component)
        _ = try pieces.mean(into: &product) { range, product in
            try model.hessianProduct(
                batch.columns(range), masks: masks?.columns(range), at: point, with: vector, into: &product)
            return 0
        }
    }
}
