import ArgumentParser
import Essentials
import Estimation

/// The options of `estimate` and `batch` that decide the numbers.
enum EstimateListing: OptionListing {
    static var options: [CommandOption<EstimationConfiguration>] { EstimationConfiguration.options }
    static var conflicts: [OptionConflict] { EstimationConfiguration.optionConflicts }
    static var standard: EstimationConfiguration { .standard }
}

/// The same of `train --estimate`, where the device is the run's.
enum TrainEstimateListing: OptionListing {
    static let options = EstimateListing.options.filter { $0.name != "device" }
    static var conflicts: [OptionConflict] { EstimateListing.conflicts }
    static var standard: EstimationConfiguration { .standard }
    static var prefix: String { "estimate-" }
}

/// The options of `align` that decide the numbers.
enum AlignListing: OptionListing {
    static var options: [CommandOption<AlignmentConfiguration>] { AlignmentConfiguration.options }
    static var conflicts: [OptionConflict] { AlignmentConfiguration.optionConflicts }
    static var standard: AlignmentConfiguration { AlignmentConfiguration() }
}

extension ListedOptions<EstimateListing> {
    /// Refuses what changes gradients that were recorded.
    /// - Parameter others: further options that were given and do so.
    func refuseForRecorded(_ others: String?) throws {
        let excluded = given.filter { !["--mode", "--seed"].contains($0) } + [others].compactMap(\.self)
        try ValidationError.refuse(
            excluded, "the gradients of this run were recorded and can be taken in no other way")
    }
}
