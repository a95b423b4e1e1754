/// What stands behind the name of an option on a command line.
public enum OptionForm: Sendable, Hashable {
    /// One word, shown in help as this placeholder.
    case value(String)
    /// Nothing: the option is on where it is given.
    case flag
    /// Nothing: `--name` or `--no-name`.
    case inverted
}

/// One option of a command line, described once: its name, its help, and how its text and the definition that it belongs to become each other.
///
/// Parsers, help, checks and the command that repeats a file's work loop over lists of these values: an option that is added to a list is known to all of them.
public struct CommandOption<Definition>: Sendable {
    public typealias Store = @Sendable (_ text: String, _ definition: inout Definition) throws -> Void
    public typealias Text = @Sendable (_ definition: Definition) -> String?

    /// The name without dashes.
    public let name: String
    public let form: OptionForm
    public let help: String
    /// The words that are allowed; empty where there is no end of them.
    public let choices: [String]
    /// Whether other options look at what this one has stored, so that it is read before them.
    public let isReadFirst: Bool
    /// Reads the text into a definition. The text of a flag is `true` or `false`.
    /// - Throws: `UnreadableOption`, `OptionMistake`, or `SmoothnessError(.usage)` for what only the module of the definition knows to be wrong.
    public let store: Store
    /// Returns what `store` reads back as the same definition; `nil` where the option is left out.
    public let text: Text

    public init(
        _ name: String, _ form: OptionForm? = nil, _ help: String, choices: [String] = [], isReadFirst: Bool = false,
        store: @escaping Store, text: @escaping Text
    ) {
        self.name = name
        self.form = form ?? .value(name)
        self.help = help
        self.choices = choices
        self.isReadFirst = isReadFirst
        self.store = store
        self.text = text
    }

    /// Describes an option by its value instead of its text.
    /// - Parameters:
    ///   - set: stores the value; throws as `store`.
    ///   - get: returns the value, or `nil` where the option is left out.
    public init<Value: OptionValue & Sendable>(
        _ name: String, _ form: OptionForm? = nil, _ help: String, isReadFirst: Bool = false,
        set: @escaping @Sendable (_ value: Value, _ definition: inout Definition) throws -> Void,
        get: @escaping @Sendable (_ definition: Definition) -> Value?
    ) {
        self.init(
            name, form, help, choices: Value.choices, isReadFirst: isReadFirst,
            store: { text, definition in
                guard let value = Value(optionText: text) else { throw UnreadableOption() }
                try set(value, &definition)
            }, text: { get($0)?.optionText })
    }

    /// Describes an option that is a stored value of its definition.
    /// - Parameters:
    ///   - usual: the value that needs no option; `nil` where the option is always written.
    ///   - check: says what a value must be and is not, to follow "--name must "; `nil` for a value that is allowed.
    public init<Value: OptionValue & Equatable & Sendable>(
        _ name: String, _ form: OptionForm? = nil, _ help: String, isReadFirst: Bool = false,
        at place: any WritableKeyPath<Definition, Value> & Sendable, usual: Value? = nil,
        must check: @escaping @Sendable (Value) -> String? = { _ in nil }
    ) {
        self.init(
            name, form, help, choices: Value.choices, isReadFirst: isReadFirst,
            store: { $1[keyPath: place] = try Value(option: name, $0, must: check) },
            text: { $0[keyPath: place] == usual ? nil : $0[keyPath: place].optionText })
    }

    /// Describes an option that is a stored value of its definition and absent where it is not given.
    public init<Value: OptionValue & Sendable>(
        _ name: String, _ form: OptionForm? = nil, _ help: String,
        at place: any WritableKeyPath<Definition, Value?> & Sendable,
        must check: @escaping @Sendable (Value) -> String? = { _ in nil }
    ) {
        self.init(
            name, form, help, choices: Value.choices,
            store: { $1[keyPath: place] = try Value(option: name, $0, must: check) },
            text: { $0[keyPath: place]?.optionText })
    }
}

/// Two options of a list that cannot be given together.
public struct OptionConflict: Sendable {
    public let names: Set<String>
    /// What is said then.
    public let message: String

    public init(_ first: String, _ second: String, _ message: String) {
        names = [first, second]
        self.message = message
    }
}

