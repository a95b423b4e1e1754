import Essentials
import Foundation
import HDF5
import ParameterSpace
import RunFiles

/// Holds an estimates file against every MUST of docs/estimates-file.md and says what is wrong where. Where the run file
/// lies beside it, the digest, iterations and step norms are held against that. Never throws: what cannot be read is a finding.
public func verifyEstimatesFile(_ path: String) -> VerificationReport {
    var verifier = EstimatesVerifier(path: path)
    verifier.run()
    return verifier.report
}

/// One verification. The structure is checked first; rows only where the structure lets them be read.
private struct EstimatesVerifier {
    let path: String
    var report: VerificationReport

    init(path: String) {
        self.path = path
        report = VerificationReport(file: path)
    }

    mutating func run() {
        do {
            let file = try AnalysisFile.open(path, .readOnly, EstimatesSchema.file)
            let start = try EstimatesFileAccess.start(of: file)
            report.format = "\(EstimatesSchema.format) \(start.header.formatVersion)"
            report.pass("opens as an estimates file")
            try report.checkSuperblock(of: file)
            report.checkRootAttributes(of: file)
            checkDefinition(start.header)
            guard checkDatasets(file, start.header) else { return }
            if let live = start.header.live { try report.check(live, of: file, start) }
            try checkRows(file, start)
            let (rows, extents) = (Array(0..<start.committedRows), start.header.extents)
            report.checkChecksums(
                of: file, rows: { $0 == EstimatesSchema.checksums ? rows : nil },
                required: EstimatesSchema.rowDatasets(extents))
            report.checkState(
                start.header.root, committedRows: start.committedRows,
                // One that was begun with its run is complete with the rows that the run came to.
                rowCount: start.header.live == nil ? start.header.rowCount : start.committedRows,
                at: EstimatesSchema.commit)
            report.checkRun(beside: path, root: start.header.root, digestRows: start.header.digestRows) {
                reader, report in
                try Self.check(file, start, against: reader, in: &report)
            }
        } catch {
            report.fail(error, "opens as an estimates file")
        }
    }

    // MARK: - Structure

    private mutating func checkDefinition(_ header: EstimatesHeader) {
        let gammas = header.gammas
        let isGrid =
            !gammas.isEmpty && gammas.allSatisfy { $0 > 0 && $0 <= 1 } && zip(gammas, gammas.dropFirst()).allSatisfy(<)
        report.check(
            "gammas increase in (0, 1]", isGrid, at: EstimatesSchema.gammas, expected: "increasing numbers in (0, 1]",
            found: "\(gammas)")
        let asked = try? header.configuration.resolvedGammas
        report.check(
            "gammas are the configured ones", asked == gammas, at: EstimatesSchema.gammas,
            expected: asked.map { "\($0)" } ?? "what \(EstimatesSchema.configuration) gives", found: "\(gammas)")
        report.checkComponents(
            header.components.sorted(), weights: header.componentWeights, selection: header.configuration.subset,
            at: (EstimatesSchema.components, EstimatesSchema.componentWeights))
        checkGroups(header)
        report.check(
            "the precision is named", header.configuration.precision != nil, at: EstimatesSchema.configuration,
            expected: "float32 or float64", found: "none")
        report.checkJSON([
            (EstimatesSchema.objective, header.objective), (EstimatesSchema.optimizer, header.optimizer),
        ])
    }

    /// Groups and weights as the configuration and the process that served the gradients give them.
    private mutating func checkGroups(_ header: EstimatesHeader) {
        let (groups, configuration) = (header.groups, header.configuration)
        let count = min(configuration.groups, groups.components.count)
        report.check(
            "groups are the configured ones", groups.count == count, at: EstimatesSchema.groupCount,
            expected: "\(count)", found: "\(groups.count)")
        let weight = groups.weights.reduce(0, +)
        report.check(
            "the subset is part of the population", groups.populationWeight >= weight * (1 - 1e-12),
            at: EstimatesSchema.populationWeight, expected: "at least \(weight), the weight of the subset",
            found: "\(groups.populationWeight)")
        guard let oracle = configuration.oracle else { return }
        report.check(
            "the population is the gradient process's", RowCheck.agree(oracle.totalWeight, groups.populationWeight),
            at: EstimatesSchema.populationWeight, expected: "\(oracle.totalWeight)",
            found: "\(groups.populationWeight)")
        report.check(
            "components are the gradient process's", (groups.components.max() ?? 0) < oracle.componentCount,
            at: EstimatesSchema.components, expected: "below \(oracle.componentCount)",
            found: "\(groups.components.max() ?? 0)")
    }

