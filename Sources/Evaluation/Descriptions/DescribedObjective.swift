import Essentials
import ParameterSpace

/// What an objective is made from, and everything that there is to say about it: its name and parameters, their checks, their JSON, a line
/// for people, the options that give it again, and how it is made.
///
/// One type says it all, and one list of a module names the type; help, inspection and files go through the list.
public protocol DescribedObjective: Sendable, Hashable, Codable {
    /// The value of the key `kind` in its JSON.
    static var kind: String { get }
    /// Whether it is made with a scripted module, which only the caller may name.
    static var hasModule: Bool { get }
    /// Whether it can be evaluated elsewhere than on the processor.
    static var hasDevices: Bool { get }
    /// The names under which `train --objective` makes it.
    static var names: [String] { get }
    /// The options of `train` that set its parameters; empty where the command line has them by itself.
    static var options: [ObjectiveOption] { get }

    /// One line for a person.
    var summary: String { get }
    /// What was read, what was held out and what was left out, a line each.
    var dataNotes: [String] { get }
    /// What has to be said of gradients that are not the gradients of the losses.
    var gradientNotes: [String] { get }
    /// Where its training data are, if they come from a file or a folder.
    var dataPath: String? { get }
    /// Whether its components are segments of a text, which belong together, and not batches of examples.
    var hasSegments: Bool { get }
    /// Whether an example's loss depends on the others of its batch.
    var mixesExamples: Bool { get }
    /// Why it cannot be made here, for an objective that lives in another program.
    var absence: SmoothnessError? { get }
    /// The options of `smoothness estimate` that name it in place of a run's own.
    var estimateArguments: [String] { get }
    /// The options of `smoothness train` that give it again.
    func trainArguments() throws -> [String]

    /// - Throws: `SmoothnessError` of kind `.usage` that names the parameter which is out of range.
    func validate() throws
    /// Makes the objective; the parameters have been checked.
    func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) throws -> ObjectiveSet<Scalar>
}

/// What is not in a description and decides how its objective is made.
public struct ObjectiveSurroundings: Sendable, Hashable {
    public var options = EvaluationOptions()
    /// Where the data are now, if they are not where the description says; their content must be the same.
    public var data: String?
    /// Where the scripted module is.
    public var module: String?
}

extension DescribedObjective {
    public static var hasModule: Bool { false }
    public static var hasDevices: Bool { false }
    public static var names: [String] { [kind] }
    public static var options: [ObjectiveOption] { [] }
    public var dataNotes: [String] { [] }
    public var gradientNotes: [String] { [] }
    public var dataPath: String? { nil }
    public var hasSegments: Bool { false }
    public var mixesExamples: Bool { false }
    public var absence: SmoothnessError? { nil }
    public var estimateArguments: [String] { ["--objective", "DESCRIPTION.json"] }
    public func validate() throws {}
}
