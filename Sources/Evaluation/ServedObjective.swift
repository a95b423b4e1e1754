import ParameterSpace

/// A function that another program serves, in the place of the objective that a run describes.
public protocol ServedObjective: Sendable {
    /// What identifies the function.
    var identity: GradientProcessIdentity { get }
    /// Scalars in which it gives gradients, as `float32`.
    var precisions: [String] { get }
    /// Returns the served function as an objective.
    /// - Throws: `SmoothnessError(.usage)` where its gradients are not given in this scalar.
    func objective<Scalar: ParameterScalar>(as scalar: Scalar.Type) throws -> any Objective<Scalar>
    /// Refuses a function that is not the same twice.
    /// - Parameters:
    ///   - difference: ‖g − g′‖ of two evaluations of ∇f_S at one point.
    ///   - norm: ‖∇f_S‖ there.
    func requireRepeatable(difference: Double, norm: Double) throws
}

/// What identifies the function that gradient processes serve: part of the definition of an estimate.
public struct GradientProcessIdentity: Sendable, Hashable, Codable {
    public var name: String
    public var componentCount: Int
    /// Σ wᵢ
    public var totalWeight: Double
    /// What the process says of its data; `nil` where it says nothing.
    public var digest: String?

    public init(name: String, componentCount: Int, totalWeight: Double, digest: String?) {
        self.name = name
        self.componentCount = componentCount
        self.totalWeight = totalWeight
        self.digest = digest
    }

    enum CodingKeys: String, CodingKey {
        case name
        case componentCount = "component_count"
        case totalWeight = "total_weight"
        case digest
    }
}