    /// What does not grow with the rows.
    private mutating func checkFixedDatasets(_ file: borrowing HDF5.File, _ header: EstimatesHeader) {
        for object in EstimatesSchema.fixedDatasets + EstimatesSchema.parameterDatasets {
            report.checkDescription(of: object, in: file)
        }
        let blockCount = header.layout.blocks.count
        report.checkTexts(
            [
                (EstimatesSchema.configuration, []), (EstimatesSchema.objective, []), (EstimatesSchema.optimizer, []),
                ("/parameters/name", [blockCount]),
            ], in: file)
        let expected: [(name: String, element: String, shape: [Int])] = [
            (EstimatesSchema.gammas, "float64", [header.gammas.count]),
            (EstimatesSchema.components, "int64", [header.components.count]),
            (EstimatesSchema.componentWeights, "float64", [header.componentWeights.count]),
            (EstimatesSchema.groupCount, "int64", [1]), (EstimatesSchema.populationWeight, "float64", [1]),
            (EstimatesSchema.repeatability, "float64", [1]), ("/parameters/offset", "int64", [blockCount]),
            ("/parameters/count", "int64", [blockCount]),
        ]
        for dataset in expected {
            report.checkForm(of: dataset, in: file, "datasets of the definition have their type and extents")
        }
    }

    /// Whether every dataset of a row is there and has its extents.
    private mutating func checkDatasets(_ file: borrowing HDF5.File, _ header: EstimatesHeader) -> Bool {
        checkFixedDatasets(file, header)
        let expected: [(name: String, element: String, shape: [Int])] =
            [
                (EstimatesSchema.iteration, "int64", [header.rowCount]),
                (EstimatesSchema.status, "uint8", [header.rowCount]),
                (EstimatesSchema.curveStatus, "uint8", [header.rowCount, header.gammas.count]),
            ] + EstimatesSchema.counts.map { ($0.name, "int64", [header.rowCount]) }
            + EstimatesSchema.fields(header.extents).map {
                ($0.name, "float64", [header.rowCount] + $0.extents(header.extents))
            }
        return report.checkRowDatasets(expected, in: file)
    }

    // MARK: - Rows

    private mutating func checkRows(_ file: borrowing HDF5.File, _ start: EstimatesFileAccess.Start) throws {
        let check = RowCheck(header: start.header, repeatability: start.repeatability)
        var last: Int?
        var unsound = 0
        for row in 0..<start.committedRows {
            let estimate = try translating(.data) {
                try EstimatesFileAccess.estimate(row: row, of: file, header: start.header, isChecked: false)
            }
            for finding in check.findings(in: estimate) + RowRelations(start.header, of: estimate).findings {
                report.fail(
                    "rows follow from their sums", at: "\(finding.object), row \(row)", expected: finding.expected,
                    found: finding.found)
            }
            report.checkIncrease(
                estimate.iteration, after: last, at: "\(EstimatesSchema.iteration), row \(row)")
            last = estimate.iteration
            if !estimate.status.hasValue { unsound += 1 }
            if estimate.status == .ok, !estimate.identityHolds {
                report.notes.append(
                    "row \(row): the losses ask for a smoothness of \(estimate.identity), the gradients give "
                        + "\(estimate.smoothness): a wrong loss or gradient, or a coarse grid")
            }
        }
        report.pass("committed rows can be read")
        if unsound > 0 { report.notes.append("\(unsound) of \(start.committedRows) rows have no value and say so") }
    }

    // MARK: - Against the run

    private static func check(
        _ file: borrowing HDF5.File, _ start: EstimatesFileAccess.Start, against reader: borrowing RunFileReader,
        in report: inout VerificationReport
    ) throws {
        let iterations = try translating(.data) {
            try file.dataset(EstimatesSchema.iteration).read(as: Int64.self, start: [0], count: [start.committedRows])
                .map { Int($0) }
        }
        let planned = reader.plan.savedIterations
        let expected = (start.header.live?.maker == .train ? start.header.live?.iterations : planned) ?? planned
        report.check(
            "iterations are the run's", expected.starts(with: iterations), at: EstimatesSchema.iteration,
            expected: "\(expected.prefix(iterations.count).prefix(10))", found: "\(iterations.prefix(10))")
        if let live = start.header.live { try report.check(live, start, against: reader) }
        let configuration = start.header.configuration
        report.checkSameRun(
            objective: configuration.objective == nil ? start.header.objective : nil,
            optimizer: start.header.optimizer, layout: start.header.layout, against: reader)
        if configuration.source == .recorded { try report.checkRecorded(file, start, against: reader) }
        guard start.header.configuration.precision?.rawValue == reader.header.scalarName else { return }
        // What is not committed yet is to come.
        let stepNorms = try reader.records(ofIterations: iterations).prefix { $0 != nil }.compactMap { $0?.stepNorm }
        try checkStepNorms(file, start, stepNorms, in: &report)
        try report.checkBlockSteps(file, start, against: reader)
    }

    /// In the run's own precision the steps are the run's to the last bit.
    private static func checkStepNorms(
        _ file: borrowing HDF5.File, _ start: EstimatesFileAccess.Start, _ expected: [Double],
        in report: inout VerificationReport
    ) throws {
        let found = try translating(.data) {
            try file.dataset(EstimatesSchema.stepNorm).read(as: Double.self, start: [0], count: [start.committedRows])
        }
        let row = zip(found, expected).enumerated().first { !$1.0.isNaN && $1.0 != $1.1 }?.offset
        report.check(
            "step norms are the run's", row == nil, at: "\(EstimatesSchema.stepNorm), row \(row ?? 0)",
            expected: row.map { "\(expected[$0])" }, found: row.map { "\(found[$0])" })
    }
}
