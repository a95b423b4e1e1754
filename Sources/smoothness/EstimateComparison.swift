import Analysis
import ArgumentParser
import Batching
import Essentials
import Estimation
import Evaluation
import Foundation
import GradientProcess
import Reporting
import RunFiles

/// Which table of a comparison is printed.
enum ComparisonTable: String, ExpressibleByArgument, CaseIterable {
    case iterates, summary
}

/// `estimate --compare-subsets`: one estimates file a share, then tables and a picture of them all.
struct EstimateComparison {
    let run: String
    /// But for the subset.
    let configuration: EstimationConfiguration
    /// Increasing.
    let shares: [Double]
    let isForced: Bool
    let data: String?
    let module: String?
    let oracle: GradientProcessPool?
    let parallelism: Parallelism
    /// Where the picture goes, if there is to be one.
    let picture: String?

    /// `RUN.subset-0.1.estimates.h5`
    func output(of share: Double) -> String {
        let standard = EstimationJob.defaultOutput(forRun: run)
        return standard.dropLast(".estimates.h5".count) + ".subset-\(share).estimates.h5"
    }

    private func job(_ share: Double) throws -> EstimationJob {
        var configuration = configuration
        configuration.subset = .sample(fraction: share, seed: configuration.subset.seed)
        try refuseInput(as: output(of: share), inputs: [run, data])
        return try EstimationJob(
            run: run, configuration: configuration, output: output(of: share), isForced: isForced, dataOverride: data,
            modulePath: module, oracle: oracle, workerCount: parallelism.workerCount, threads: parallelism.threads)
    }

    /// What is wrong with a share or a picture is said before anything is measured.
    private func check() throws {
        if let picture {
            let kind = try ScatterPlot.Format(path: picture).kind
            try OutputKind.requireReplaceable(picture, by: [kind], isForced: isForced)
            try refuseInput(as: picture, inputs: [run, data] + shares.map { output(of: $0) })
        }
        let largest = try job(shares[shares.count - 1])
        try SubsetComparison.require(shares, ofComponents: largest.plan.componentCount)
    }

    /// One row a share.
    func plan() throws -> Table {
        try check()
        var table: Table?
        for share in shares {
            let job = try job(share)
            let part = try job.plan.table(job.forecast())
            table = Table(columns: part.columns, rows: (table?.rows ?? []) + part.rows)
        }
        return table ?? Table(columns: [])
    }

    /// - Parameter work: does what a job has left to do.
    func run(_ work: (EstimationJob) throws -> Void) throws {
        try check()
        for share in shares { try work(job(share)) }
    }

    private func comparison() throws -> SubsetComparison {
        SubsetComparison(
            try shares.map { share in
                let reader = try EstimatesFileReader(output(of: share))
                return SubsetComparison.Subset(
                    share: share, componentCount: reader.header.components.count,
                    rows: try reader.rows())
            })
    }

    // MARK: - What is printed

    func text(_ table: ComparisonTable?, as format: Table.Format) throws -> String {
        let comparison = try comparison()
        let (iterates, summary) = (Self.iterates(comparison), Self.summary(comparison))
        switch (table, format) {
        case (.iterates, _), (nil, .csv): return iterates.rendered(as: format)
        case (.summary, _): return summary.rendered(as: format)
        case (nil, .text): return iterates.text() + "\n" + summary.text()
        case (nil, .json): return "{\"iterates\": \(iterates.json()), \"summary\": \(summary.json())}\n"
        }
    }

    private static func iterates(_ comparison: SubsetComparison) -> Table {
        var table = Table(columns: [
            "iteration", "subset", "components", "gradient_norm", "gradient_norm_error", "smoothness",
            "smoothness_error", "smoothness_low", "smoothness_high", "status",
        ])
        for row in comparison.subsets[0].rows.indices {
            for subset in comparison.subsets where row < subset.rows.count {
                let estimate = subset.rows[row]
                table.append([
                    .integer(estimate.iteration), .number(subset.share), .integer(subset.componentCount),
                    .number(estimate.gradientNorm), .number(estimate.gradientNormError), .number(estimate.smoothness),
                    .number(estimate.smoothnessError), .number(estimate["smoothness_low"]),
                    .number(estimate["smoothness_high"]), .string(estimate.status.name),
                ])
            }
        }
        return table
    }

    private static func summary(_ comparison: SubsetComparison) -> Table {
        Table(
            columns: [
                "subset", "components", "rows", "median_relative_deviation", "covered_share", "median_relative_error",
                "component_gradients",
            ],
            rows: comparison.summaries.map { summary in
                [
                    .number(summary.share), .integer(summary.componentCount), .integer(summary.rowCount),
                    .number(summary.medianDeviation), .number(summary.coveredShare),
                    .number(summary.medianRelativeError), .integer(summary.componentGradientCount),
                ]
            })
    }

    func draw() throws {
        guard let picture else { return }
        let comparison = try comparison()
        let header = try EstimatesFileReader(output(of: shares[0])).header
        let summary = (try? ObjectiveDescription(json: header.objective).summary) ?? header.runFile
        let subsets = comparison.subsets.map { subset in
            SubsetRows(
                name: "\(subset.share) of the data (\(subset.componentCount))", iteration: subset.rows.map(\.iteration),
                smoothness: subset.rows.map(\.smoothness),
                intervals: subset.rows.map { (low: $0["smoothness_low"], high: $0["smoothness_high"]) })
        }
        var plot = LinePlot.subsets(subsets, title: "\(header.runFile): \(summary)")
        // The whole picture, with the shares against one another, is that of `plot --kind subsets`.
        plot.panels.removeLast(plot.panels.count - 1)
        try plot.write(to: picture)
        Console.error("wrote \(Console.absolute(picture))")
    }
}
