import ArgumentParser
import Batching
import Essentials
import Foundation
import Reporting
import Torch

struct BatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch",
        abstract: "Estimate and fit many runs, one after the other.",
        discussion: """
            A folder stands for every run file below it. Each estimate lies beside its run; what is finished is not redone, and \
            a batch that was interrupted continues when the same command is given again. A run that fails is reported, the \
            others are measured, and the exit code is 3.
            """)

    @Argument(help: "Run files, or folders that hold them.", completion: .file())
    var paths: [String]
    @OptionGroup(title: "What is measured") var definition: EstimateDefinitionOptions
    @OptionGroup(title: "Fit") var fitting: FitOptionGroup
    @OptionGroup var format: FormatOption
    @Option(parsing: .unconditional, help: "Threads for tensor operations. (default: the processor's cores)")
    var threads: Int?
    @Flag(help: "Measure anew what stands already.")
    var force = false

    func validate() throws {
        try checkThreadCount(threads)
    }

    func run() throws {
        let manifest = try BatchManifest(scanning: paths)
        let batch = Batch(manifest, configuration: try definition.configuration, fitOptions: fitting.options)
        try setThreadCount(threads ?? ProcessInfo.processInfo.activeProcessorCount)
        Interruption.install()
        let (results, failures) = try measure(batch)
        try Console.output(Self.table(results).rendered(as: format.format))
        for result in results {
            Console.error(result.wasComplete ? "\(result.estimates) was complete" : "wrote \(result.estimates)")
        }
        for failure in failures {
            // Most reasons begin with the file.
            let isNamed = failure.reason.contains(failure.path)
            Console.error("failed: " + (isNamed ? "" : "\(failure.path): ") + failure.reason)
        }
        if !failures.isEmpty {
            throw SmoothnessError(
                .partial, "\(failures.count) of \(results.count + failures.count) runs failed; the others are measured")
        }
    }

    private func measure(_ batch: Batch) throws -> (results: [BatchResult], failures: [BatchFailure]) {
        var reporter = ProgressReporter(label: "batch", total: batch.manifest.entries.count)
        defer { reporter.finish() }
        return try batch.run(isForced: force, isCancelled: { Interruption.isRequested }) { progress in
            let name = URL(filePath: progress.path).lastPathComponent
            reporter.update(
                completed: progress.runsDone, [ProgressField(name, "\(progress.rowsDone)/\(progress.rowCount)")])
        }
    }

    /// One row a run.
    private static func table(_ results: [BatchResult]) -> Table {
        Table(
            columns: [
                "run", "rows", "L0", "L0_lower", "L0_upper", "L1", "L1_lower", "L1_upper", "exponent", "spearman",
                "warnings", "without_fit",
            ],
            rows: results.map { result in
                let line = result.fit?.leastSquares
                return [
                    .string(result.entry.path), .integer(result.rows), .optional(line?.intercept.value),
                    .optional(line?.intercept.lower), .optional(line?.intercept.upper), .optional(line?.slope.value),
                    .optional(line?.slope.lower), .optional(line?.slope.upper),
                    .optional(result.fit?.powerLaw.exponent.value), .optional(result.fit?.correlations.spearman?.value),
                    .optional(result.fit?.warnings.count), .optional(result.reasonWithoutFit),
                ]
            })
    }
}
