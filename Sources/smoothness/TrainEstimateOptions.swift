import ArgumentParser
import Essentials
import Estimation
import Training

/// `train --estimate` and what is measured by it: the options of `estimate` with a prefix.
struct TrainEstimateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Measure the local smoothness while training, as estimate does afterwards, into OUTPUT.estimates.h5; the iterates need not be saved.",
            valueName: "every=N[,first=M]"),
        transform: { try SaveSchedule(parsing: $0, option: "--estimate", allowsNone: false) })
    var estimate: SaveSchedule?
    @OptionGroup var measured: ListedOptions<TrainEstimateListing>

    /// The names of the options that were given and that `--resume` takes from the file instead.
    var givenNames: [String] { (estimate == nil ? [] : ["--estimate"]) + measured.given }

    func validate() throws {
        if estimate == nil, let first = measured.given.first {
            throw ValidationError("\(first) belongs to --estimate every=N")
        }
        do {
            try measured.definition.requireStepsInHand()
        } catch let error as SmoothnessError {
            throw ValidationError("\(error)")
        }
    }

    /// Returns what is measured in the loop; `nil` for nothing.
    func observation(device: String) throws -> TrainingConfiguration.Observation? {
        guard let estimate else { return nil }
        var definition = try measured.definition
        definition.evaluation.device = device
        return TrainingConfiguration.Observation(schedule: estimate, definition: try definition.json())
    }
}

extension TrainingConfiguration.Observation {
    /// The words that `TrainEstimateOptions` reads back as the same.
    var arguments: [String] {
        get throws {
            let definition = try EstimationConfiguration(json: definition)
            let words = TrainEstimateListing.options.arguments(of: definition, prefix: TrainEstimateListing.prefix)
            return ["--estimate", "\(schedule)"] + words
        }
    }
}
