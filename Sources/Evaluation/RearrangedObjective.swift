import Essentials
import ParameterSpace

/// An objective as a function of vectors whose blocks come in another order, or under the names of a wrapper.
///
/// Every element of a gradient is the one that the objective gives, bit for bit; only its place differs.
struct RearrangedObjective<Scalar: ParameterScalar>: HessianProductObjective {
    let base: any Objective<Scalar>
    /// The layout of the vectors that callers have.
    let layout: ParameterLayout
    /// From there to the layout of `base`.
    let permutation: BlockPermutation

    var componentCount: Int { base.componentCount }
    var sharesWorkOfComponents: Bool { base.sharesWorkOfComponents }
    var prefersPairs: Bool { base.prefersPairs }

    private func with(_ base: any Objective<Scalar>) -> any Objective<Scalar> {
        RearrangedObjective(base: base, layout: layout, permutation: permutation)
    }

    func weight(ofComponent component: Int) -> Double { base.weight(ofComponent: component) }

    func loss(ofComponent component: Int, at point: [Scalar]) throws -> Double {
        try base.loss(ofComponent: component, at: permutation.applied(to: point))
    }

    func evaluation(ofComponent component: Int, at point: [Scalar]) throws -> ComponentEvaluation {
        try base.evaluation(ofComponent: component, at: permutation.applied(to: point))
    }

    func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) throws -> Double {
        var own = Scalar.zeros(layout.count)
        let loss = try base.gradient(ofComponent: component, at: permutation.applied(to: point), into: &own)
        permutation.undo(own, into: &gradient)
        return loss
    }

    func gradients(
        ofComponents first: Int, _ second: Int, at point: [Scalar], into firstGradient: inout [Scalar],
        _ secondGradient: inout [Scalar]
    ) throws -> (Double, Double) {
        var (own, other) = (Scalar.zeros(layout.count), Scalar.zeros(layout.count))
        let losses = try base.gradients(
            ofComponents: first, second, at: permutation.applied(to: point), into: &own, &other)
        permutation.undo(own, into: &firstGradient)
        permutation.undo(other, into: &secondGradient)
        return losses
    }

    func addGradients(
        of components: [Int], at point: [Scalar], scratch: inout [Scalar], into sum: inout [Double],
        isCancelled: () -> Bool
    ) throws -> Double {
        var own = permutation.applied(to: sum)
        let loss = try base.addGradients(
            of: components, at: permutation.applied(to: point), scratch: &scratch, into: &own, isCancelled: isCancelled)
        permutation.undo(own, into: &sum)
        return loss
    }

    func hessianProduct(
        ofComponent component: Int, at point: [Scalar], with vector: [Scalar], into product: inout [Scalar]
    ) throws {
        guard let base = base as? any HessianProductObjective<Scalar> else {
            throw MissingSecondDerivative(reason: "the objective gives gradients alone")
        }
        var own = Scalar.zeros(layout.count)
        try base.hessianProduct(
            ofComponent: component, at: permutation.applied(to: point), with: permutation.applied(to: vector),
            into: &own)
        permutation.undo(own, into: &product)
    }

    func initialPoint(seed: UInt64) -> [Scalar] {
        var point = Scalar.zeros(layout.count)
        permutation.undo(base.initialPoint(seed: seed), into: &point)
        return point
    }

    func redrawn(_ draw: UInt64) -> any Objective<Scalar> { with(base.redrawn(draw)) }

    func settled(at point: [Scalar]) throws -> any Objective<Scalar> {
        with(try base.settled(at: permutation.applied(to: point)))
    }

    func focused(on point: [Scalar]) -> any Objective<Scalar> {
        with(base.focused(on: permutation.applied(to: point)))
    }
}

extension Objective {
    /// Returns this objective as a function of the iterates of a run, whose blocks are matched by name and shape.
    ///
    /// - Parameters:
    ///   - layout: the blocks of the run, in its order.
    ///   - run: the run file, for messages.
    /// - Throws: `SmoothnessError(.data)` that names the blocks that do not match.
    public func fitted(to layout: ParameterLayout, ofRun run: String) throws -> any Objective<Scalar> {
        guard layout != self.layout else { return self }
        do {
            return RearrangedObjective(
                base: self, layout: layout, permutation: try BlockPermutation(from: layout, to: self.layout))
        } catch {
            throw error.refusal(run: run)
        }
    }

    /// What was done to fit the objective to a run, for a person; `nil` where its layout is that of the run.
    public var fittingNote: String? {
        guard let permutation = (self as? RearrangedObjective<Scalar>)?.permutation else { return nil }
        return [
            permutation.isIdentity
                ? nil
                : "the blocks of the run come in another order than those of the objective and were matched by name",
            permutation.ignoresWrappers ? BlockNames.bareNote : nil,
        ].compactMap(\.self).joined(separator: "; ")
    }
}

extension LayoutDifference {
    fileprivate func refusal(run: String) -> SmoothnessError {
        func listed(_ blocks: [ParameterBlock]) -> String? {
            guard !blocks.isEmpty else { return nil }
            let shown = blocks.prefix(6).map { "\($0.name) \($0.shape)" }.joined(separator: ", ")
            return blocks.count > 6 ? shown + " and \(blocks.count - 6) more" : shown
        }
        let leaveOut =
            "If they are no parameters, import the snapshots again without them: smoothness import --leave-out"
        return SmoothnessError(
            .data, "the iterates do not fit the objective: blocks are matched by name and shape", file: run,
            object: "/parameters", expected: listed(wanted) ?? "no blocks of these names",
            found: listed(given) ?? "no blocks of these names",
            remedy: wanted.isEmpty
                ? "\(leaveOut) '\(given[0].name)'"
                : "Name the objective whose parameters the run has; flat vectors are divided into blocks by smoothness import --layout (docs/import.md)"
        )
    }
}
