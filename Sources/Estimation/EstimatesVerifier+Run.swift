import Essentials
import HDF5
import ParameterSpace
import RunFiles

/// What an estimates file says against the run that lies beside it.
extension VerificationReport {
    /// Descriptions and blocks are the run's.
    /// - Parameter objective: `nil` where another objective than the run's was measured.
    mutating func checkSameRun(
        objective: String?, optimizer: String, layout: ParameterLayout, against reader: borrowing RunFileReader
    ) {
        if let objective {
            check(
                "the objective is the run's", objective == reader.header.objective, at: "/objective",
                expected: String(reader.header.objective.prefix(60)), found: String(objective.prefix(60)))
        }
        check(
            "the optimizer is the run's", optimizer == reader.header.optimizer, at: "/optimizer",
            expected: String(reader.header.optimizer.prefix(60)), found: String(optimizer.prefix(60)))
        check(
            "the parameters are the run's", layout == reader.header.layout, at: "/parameters",
            expected: "\(reader.header.layout.blocks.count) blocks of \(reader.header.layout.count) parameters",
            found: "\(layout.blocks.count) of \(layout.count)")
    }

    /// The steps of the blocks are those between the saved iterates.
    mutating func checkBlockSteps(
        _ file: borrowing HDF5.File, _ start: EstimatesFileAccess.Start, against reader: borrowing RunFileReader
    ) throws {
        guard start.header.layout == reader.header.layout else { return }
        if reader.header.scalarName == Float.scalarName {
            try checkBlockSteps(file, start, reader, as: Float.self)
        } else {
            try checkBlockSteps(file, start, reader, as: Double.self)
        }
    }

    private mutating func checkBlockSteps<Scalar: ParameterScalar>(
        _ file: borrowing HDF5.File, _ start: EstimatesFileAccess.Start, _ reader: borrowing RunFileReader,
        as scalar: Scalar.Type
    ) throws {
        let blocks = start.header.layout.blocks
        var (iterate, next): ([Scalar], [Scalar]) = ([], [])
        for row in 0..<start.committedRows {
            let iteration = Int(try AnalysisFile.values(file, EstimatesSchema.iteration, row, [], as: Int64.self)[0])
            guard let saved = reader.plan.row(ofIteration: iteration), saved < reader.snapshotCount else { continue }
            let found = try AnalysisFile.values(
                file, EstimatesSchema.blockStepNorm, row, [blocks.count], as: Double.self)
            guard found.contains(where: { !$0.isNaN }) else { continue }
            try reader.iterate(row: saved, into: &iterate)
            try reader.nextIterate(row: saved, into: &next)
            for (index, block) in blocks.enumerated() {
                let expected = Scalar.squaredDistance(iterate, next, in: block.range).squareRoot()
                check(
                    "step norms of the blocks are the run's", RowCheck.agree(expected, found[index]),
                    at: "\(EstimatesSchema.blockStepNorm), row \(row), block \(block.name)", expected: "\(expected)",
                    found: "\(found[index])")
            }
        }
    }

    /// Recorded gradients give the same numbers again.
    mutating func checkRecorded(
        _ file: borrowing HDF5.File, _ start: EstimatesFileAccess.Start, against reader: borrowing RunFileReader
    ) throws {
        guard let subset = reader.fixedSubset, start.header.layout == reader.header.layout else { return }
        check(
            "the subset is the one that was recorded",
            subset.componentGroups == start.header.groups && subset.gammas + [1] == start.header.gammas,
            at: EstimatesSchema.components,
            expected: "\(subset.componentGroups.components.count) components, γ = \(subset.gammas + [1])",
            found: "\(start.header.components.count) components, γ = \(start.header.gammas), or other weights")
        guard subset.componentGroups == start.header.groups, subset.gammas + [1] == start.header.gammas else { return }
        if reader.header.scalarName == Float.scalarName {
            try checkRecorded(file, start, reader, as: Float.self)
        } else {
            try checkRecorded(file, start, reader, as: Double.self)
        }
    }

    private mutating func checkRecorded<Scalar: ParameterScalar & HDF5Scalar>(
        _ file: borrowing HDF5.File, _ start: EstimatesFileAccess.Start, _ reader: borrowing RunFileReader,
        as scalar: Scalar.Type
    ) throws {
        let header = start.header
        let rows = try RecordedRows<Scalar>(reader.path, layout: header.layout, isCancelled: { false })
        let losses = try reader.fixedSubsetLosses()
        let estimator = RecordedEstimate(
            layout: header.layout, gammas: header.gammas, groups: header.groups, mode: header.configuration.mode,
            machineEpsilon: Double(Scalar.ulpOfOne))
        for row in 0..<min(start.committedRows, reader.snapshotCount) {
            let stored = try EstimatesFileAccess.estimate(row: row, of: file, header: header, isChecked: false)
            let sums = try rows.sums(of: row..<(row + 1), workerCount: 1)[0]
            let expected = estimator.estimate(
                iteration: stored.iteration, sums, losses: losses.map { RecordedLosses($0[row]) })
            for field in EstimatesSchema.fields(header.extents) {
                for (a, b) in zip(field.values(of: expected), field.values(of: stored)) {
                    check(
                        "recorded gradients give these numbers", RowCheck.agree(a, b), at: "\(field.name), row \(row)",
                        expected: "\(a), from /fixed_subset of the run", found: "\(b)")
                }
            }
        }
    }
}
