import Essentials
import Evaluation
import ParameterSpace

/// The quantity of the definition, beside which L̂ is set: ‖∇²f_S(x_k)‖.
extension StepEstimator {
    /// Finds the ends of the spectrum at x_k by Lanczos' method, from a start that is a function of (seed, k).
    ///
    /// Products are exact where the objective can be differentiated twice, else by central differences of its gradients.
    mutating func measureHessian(_ place: RowPlace, of estimate: inout StepEstimate) throws {
        let size = estimate.subsetSize
        let result: LanczosResult
        do {
            result = try options.hessian.withProducts(of: objective) { try spectralNorm($0, place, size) }
        } catch let error as SmoothnessError where error.kind == .data {
            // A product that is not finite: the row has no norm and says so.
            return
        }
        estimate.hessian.norm = result.norm
        estimate.hessian.largestEigenvalue = result.largest
        estimate.hessian.smallestEigenvalue = result.smallest
        estimate.hessian.residual = result.residual
        estimate.hessian.converged = result.converged ? 1 : 0
        estimate.hessian.productCount = Double(result.iterations + 1)
    }

    private func spectralNorm(
        _ objective: any HessianProductObjective<Scalar>, _ place: RowPlace, _ size: Int
    ) throws -> LanczosResult {
        let seed = SeededGenerator(seed: options.seed, purpose: "hessian", index: place.iteration).state
        return try SubsetHessian(
            objective: objective, components: Array(groups.components.prefix(size)),
            weights: Array(groups.weights.prefix(size)), point: workspace.iterate, workerCount: evaluator.workerCount,
            isCancelled: evaluator.isCancelled
        ).spectralNorm(
            seed: seed, tolerance: options.hessian.tolerance, maximumIterations: options.hessian.maximumIterations)
    }
}

extension HessianOptions {
    /// Gives `body` the objective with exact products where those are asked for and to be had, else with differences of its gradients.
    func withProducts<Scalar: ParameterScalar, Value>(
        of objective: any Objective<Scalar>, _ body: (any HessianProductObjective<Scalar>) throws -> Value
    ) throws -> Value {
        let exact = products == .exact ? objective as? any HessianProductObjective<Scalar> : nil
        do {
            return try body(exact ?? DifferenceHessianProduct(objective))
        } catch is MissingSecondDerivative {
            return try body(DifferenceHessianProduct(objective))
        }
    }
}