/// The error of a text that is no value of its option.
public struct UnreadableOption: Error, Sendable {
    public init() {}
}

/// What is wrong with options that were given. It names them as `--name`.
public struct OptionMistake: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

extension Array {
    /// Reads options into a definition that has every default in it.
    /// - Parameters:
    ///   - texts: what was given, by name.
    ///   - prefix: stands before every name on this command line.
    /// - Throws: `OptionMistake` for what the command line itself shows to be wrong, and what the options throw.
    public func read<Definition>(
        _ texts: [String: String], into definition: inout Definition, conflicts: [OptionConflict] = [],
        prefix: String = ""
    ) throws where Element == CommandOption<Definition> {
        do {
            let given = Set(texts.keys)
            for conflict in conflicts where conflict.names.isSubset(of: given) {
                throw OptionMistake(conflict.message)
            }
            for option in filter(\.isReadFirst) + filter({ !$0.isReadFirst }) {
                guard let text = texts[option.name] else { continue }
                do { try option.store(text, &definition) } catch is UnreadableOption { throw option.refusal(of: text) }
            }
        } catch let mistake as OptionMistake where !prefix.isEmpty {
            throw OptionMistake(mistake.description.replacing("--", with: "--" + prefix))
        }
    }

    /// Returns the words that `read` reads back as the same definition, in the order of the list.
    public func arguments<Definition>(of definition: Definition, prefix: String = "") -> [String]
    where Element == CommandOption<Definition> {
        flatMap { option -> [String] in
            guard let text = option.text(definition) else { return [] }
            switch option.form {
            case .value: return ["--" + prefix + option.name, text]
            case .flag: return text == "true" ? ["--" + prefix + option.name] : []
            // The argument parser puts "no" before the whole name.
            case .inverted: return ["--" + (text == "true" ? "" : "no-") + prefix + option.name]
            }
        }
    }
}

extension CommandOption {
    /// Returns what is said of a text that is no value of this option.
    fileprivate func refusal(of text: String) -> OptionMistake {
        guard case .value(let placeholder) = form else { return OptionMistake("--\(name) takes no value") }
        let quoted = choices.map { "'\($0)'" }
        let listed = quoted.dropLast(quoted.count > 2 ? 1 : 0)
        let words =
            quoted.count > 2
            ? listed.joined(separator: ", ") + " or " + quoted[quoted.count - 1] : listed.joined(separator: " and ")
        return OptionMistake(
            "The value '\(text)' is invalid for '--\(name) <\(placeholder)>'"
                + (choices.isEmpty ? "" : ". Please provide one of \(words)."))
    }
}

/// A value that stands on a command line as one word.
public protocol OptionValue {
    /// Returns `nil` where the text is no such value.
    init?(optionText: String)
    var optionText: String { get }
    /// All texts; empty where there is no end of them.
    static var choices: [String] { get }
}

extension OptionValue {
    public static var choices: [String] { [] }

    /// - Parameter check: as in `CommandOption`.
    fileprivate init(option name: String, _ text: String, must check: (Self) -> String?) throws {
        guard let value = Self(optionText: text) else { throw UnreadableOption() }
        if let demand = check(value) { throw OptionMistake("--\(name) must \(demand), not \(value.optionText)") }
        self = value
    }
}

extension OptionValue where Self: LosslessStringConvertible {
    public init?(optionText: String) { self.init(optionText) }
    public var optionText: String { description }
}

extension OptionValue where Self: RawRepresentable & CaseIterable, RawValue == String {
    public init?(optionText: String) { self.init(rawValue: optionText) }
    public var optionText: String { rawValue }
    public static var choices: [String] { allCases.map(\.rawValue) }
}

extension String: OptionValue {}
extension Bool: OptionValue {}
extension Int: OptionValue {}
extension UInt64: OptionValue {}
extension Double: OptionValue {}

/// Values with commas between them.
extension Array: OptionValue where Element: OptionValue {
    public init?(optionText: String) {
        let parts = optionText.split(separator: ",", omittingEmptySubsequences: false)
        let values = parts.compactMap { Element(optionText: String($0.trimmingPrefix { $0 == " " })) }
        guard values.count == parts.count else { return nil }
        self = values
    }

    public var optionText: String { map(\.optionText).joined(separator: ",") }
}
