import Essentials
import Evaluation
import ParameterSpace

/// The mean squared error of a deep linear network (Zhang, He, Sra, Jadbabaie 2020, §2.3; Kawaguchi 2016):
///
///     f(W) = (1/n) Σⱼ ‖W_ℓ ⋯ W₁ xⱼ − yⱼ‖²
///
/// n times the paper's ‖Y − W_ℓ ⋯ W₁ X‖². Component i is a batch of consecutive samples, the last one ragged, and weighs its
/// samples. Block Wᵢ has nᵢ rows and nᵢ₋₁ columns.
///
/// Everything of second order needs the data only through S = XXᵀ/n and C = YXᵀ/n. With P = W_ℓ ⋯ W₁, M = PS − C,
/// A = W_ℓ ⋯ Wᵢ₊₁ and B = Wᵢ₋₁ ⋯ W₁, ∇ᵢf = 2 Aᵀ M Bᵀ, and along a direction V, with dots for derivatives,
/// (∇²f·V)ᵢ = 2(Ȧᵀ M Bᵀ + Aᵀ (Ṗ S) Bᵀ + Aᵀ M Ḃᵀ): [Z]'s sum over j of Kronecker products, without forming them.
public struct DeepLinearNetwork<Scalar: ParameterScalar>: TwiceDifferentiableObjective, KnownSmoothness {
    /// n₀, n₁, …, n_ℓ: inputs first, outputs last.
    public let widths: [Int]
    public let samples: RegressionSamples
    public let batchSize: Int
    /// The start has independent normal weights of standard deviation `initialScale`/√nᵢ₋₁.
    public let initialScale: Double
    public let layout: ParameterLayout
    private let moments: Moments

    /// S and C of some samples.
    private typealias Moments = (second: DenseMatrix, cross: DenseMatrix)

    /// - Parameter widths: at least two; the first is the samples' input count, the last their output count.
    public init(widths: [Int], samples: RegressionSamples, batchSize: Int, initialScale: Double = 1) {
        precondition(
            widths.count >= 2 && widths[0] == samples.inputCount && widths[widths.count - 1] == samples.outputCount
                && batchSize > 0, "widths \(widths) do not fit the samples")
        self.widths = widths
        self.samples = samples
        self.batchSize = batchSize
        self.initialScale = initialScale
        layout = ParameterLayout(
            (1..<widths.count).map { ("layer\($0).weight", [widths[$0], widths[$0 - 1]]) })
        moments = Self.moments(of: samples, 0..<samples.count)
    }

    /// ℓ
    public var layerCount: Int { widths.count - 1 }
    public var componentCount: Int { (samples.count + batchSize - 1) / batchSize }
    public func weight(ofComponent component: Int) -> Double { Double(rows(ofComponent: component).count) }

    public func initialPoint(seed: UInt64) -> [Scalar] {
        layout.blocks.enumerated().flatMap { index, block in
            var generator = SeededGenerator(seed: seed, purpose: "deep linear start", index: index)
            let deviation = initialScale / Double(block.shape[1]).squareRoot()
            return (0..<block.count).map { _ in Scalar(deviation * generator.normal()) }
        }
    }

    public func loss(ofComponent component: Int, at point: [Scalar]) -> Double {
        let (x, y) = samples.columns(rows(ofComponent: component))
        let residual = DenseMatrix.product(matrices(point)) * x - y
        return Double.squaredNorm(residual.values, in: residual.values.indices) / Double(x.columns)
    }

