import ArgumentParser
import Essentials
import Evaluation
import Foundation
import Training

/// The options of `train` that decide how a run is made, but for how many iterations an epoch has.
enum TrainListing: OptionListing {
    static var options: [CommandOption<TrainingConfiguration>] { TrainingConfiguration.options }
    static var conflicts: [OptionConflict] { TrainingConfiguration.optionConflicts }
    static var standard: TrainingConfiguration { standard(for: .lstm) }

    /// Returns how a run is made on an objective where no option is given.
    static func standard(for objective: ObjectiveName) -> TrainingConfiguration {
        TrainingConfiguration(
            learningRate: objective.standardLearningRate,
            clipping: objective.standardClipNorm.map { .norm($0) } ?? .none, iterations: 300,
            save: SaveSchedule(every: 5), threads: ProcessInfo.processInfo.activeProcessorCount)
    }
}

/// The rule, the order and the length of a run.
struct TrainOptimizerOptions: ParsableArguments {
    @OptionGroup var listed: ListedOptions<TrainListing>
    @Option(
        parsing: .unconditional,
        help: "Epochs, instead of iterations; one is as many iterations as there are components, or one full gradient.")
    var epochs: Int?

    /// The names of the options that were given and that `--resume` takes from the file instead.
    var givenNames: [String] {
        listed.given.filter { !["--threads", "--device"].contains($0) } + names(("--epochs", epochs != nil))
    }

    /// Those that a run may go on with as well.
    var threads: Int? { listed["threads"].flatMap { Int($0) } }
    var device: String? { listed["device"] }

    func validate() throws {
        guard let epochs else { return }
        if listed["iterations"] != nil { throw ValidationError("give --iterations or --epochs, not both") }
        if epochs < 1 { throw ValidationError("--epochs must be at least 1, found \(epochs)") }
    }

    /// Returns the configuration of a new run, every default resolved.
    /// - Parameter componentCount: m.
    func configuration(for objective: ObjectiveName, componentCount: Int) throws -> TrainingConfiguration {
        var configuration = try listed.definition(from: TrainListing.standard(for: objective))
        guard let epochs else { return configuration }
        let epochLength = configuration.epochLength(componentCount: componentCount)
        let (length, isOverflow) = epochs.multipliedReportingOverflow(by: epochLength)
        if isOverflow { throw ValidationError("--epochs \(epochs) of \(epochLength) iterations is too many") }
        configuration.iterations = length
        return configuration
    }
}
