import ArgumentParser
import Training

/// What changes along a run: the learning rate, and when averaging begins.
struct TrainScheduleOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: "Raise η in even steps over the first so many iterations.")
    var warmUp: Int?
    @Option(
        parsing: .unconditional,
        help: "Divide η by --decay-factor from the beginning of these epochs on, as 100,150; counted from 0.")
    var decayEpochs: EpochList?
    @Option(
        parsing: .unconditional,
        help: "Divide η by --decay-factor when so many evaluations in a row had no smaller validation loss.")
    var plateau: Int?
    @Option(parsing: .unconditional, help: "The divisor of --decay-epochs and --plateau. (default: 10)")
    var decayFactor: Double?
    @Flag(help: "Lower η over the run to --last-learning-rate along half a cosine.")
    var cosine = false
    @Option(parsing: .unconditional, help: "What --cosine goes to. (default: 0)")
    var lastLearningRate: Double?
    @Option(
        help: """
            Evaluate the average of the iterates from here on: from=E (after E epochs) or nonmonotone=N (AWD-LSTM's trigger: \
            the validation loss is above its least of more than N evaluations ago).
            """,
        transform: { try AveragingTrigger(parsing: $0) })
    var average: AveragingTrigger?

    /// The names of the options that were given and that `--resume` takes from the file instead.
    var givenNames: [String] {
        let all: [(String, Bool)] = [
            ("--warm-up", warmUp != nil), ("--decay-epochs", decayEpochs != nil), ("--plateau", plateau != nil),
            ("--decay-factor", decayFactor != nil), ("--cosine", cosine),
            ("--last-learning-rate", lastLearningRate != nil), ("--average", average != nil),
        ]
        return all.filter(\.1).map(\.0)
    }

    func validate() throws {
        let decays =
            [decayEpochs == nil ? nil : "--decay-epochs", plateau == nil ? nil : "--plateau"]
            .compactMap(\.self) + (cosine ? ["--cosine"] : [])
        if decays.count > 1 { throw ValidationError("give one of \(decays.joined(separator: ", ")), not several") }
        if decayFactor != nil && decayEpochs == nil && plateau == nil {
            throw ValidationError("--decay-factor belongs to --decay-epochs and --plateau")
        }
        if lastLearningRate != nil && !cosine { throw ValidationError("--last-learning-rate belongs to --cosine") }
    }

    /// `nil` where η is constant.
    var schedule: LearningRateSchedule? {
        var schedule = LearningRateSchedule(warmUp: warmUp)
        if let decayEpochs { schedule.steps = .init(epochs: decayEpochs.values, factor: decayFactor ?? 10) }
        if let plateau { schedule.plateau = .init(patience: plateau, factor: decayFactor ?? 10) }
        if cosine { schedule.cosine = .init(last: lastLearningRate ?? 0) }
        return schedule == LearningRateSchedule() ? nil : schedule
    }
}

/// Whole numbers separated by commas.
struct EpochList: ExpressibleByArgument, Equatable {
    var values: [Int]

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        values = parts.compactMap { Int($0.trimmingPrefix { $0 == " " }) }
        guard values.count == parts.count else { return nil }
    }
}
