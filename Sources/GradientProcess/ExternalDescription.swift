import Essentials

/// The objective of a run that another program made, as a training loop in Python: this program cannot make it again. Members that are not
/// named here are that program's own.
public struct ExternalDescription: Sendable, Hashable, Codable {
    /// What it is, in words.
    public var description: String?
    /// The library and its version, as `torch 2.13.0`.
    public var software: String?

    public init(description: String? = nil, software: String? = nil) {
        self.description = description
        self.software = software
    }

    /// What to say where the objective itself is needed.
    public var absence: SmoothnessError {
        SmoothnessError(
            .usage, "the objective of this run lives in another program", object: "/objective",
            expected: "an objective that can be made here", found: summary,
            remedy:
                "Name the command that serves its gradients, --oracle \"python my_run.py --serve\", or a scripted module, --objective torchscript, or have them recorded (docs/pytorch.md)"
        )
    }

    private var summary: String {
        [description, software].compactMap { $0 }.first ?? "kind external"
    }
}

extension ObjectiveDescription {
    /// Whether another program is needed to evaluate it.
    public var isExternal: Bool {
        if case .external = kind { true } else { false }
    }
}
