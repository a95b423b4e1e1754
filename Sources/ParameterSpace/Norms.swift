extension ParameterLayout {
    /// ‖x‖² of every block, in the order of the blocks.
    public func squaredNorms<Scalar: ParameterScalar>(of x: [Scalar]) -> [Double] {
        blocks.map { Scalar.squaredNorm(x, in: $0.range) }
    }

    /// ‖x‖₂. Defined as the root of the sum of the blocks' squared norms in order, so that blocks add up to the whole exactly.
    public func norm<Scalar: ParameterScalar>(of x: [Scalar]) -> Double {
        squaredNorms(of: x).reduce(0, +).squareRoot()
    }

    /// ‖y − x‖₂, blocks added in order.
    public func distance<Scalar: ParameterScalar>(from x: [Scalar], to y: [Scalar]) -> Double {
        blocks.reduce(0) { $0 + Scalar.squaredDistance(x, y, in: $1.range) }.squareRoot()
    }

    /// ⟨x, y⟩, blocks added in order.
    public func dot<Scalar: ParameterScalar>(_ x: [Scalar], _ y: [Scalar]) -> Double {
        blocks.reduce(0) { $0 + Scalar.dot(x, y, in: $1.range) }
    }

    /// The sums of one probe, block by block; the whole is their sum in order.
    public func probeSums<Scalar: ParameterScalar>(
        gradient: [Double], base: [Double], probe: [Scalar], iterate: [Scalar]
    ) -> [ProbeSums] {
        blocks.map {
            Scalar.probeSums(gradient: gradient, base: base, probe: probe, iterate: iterate, in: $0.range)
        }
    }
}
