import ArgumentParser
import Essentials
import Evaluation
import Formulas
import Models

/// An option of an objective, with the names of the objectives that have it.
struct ObjectiveChoice: Sendable {
    var owners: [String]
    var option: CommandOption<NetworkChoices>

    init(owners: [String], _ option: CommandOption<NetworkChoices>) {
        (self.owners, self.option) = (owners, option)
    }
}

/// What was asked of an objective.
struct ObjectiveChoices: Sendable {
    var network = NetworkChoices()
    /// The texts of all options that were given, by name, for objectives that read their parameters themselves.
    var texts: [String: String] = [:]
}

/// The options of `train` that say what is minimised: those of networks and of their data, then what the formulas list.
enum ObjectiveListing: OptionListing {
    static let options: [CommandOption<ObjectiveChoices>] = names.compactMap { name in
        let network = NetworkChoices.options.first { $0.option.name == name }
        let formulas = parameters(name)
        let helps =
            (network.map { [Self.help($0)] } ?? [])
            + formulas.map { "\($0.owner): \($0.option.help) (default: \($0.option.standard))" }
        return CommandOption(
            name, network?.option.form, helps.joined(separator: "; "), choices: network?.option.choices ?? [],
            store: { text, choices in
                choices.texts[name] = text
                try network?.option.store(text, &choices.network)
            }, text: { $0.texts[name] })
    }
    static var conflicts: [OptionConflict] {
        ["samples", "features"].map {
            OptionConflict("data", $0, "--samples and --features are of generated data; --data brings its own")
        }
    }
    static var standard: ObjectiveChoices { ObjectiveChoices() }

    /// The names of the objectives that have an option.
    static func owners(of name: String) -> [String] {
        let network = NetworkChoices.options.first { $0.option.name == name }?.owners ?? []
        return network + parameters(name).map(\.owner).filter { !network.contains($0) }
    }

    private static var names: [String] {
        var known: Set<String> = []
        let formulas = ObjectiveRegistry.formulas.flatMap { $0.options.map(\.name) }
        return (NetworkChoices.options.map(\.option.name) + formulas).filter { known.insert($0).inserted }
    }

    private static func parameters(_ name: String) -> [(owner: String, option: ObjectiveOption)] {
        ObjectiveRegistry.formulas.flatMap { type in
            type.options.filter { $0.name == name }.map { (type.kind, $0) }
        }
    }

    private static func help(_ choice: ObjectiveChoice) -> String {
        "\(choice.owners.joined(separator: ", ")): \(choice.option.help)"
    }
}

/// The objective of a run. An option that the chosen objective does not have is refused instead of ignored.
struct TrainObjectiveOptions: ParsableArguments {
    @Option(help: "What to minimise.")
    var objective = ObjectiveName.lstm
    @OptionGroup var listed: ListedOptions<ObjectiveListing>

    /// Files that no output may replace.
    var inputs: [String?] { [data, listed["valid"], module] }
    var data: String? { listed["data"] }
    var module: String? { listed["module"] }

    /// The names of the options that were given, but for those that say where things are now: what `--resume` takes from the file instead.
    var givenNames: [String] {
        names(("--objective", objective != .lstm)) + listed.given.filter { $0 != "--data" && $0 != "--module" }
    }

    func validate() throws {
        // A run that is continued says what it is.
        for name in listed.given.map({ String($0.dropFirst(2)) }) where name != "module" {
            let owners = ObjectiveListing.owners(of: name)
            guard !owners.contains(objective.rawValue) else { continue }
            throw ValidationError(
                "--\(name) belongs to \(owners.joined(separator: ", ")), not to \(objective.rawValue)")
        }
        do { try listed.definition.network.check() } catch let mistake as OptionMistake {
            throw ValidationError(mistake.description)
        }
    }

    /// Reads what has to be read and checks every value.
    func description() throws -> ObjectiveDescription {
        let choices = try listed.definition
        if let network = try choices.network.description(of: objective.rawValue) { return network }
        guard
            let formula = ObjectiveRegistry.formulas.first(where: { $0.names.contains(objective.rawValue) })
                as? any ParametrizedObjective.Type
        else { preconditionFailure("\(objective.rawValue) is in no list") }
        return try Self.description(formula, choices)
    }

    private static func description<Formula: ParametrizedObjective>(
        _ type: Formula.Type, _ choices: ObjectiveChoices
    ) throws -> ObjectiveDescription {
        let formula = try Formula(options: choices.texts)
        guard var regression = formula as? LogisticRegressionDescription, let data = choices.network.data else {
            return ObjectiveDescription(formula)
        }
        regression.source = .file(try DataFile(path: data))
        return ObjectiveDescription(regression)
    }
}

/// What `train` can minimise: the name of a network, or of a formula of the list.
struct ObjectiveName: RawRepresentable, ExpressibleByArgument, Hashable {
    let rawValue: String

    static let lstm = ObjectiveName(known: "lstm")
    static let all = (ObjectiveRegistry.models + ObjectiveRegistry.formulas).flatMap { $0.names }
    static var allValueStrings: [String] { all }

    init?(rawValue: String) {
        guard Self.all.contains(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    private init(known: String) { rawValue = known }
}

extension ObjectiveName {
    /// η where none is given.
    var standardLearningRate: Double {
        ["lstm": 10, "awd-lstm": 30, "transformer": 0.1, "resnet": 0.1, "mlp": 0.1][rawValue] ?? 0.01
    }

    /// The clip norm where none is given.
    var standardClipNorm: Double? { ["lstm": 0.25, "awd-lstm": 0.25, "transformer": 1][rawValue] }
}
