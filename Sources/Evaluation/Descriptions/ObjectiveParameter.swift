import Essentials

/// A value that an option of the command line gives to a parameter of an objective.
public protocol ParameterValue: Sendable {
    /// - Returns: `nil` for a text that says no such value.
    init?(parameterText: String)
    /// The text that gives the value again.
    var parameterText: String { get }
}

/// One parameter of an objective: the option of `train` that sets it, what the option says in help, and the values that it may have.
public struct ObjectiveParameter<Owner: Sendable>: Sendable {
    /// The option's name, as `initial-gradient`.
    public let name: String
    public let help: String
    let text: @Sendable (Owner) -> String
    let read: @Sendable (String, inout Owner) -> Bool
    let check: @Sendable (Owner) throws -> Void

    /// - Parameters:
    ///   - key: the parameter's name in JSON, where it is not the option's with underscores.
    ///   - rule: what `DescribedObjective.validate()` holds the value against.
    public init<Value: ParameterValue>(
        _ name: String, _ path: WritableKeyPath<Owner, Value> & Sendable, _ help: String, key: String? = nil,
        _ rule: ParameterRule<Value> = .any
    ) {
        let key = key ?? name.split(separator: "-").joined(separator: "_")
        self.name = name
        self.help = help
        text = { $0[keyPath: path].parameterText }
        read = { text, owner in
            guard let value = Value(parameterText: text) else { return false }
            owner[keyPath: path] = value
            return true
        }
        check = { try rule.check(key, $0[keyPath: path]) }
    }
}

/// What the values of a parameter must be.
public struct ParameterRule<Value>: Sendable {
    /// Throws where the value of the named parameter is out of range.
    let check: @Sendable (_ key: String, Value) throws -> Void

    public init(_ check: @escaping @Sendable (_ key: String, Value) throws -> Void) { self.check = check }

    public static var any: Self { Self { _, _ in } }
}

extension ParameterRule<Double> {
    package static var finite: Self { Self { try require($1.isFinite, $0, "a finite number", $1) } }
    package static var positive: Self { Self { try require(isPositive($1), $0, "a positive number", $1) } }
    package static var nonnegative: Self { Self { try require(isNonnegative($1), $0, "0 or more", $1) } }
}

extension ParameterRule<[Double]> {
    /// At least one number, all of them finite.
    package static var finiteNumbers: Self {
        Self {
            try require(!$1.isEmpty, $0, "at least one", $1)
            try require($1.allSatisfy(\.isFinite), $0, "finite numbers", $1)
        }
    }
}

extension ParameterRule<Int> {
    package static func size(atMost most: Int) -> Self { Self { try requireSize($0, $1, atMost: most) } }
}

/// An option of `train` that sets a parameter of an objective, as help and the parser need it.
public struct ObjectiveOption: Sendable, Hashable {
    /// As `initial-gradient`.
    public let name: String
    public let help: String
    /// The default's text.
    public let standard: String
}

/// An objective of which every parameter is an option of `train` with a default. Its parameters are listed once: options, help, checks and the command
/// that gives the objective again follow.
public protocol ParametrizedObjective: DescribedObjective {
    /// Every parameter at its default.
    static var standard: Self { get }
    static var parameters: [ObjectiveParameter<Self>] { get }
}

extension ParametrizedObjective {
    public static var options: [ObjectiveOption] {
        parameters.map { ObjectiveOption(name: $0.name, help: $0.help, standard: $0.text(standard)) }
    }

    /// - Parameter options: the texts that were given, by the options' names.
    /// - Throws: `SmoothnessError(.usage)` for a text that an option cannot have.
    public init(options: [String: String]) throws {
        self = Self.standard
        for parameter in Self.parameters {
            guard let text = options[parameter.name] else { continue }
            guard parameter.read(text, &self) else {
                throw SmoothnessError(
                    .usage, "an option's value cannot be read", object: "--\(parameter.name)",
                    expected: "a value like \(parameter.text(Self.standard))", found: "'\(text)'")
            }
        }
    }

    public func validate() throws { try checkParameters() }

    /// Holds every parameter against its own rule.
    package func checkParameters() throws { for parameter in Self.parameters { try parameter.check(self) } }

    public func trainArguments() throws -> [String] { arguments() }

    /// The options of `train` that give it again, but for some that do not apply.
    package func arguments(without left: Set<String> = []) -> [String] {
        ["--objective", Self.kind]
            + Self.parameters.filter { !left.contains($0.name) }.flatMap { ["--\($0.name)", $0.text(self)] }
    }
}

// MARK: - Values

extension Double: ParameterValue {
    public init?(parameterText text: String) { self.init(text.trimmingPrefix { $0 == " " }) }
    public var parameterText: String { "\(self)" }
}

extension Int: ParameterValue {
    public init?(parameterText text: String) { self.init(text.trimmingPrefix { $0 == " " }) }
    public var parameterText: String { "\(self)" }
}

extension UInt64: ParameterValue {
    public init?(parameterText text: String) { self.init(text) }
    public var parameterText: String { "\(self)" }
}

/// Values separated by commas.
extension Array: ParameterValue where Element: ParameterValue {
    public init?(parameterText text: String) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let values = parts.compactMap { Element(parameterText: String($0)) }
        guard values.count == parts.count else { return nil }
        self = values
    }

    public var parameterText: String { map(\.parameterText).joined(separator: ",") }
}
