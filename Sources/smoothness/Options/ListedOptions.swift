import ArgumentParser
import Essentials

/// A list of options and the definition that they make.
protocol OptionListing: Sendable {
    associatedtype Definition: Sendable
    static var options: [CommandOption<Definition>] { get }
    static var conflicts: [OptionConflict] { get }
    /// What is defined where no option is given.
    static var standard: Definition { get }
    /// What stands before every name on this command line.
    static var prefix: String { get }
}

extension OptionListing {
    static var prefix: String { "" }
}

/// The options of a list, as a part of a command.
///
/// The argument parser looks for options among the children of a type's mirror and decodes each by its name, so that both come from the list here.
struct ListedOptions<Listing: OptionListing>: ParsableArguments, CustomReflectable {
    /// What was given, by name.
    private var texts: [String: String] = [:]

    init() {}

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        for option in Listing.options {
            let key = Name(stringValue: option.name)
            switch option.form {
            case .value:
                texts[option.name] = try container.decode(Option<String?>.self, forKey: key).wrappedValue
            case .flag:
                let isGiven = try container.decode(Flag<Bool>.self, forKey: key).wrappedValue
                texts[option.name] = isGiven ? "true" : nil
            case .inverted:
                texts[option.name] = try container.decode(Flag<Bool?>.self, forKey: key).wrappedValue.map { "\($0)" }
            }
        }
    }

    var customMirror: Mirror {
        Mirror(self, children: Listing.options.map { (label: $0.name, value: Self.wrapper(of: $0)) })
    }

    private static func wrapper(of option: CommandOption<Listing.Definition>) -> Any {
        let name = NameSpecification.customLong(Listing.prefix + option.name)
        switch option.form {
        case .value(let placeholder):
            let choices = option.choices.isEmpty ? "" : " (values: \(option.choices.joined(separator: ", ")))"
            return Option<String?>(
                name: name, parsing: .unconditional,
                help: ArgumentHelp(option.help + choices, valueName: placeholder),
                completion: option.choices.isEmpty ? nil : .list(option.choices))
        case .flag: return Flag<Bool>(wrappedValue: false, name: name, help: ArgumentHelp(option.help))
        case .inverted:
            return Flag<Bool?>(name: name, inversion: .prefixedNo, help: ArgumentHelp(option.help))
        }
    }

    func validate() throws {
        do {
            _ = try definition
        } catch let mistake as OptionMistake {
            throw ValidationError(mistake.description)
        } catch is SmoothnessError {
            // It is said when the command asks for the definition, as an error that needs no help on usage.
        }
    }

    /// The names of the options that were given, as they stand on the command line.
    var given: [String] { Listing.options.map(\.name).filter { texts[$0] != nil }.map { "--" + Listing.prefix + $0 } }

    /// The text that was given to an option of the list.
    subscript(name: String) -> String? { texts[name] }

    /// - Throws: `SmoothnessError(.usage)`; `OptionMistake` only before `validate()`.
    var definition: Listing.Definition { get throws { try definition(from: Listing.standard) } }

    /// Returns what the options make of a definition whose defaults only the command knows.
    func definition(from standard: Listing.Definition) throws -> Listing.Definition {
        var definition = standard
        try Listing.options.read(texts, into: &definition, conflicts: Listing.conflicts, prefix: Listing.prefix)
        return definition
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