    public func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) -> Double {
        let layers = matrices(point)
        let (x, y) = samples.columns(rows(ofComponent: component))
        let residual = DenseMatrix.product(layers) * x - y
        let moment = (2 / Double(x.columns)) * (residual * x.transposed)
        let (above, below) = (Self.products(above: layers), Self.products(below: layers))
        for (index, block) in layout.blocks.enumerated() {
            let part = above[index].transposed * moment * below[index].transposed
            for (offset, value) in part.values.enumerated() { gradient[block.offset + offset] = Scalar(value) }
        }
        return Double.squaredNorm(residual.values, in: residual.values.indices) / Double(x.columns)
    }

    public func hessianProduct(at point: [Scalar], with vector: [Double]) -> [Double] {
        Self.hessianProduct(matrices(point), with: matrices(vector), moments)
    }

    public func hessianProduct(
        ofComponent component: Int, at point: [Scalar], with vector: [Scalar], into product: inout [Scalar]
    ) {
        let moments = Self.moments(of: samples, rows(ofComponent: component))
        product = Self.hessianProduct(matrices(point), with: matrices(vector), moments).map { Scalar($0) }
    }

    /// The largest |eigenvalue| of the dense Hessian, column by column from its products; O(P³).
    public func hessianNorm(at point: [Scalar]) -> Double {
        symmetricNorm(of: hessian(matrices(point)).rowArrays)
    }

    /// An upper bound within 0.1 % of a value that is attained on the segment, or as close as 256 divisions come.
    ///
    /// Along the segment every entry of the Hessian is a polynomial of t of degree at most 2ℓ − 2 (no term holds more than 2ℓ − 2
    /// of the layers). In Bernstein's basis H(t) is a convex combination of its control matrices, so the largest of their
    /// norms bounds ‖H(t)‖; dividing the segment makes the bound tight (quadratically).
    public func hessianNormSupremum(from first: [Scalar], to second: [Scalar]) -> Double {
        // One order of the ends, so that a segment has one supremum.
        let isOrdered = !second.lexicographicallyPrecedes(first)
        let (from, to) = isOrdered ? (matrices(first), matrices(second)) : (matrices(second), matrices(first))
        let curve = BernsteinMatrix(degree: max(2 * layerCount - 2, 1)) { t in
            hessian(zip(from, to).map { start, end in start + t * (end - start) })
        }
        return curve.normSupremum(relativeGap: 1e-3, divisions: 256)
    }

    /// Only one layer, least squares, has constants: L0 = 2‖S‖, L1 = 0. With more, where Wᵢ₊₁ grows as c and Wᵢ shrinks as 1/c the
    /// product stays, so that minima with ∇f = 0 have Hessians as large as one likes: no L0 and no L1 suffice.
    public func sufficientL0(forL1 L1: Double) -> Double? {
        layerCount == 1 ? 2 * symmetricNorm(of: moments.second.rowArrays) : nil
    }

    // MARK: - Matrices

    private func rows(ofComponent component: Int) -> Range<Int> {
        component * batchSize..<min((component + 1) * batchSize, samples.count)
    }

    /// W₁, …, W_ℓ
    private func matrices<Value: BinaryFloatingPoint>(_ point: [Value]) -> [DenseMatrix] {
        layout.blocks.map { block in
            DenseMatrix(rows: block.shape[0], columns: block.shape[1], values: point[block.range].map { Double($0) })
        }
    }

    /// W_ℓ ⋯ Wᵢ₊₁ for every i.
    private static func products(above layers: [DenseMatrix]) -> [DenseMatrix] {
        var product = DenseMatrix.identity(layers[layers.count - 1].rows)
        var products = [product]
        for layer in layers.dropFirst().reversed() {
            product = product * layer
            products.append(product)
        }
        return products.reversed()
    }

    /// Wᵢ₋₁ ⋯ W₁ for every i.
    private static func products(below layers: [DenseMatrix]) -> [DenseMatrix] {
        var product = DenseMatrix.identity(layers[0].columns)
        var products = [product]
        for layer in layers.dropLast() {
            product = layer * product
            products.append(product)
        }
        return products
    }

    private static func moments(of samples: RegressionSamples, _ rows: Range<Int>) -> Moments {
        let (x, y) = samples.columns(rows)
        let scale = 1 / Double(rows.count)
        return (scale * (x * x.transposed), scale * (y * x.transposed))
    }

    private static func hessianProduct(
        _ layers: [DenseMatrix], with direction: [DenseMatrix], _ moments: Moments
    ) -> [Double] {
        let (above, below) = (products(above: layers), products(below: layers))
        // Derivatives along the direction, by the product rule from layer to layer.
        var belowDots = [DenseMatrix.zero(layers[0].columns, layers[0].columns)]
        for index in layers.indices.dropLast() {
            belowDots.append(direction[index] * below[index] + layers[index] * belowDots[index])
        }
        let outputs = layers[layers.count - 1].rows
        var aboveDots = [DenseMatrix.zero(outputs, outputs)]
        for index in layers.indices.dropFirst().reversed() {
            aboveDots.append(aboveDots[aboveDots.count - 1] * layers[index] + above[index] * direction[index])
        }
        aboveDots.reverse()
        let last = layers.count - 1
        let productDot = direction[last] * below[last] + layers[last] * belowDots[last]
        let moment = layers[last] * below[last] * moments.second - moments.cross
        let momentDot = productDot * moments.second
        return layers.indices.flatMap { index -> [Double] in
            let (a, b) = (above[index].transposed, below[index].transposed)
            let sum =
                aboveDots[index].transposed * moment * b + a * momentDot * b + a * moment * belowDots[index].transposed
            return sum.values.map { 2 * $0 }
        }
    }

    private func hessian(_ layers: [DenseMatrix]) -> DenseMatrix {
        var matrix = DenseMatrix.zero(layout.count, layout.count)
        var unit = [Double](repeating: 0, count: layout.count)
        for column in 0..<layout.count {
            unit[column] = 1
            let image = Self.hessianProduct(layers, with: matrices(unit), moments)
            unit[column] = 0
            for row in 0..<layout.count { matrix[row, column] = image[row] }
        }
        // Symmetric but for rounding.
        return 0.5 * (matrix + matrix.transposed)
    }
}

