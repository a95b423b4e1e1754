import ParameterSpace

/// Where the estimator finds the steps of a run: rows of (x_k, x_{k+1}).
public protocol StepSource<Scalar>: ~Copyable {
    associatedtype Scalar: ParameterScalar

    /// The iteration k of every row, in increasing order.
    var iterations: [Int] { get }
    /// Overwrites `point` (P elements) with x_k of a row.
    mutating func readIterate(ofRow row: Int, into point: inout [Scalar]) throws
    /// Overwrites `point` (P elements) with x_{k+1} of a row: the *next* iterate, also when only every n-th was saved.
    mutating func readNextIterate(ofRow row: Int, into point: inout [Scalar]) throws
}
