import ParameterSpace
import RunFiles

/// Receives the steps that `TrainingConfiguration.observation` names while a run is made. The run does not depend on it.
public protocol StepObserver<Scalar>: AnyObject {
    associatedtype Scalar: ParameterScalar

    /// The trainer calls this once, when the run's file exists.
    /// - Parameter iteration: the first iteration that this call of the trainer does; the steps of all before it have been observed.
    func begin(run: RunHeader, at iteration: Int) throws

    /// The trainer calls this with k, x_k and x_{k+1} when iteration k is recorded, before the run can be continued behind it: a run that is killed passes some
    /// iterations again, the same in every bit, and leaves none out.
    /// - Throws: `SmoothnessError(.interrupted)` to stop the run, so that the same iteration is passed again when it is continued.
    func observe(iteration: Int, iterate: [Scalar], next: [Scalar]) throws
}