extension DenseMatrix {
    /// W_ℓ ⋯ W₁
    static func product(_ layers: [DenseMatrix]) -> DenseMatrix {
        layers.dropFirst().reduce(layers[0]) { $1 * $0 }
    }
}

/// What `DeepLinearNetwork` and its generated samples are made from.
public struct DeepLinearNetworkDescription: ParametrizedObjective {
    public static let kind = "deep-linear-network"

    /// Inputs first, outputs last.
    public var widths = [6, 5, 4, 3]
    public var sampleCount = 1000
    /// Standard deviation of the outputs around the linear truth.
    public var noise = 0.0
    public var batchSize = 32
    /// Standard deviation of the initial weights times the root of their layer's inputs.
    public var initialScale = 1.0
    /// Of the samples.
    public var seed: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case widths, noise, seed
        case sampleCount = "sample_count"
        case batchSize = "batch_size"
        case initialScale = "initial_scale"
    }
}

extension DeepLinearNetworkDescription {
    public static var standard: Self { Self() }

    public static var parameters: [ObjectiveParameter<Self>] {
        [
            .init("widths", \.widths, "units of every layer, inputs first and outputs last"),
            .init("samples", \.sampleCount, "generated samples", key: "sample_count"),
            .init("noise", \.noise, "standard deviation of the outputs around the linear truth", .nonnegative),
            .init("batch-size", \.batchSize, "samples of a component", .size(atMost: DescriptionBounds.batch)),
            .init(
                "initial-scale", \.initialScale, "standard deviation of the initial weights times √inputs", .positive),
            .init("objective-seed", \.seed, "of the samples", key: "seed"),
        ]
    }

    public func validate() throws {
        try require(widths.count >= 2 && widths.allSatisfy { $0 > 0 }, "widths", "two or more, each 1 or more", widths)
        try require(
            widths.count <= DescriptionBounds.layers && widths.allSatisfy { $0 <= DescriptionBounds.width }, "widths",
            "\(DescriptionBounds.layers) layers of \(DescriptionBounds.width) units at most", widths)
        try requireSize(
            "sample_count", sampleCount, atMost: DescriptionBounds.numbers / (widths[0] + widths[widths.count - 1]))
        try checkParameters()
        try requireMemory(forParameters: zip(widths, widths.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 })
    }

    public var summary: String {
        "deep linear network \(widths.map { "\($0)" }.joined(separator: "–")) on "
            + "\(counted(sampleCount, "generated sample")), batches of \(batchSize)"
    }

    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) -> ObjectiveSet<Scalar> {
        let samples = RegressionSamples(
            inputCount: widths[0], outputCount: widths[widths.count - 1], count: sampleCount, noise: noise, seed: seed)
        return ObjectiveSet(
            training: DeepLinearNetwork<Scalar>(
                widths: widths, samples: samples, batchSize: batchSize, initialScale: initialScale))
    }
}

extension ObjectiveDescription {
    /// A deep linear network on seeded samples; see `DeepLinearNetwork` and `RegressionSamples`.
    public static func deepLinearNetwork(
        widths: [Int], sampleCount: Int, noise: Double = 0, batchSize: Int, initialScale: Double = 1, seed: UInt64 = 0
    ) -> Self {
        Self(
            DeepLinearNetworkDescription(
                widths: widths, sampleCount: sampleCount, noise: noise, batchSize: batchSize,
                initialScale: initialScale, seed: seed))
    }
}
