import ParameterSpace
import RunFiles

/// Is handed steps of a run while it is made, as `TrainingConfiguration.observation` names them. The run does not depend on it.
public protocol StepObserver<Scalar>: AnyObject {
    associatedtype Scalar: ParameterScalar

    /// Called once a call of the trainer, when the run's file is there.
    /// - Parameter iteration: the first that this call does; all before it have been handed over.
    func begin(run: RunHeader, at iteration: Int) throws

    /// Called with k, x_k and x_{k+1} when iteration k is recorded, before the run can be continued behind it: a run that is killed hands
    /// over iterations again that it has handed over before, the same in every bit, and leaves none out.
    /// - Throws: `SmoothnessError(.interrupted)` to stop the run, so that it will hand over the same iteration again.
    func observe(iteration: Int, iterate: [Scalar], next: [Scalar]) throws
}
