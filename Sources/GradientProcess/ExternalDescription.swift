import Essentials
import Evaluation
import ParameterSpace

/// The objective of a run that another program made, as a training loop in Python: this program cannot make it again. Members that are not
/// named here are that program's own.
public struct ExternalDescription: DescribedObjective {
    public static let kind = "external"
    public static let names: [String] = []

    /// What it is, in words.
    public var description: String?
    /// The library and its version, as `torch 2.13.0`.
    public var software: String?

    public init(description: String? = nil, software: String? = nil) {
        self.description = description
        self.software = software
    }

    /// What to say where the objective itself is needed.
    public var absence: SmoothnessError? { notHere }

    private var notHere: SmoothnessError {
        SmoothnessError(
            .usage, "the objective of this run lives in another program", object: "/objective",
            expected: "an objective that can be made here", found: description ?? software ?? "kind external",
            remedy:
                "Name the command that serves its gradients, --oracle \"python my_run.py --serve\", or a scripted module, --objective torchscript, or have them recorded (docs/pytorch.md)"
        )
    }

    public var summary: String { description ?? "a model of another program" }

    public func trainArguments() throws -> [String] {
        throw SmoothnessError(
            .data, "another program made this run, so that no command of this one repeats it", object: "/objective")
    }

    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) throws -> ObjectiveSet<Scalar> { throw notHere }
}

extension ObjectiveRegistry {
    /// What another program evaluates.
    public static let external: [any DescribedObjective.Type] = [ExternalDescription.self]
}
