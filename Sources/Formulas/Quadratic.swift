import Essentials
import Evaluation
import Foundation
import ParameterSpace

/// f(x) = ½ xᵀAx with a given spectrum: A = QᵀΛQ, Q a seeded product of Householder reflections (or the identity), so
/// that A is dense while a product with it costs O(P·r). L0 = ‖A‖ = max |λ|, L1 = 0, and L̂ along d is ‖Ad‖/‖d‖.
///
/// As a finite sum of m components, fᵢ(x) = ½ xᵀAx + bᵢᵀx, where the bᵢ are seeded normal vectors of standard deviation
/// `noise` per coordinate that come in pairs b, −b (a last odd one is zero): they add up to zero exactly.
public struct Quadratic<Scalar: ParameterScalar>: TwiceDifferentiableObjective, KnownSmoothness {
    /// The eigenvalues λ, P of them, of either sign.
    public let spectrum: [Double]
    public let componentCount: Int
    public let noise: Double
    public let seed: UInt64
    public let layout: ParameterLayout
    private let rotation: HouseholderRotation
    private let largestMagnitude: Double

    /// - Parameters:
    ///   - spectrum: the eigenvalues of A; their number is P.
    ///   - rotations: how many Householder reflections make up Q; 0 leaves A diagonal.
    ///   - componentCount: m
    ///   - noise: standard deviation of every coordinate of the bᵢ.
    ///   - seed: of Q and of the bᵢ.
    public init(spectrum: [Double], rotations: Int = 0, componentCount: Int = 1, noise: Double = 0, seed: UInt64 = 0) {
        precondition(!spectrum.isEmpty && componentCount > 0, "a quadratic needs eigenvalues and components")
        self.spectrum = spectrum
        self.componentCount = componentCount
        self.noise = noise
        self.seed = seed
        layout = ParameterLayout([("x", [spectrum.count])])
        rotation = HouseholderRotation(dimension: spectrum.count, count: rotations, seed: seed)
        largestMagnitude = spectrum.map { abs($0) }.reduce(0, max)
    }

    public func weight(ofComponent component: Int) -> Double { 1 }

    /// Standard normal in every coordinate.
    public func initialPoint(seed: UInt64) -> [Scalar] {
        var generator = SeededGenerator(seed: seed, purpose: "quadratic start")
        return spectrum.map { _ in Scalar(generator.normal()) }
    }

    public func loss(ofComponent component: Int, at point: [Scalar]) -> Double {
        let x = point.map { Double($0) }
        return value(at: x, product: product(with: x), linear: linearTerm(ofComponent: component))
    }

    public func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) -> Double {
        let x = point.map { Double($0) }
        let product = product(with: x)
        guard let linear = linearTerm(ofComponent: component) else {
            for index in gradient.indices { gradient[index] = Scalar(product[index]) }
            return value(at: x, product: product, linear: nil)
        }
        for index in gradient.indices { gradient[index] = Scalar(product[index] + linear[index]) }
        return value(at: x, product: product, linear: linear)
    }

    /// Av: the components differ in their linear terms alone.
    public func hessianProduct(
        ofComponent component: Int, at point: [Scalar], with vector: [Scalar], into product: inout [Scalar]
    ) {
        product = self.product(with: vector.map { Double($0) }).map { Scalar($0) }
    }

    public func hessianNorm(at point: [Scalar]) -> Double { largestMagnitude }
    public func hessianProduct(at point: [Scalar], with vector: [Double]) -> [Double] { product(with: vector) }
    public func hessianNormSupremum(from first: [Scalar], to second: [Scalar]) -> Double { largestMagnitude }
    public func sufficientL0(forL1 L1: Double) -> Double? { largestMagnitude }

    /// Av
    public func product(with vector: [Double]) -> [Double] {
        var result = vector
        rotation.apply(to: &result)
        for index in result.indices { result[index] *= spectrum[index] }
        rotation.applyTransposed(to: &result)
        return result
    }

    private func value(at x: [Double], product: [Double], linear: [Double]?) -> Double {
        layout.dot(x, product) / 2 + (linear.map { layout.dot(x, $0) } ?? 0)
    }

    /// bᵢ, or `nil` where it is zero.
    private func linearTerm(ofComponent component: Int) -> [Double]? {
        guard noise != 0, component / 2 * 2 + 1 < componentCount else { return nil }
        var generator = SeededGenerator(seed: seed, purpose: "quadratic noise", index: component / 2)
        let deviation = component.isMultiple(of: 2) ? noise : -noise
        return spectrum.map { _ in deviation * generator.normal() }
    }
}

/// `count` eigenvalues from `first` to `last` in geometric progression.
public func geometricSpectrum(from first: Double, to last: Double, count: Int) -> [Double] {
    (0..<count).map { first * pow(last / first, Double($0) / Double(max(count - 1, 1))) }
}

/// What `Quadratic` is made from.
public struct QuadraticDescription: ParametrizedObjective {
    public static let kind = "quadratic"

    /// The eigenvalues; their number is P.
    public var spectrum = (1...10).map(Double.init)
    /// How many Householder reflections turn the axes.
    public var rotations = 0
    public var componentCount = 1
    /// Standard deviation per coordinate of the components' linear terms, which add up to zero.
    public var noise = 0.0
    public var seed: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case spectrum, rotations, noise, seed
        case componentCount = "component_count"
    }
}

extension QuadraticDescription {
    public static var standard: Self { Self() }

    public static var parameters: [ObjectiveParameter<Self>] {
        [
            .init("spectrum", \.spectrum, "the eigenvalues, as 1,0.5,0.1", .finiteNumbers),
            .init("rotations", \.rotations, "Householder reflections that turn the axes"),
            .init(
                "components", \.componentCount, "components of the sum", key: "component_count",
                .size(atMost: DescriptionBounds.components)),
            .init("noise", \.noise, "standard deviation of the components' linear terms", .nonnegative),
            .init("objective-seed", \.seed, "of rotations and linear terms", key: "seed"),
        ]
    }

    public func validate() throws {
        try checkParameters()
        let most = DescriptionBounds.numbers / spectrum.count
        try require((0...most).contains(rotations), "rotations", "0 to \(most)", rotations)
    }

    public var summary: String {
        let magnitude = spectrum.map { abs($0) }.reduce(0, max)
        return "quadratic, \(rotations == 0 ? "diagonal" : "rotated"), \(counted(spectrum.count, "parameter")), "
            + "largest eigenvalue \(magnitude), \(counted(componentCount, "component"))"
    }

    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) -> ObjectiveSet<Scalar> {
        ObjectiveSet(
            training: Quadratic<Scalar>(
                spectrum: spectrum, rotations: rotations, componentCount: componentCount, noise: noise, seed: seed))
    }
}

extension ObjectiveDescription {
    /// ½ xᵀAx with this spectrum; see `Quadratic`.
    public static func quadratic(
        spectrum: [Double], rotations: Int = 0, componentCount: Int = 1, noise: Double = 0, seed: UInt64 = 0
    ) -> Self {
        Self(
            QuadraticDescription(
                spectrum: spectrum, rotations: rotations, componentCount: componentCount, noise: noise, seed: seed))
    }
}
