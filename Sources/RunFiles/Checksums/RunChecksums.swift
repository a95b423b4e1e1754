import Essentials
import HDF5
import ParameterSpace

/// The tables of checksums of a run file.
struct RunChecksums: ~Copyable {
    /// One row a row of `/trajectory`.
    private let trajectory: ChecksumTable?
    /// What belongs to x_k and has one row more, as x_{k+1} of a row is x_k of the next.
    private let points: ChecksumTable?
    private let history: ChecksumTable?
    private let evaluation: ChecksumTable?
    private let resume: ChecksumTable?

    // MARK: - Writing

    /// The checksums of a row by the names of datasets: of its own, of x_k in the first row, and of x_{k+1} as the next row of what x_k has.
    struct RowSums: Sendable {
        fileprivate var own: [String: UInt32]
        fileprivate var first: [String: UInt32] = [:]
        fileprivate var next: [String: UInt32] = [:]
    }

    /// The datasets that have one row more than there are steps.
    var pointPaths: [String] {
        switch points {
        case .some(let table): table.covers
        case .none: []
        }
    }

    /// Takes the checksums of a row, for which no file is needed.
    /// - Parameter pointPaths: the datasets that have one row more than there are steps.
    static func sums<Scalar: ParameterScalar>(
        _ record: SnapshotRecord, isFirst: Bool, iterate: [Scalar], nextIterate: [Scalar], gradient: [Scalar]?,
        fixedSubset: FixedSubsetRow<Scalar>?, pointPaths: [String]
    ) -> RowSums {
        var sums = RowSums(
            own: Dictionary(
                uniqueKeysWithValues: zip(IterationRecord.columns.map { "/trajectory/" + $0 }, record.values.checksums))
        )
        sums.own[RunFilePath.iteration] = Checksum(of: [Int64(record.iteration)]).value
        if let gradient { sums.own[RunFilePath.gradient] = Checksum(of: gradient).value }
        /// What belongs to x_k and what belongs to x_{k+1}, which may be the next row of the same.
        func add<Element: BitwiseCopyable>(_ group: String, _ name: String, _ here: [Element], _ there: [Element]) {
            if pointPaths.contains(group + name) {
                if isFirst { sums.first[group + name] = Checksum(of: here).value }
                sums.next[group + name] = Checksum(of: there).value
            } else {
                sums.own[group + name] = Checksum(of: here).value
                sums.own[group + "next_" + name] = Checksum(of: there).value
            }
        }
        add("/trajectory/", "iterate", iterate, nextIterate)
        if let fixedSubset {
            add("/fixed_subset/", "gradient", fixedSubset.gradient, fixedSubset.nextGradient)
            if let losses = fixedSubset.losses {
                add("/fixed_subset/", "loss", [losses.atIterate], [losses.atNextIterate])
            }
        }
        return sums
    }

    func write(_ sums: RowSums, row: Int) throws {
        if row == 0 { try points?.write(sums.first, row: 0) }
        try points?.write(sums.next, row: row + 1)
        try trajectory?.write(sums.own, row: row)
    }

    func write(_ records: [IterationRecord], from row: Int) throws {
        try history?.write(records.map(\.checksums), from: row)
    }

    func write(_ record: EvaluationRecord, row: Int) throws {
        let numbers = [
            ("epoch", Checksum(of: [Int64(record.epoch)])), ("iteration", Checksum(of: [Int64(record.iteration)])),
            ("training_loss", Checksum(of: [record.trainingLoss])),
            ("validation_loss", Checksum(of: [record.validationLoss])), ("metric", Checksum(of: [record.metric])),
        ]
        let sums = numbers.map { ("/history/evaluation/" + $0.0, $0.1.value) }
        try evaluation?.write(Dictionary(uniqueKeysWithValues: sums), row: row)
    }

    func write<Scalar: ParameterScalar>(_ point: ResumePoint<Scalar>, slot: Int) throws {
        try resume?.write(
            [
                RunFilePath.resumeIteration: Checksum(of: [Int64(point.iteration)]).value,
                RunFilePath.resumeEvaluationCount: Checksum(of: [Int64(point.evaluationCount)]).value,
                RunFilePath.resumeIterate: Checksum(of: point.iterate).value,
                RunFilePath.resumeMomentum: Checksum(of: point.momentum).value,
                RunFilePath.resumeSecondMoment: Checksum(of: point.secondMoment).value,
                RunFilePath.resumeAverage: Checksum(of: point.average).value,
            ], row: slot)
    }

    // MARK: - Reading

    /// Refuses a vector of a row that is not what was written.
    func require<Scalar: ParameterScalar>(_ vector: [Scalar], are path: String, row: Int) throws {
        try translating(.data) {
            try points?.require(vector, are: path, row: row)
            try trajectory?.require(vector, are: path, row: row)
        }
    }
}

extension RunChecksums {
    /// `nil` where the file has no checksums, or they are not wanted.
    init?(_ file: borrowing File, isWanted: Bool = true) throws {
        guard try isWanted && file.exists(ChecksumPath.group) else { return nil }
        self.init(
            trajectory: try ChecksumTable("trajectory", of: file), points: try ChecksumTable("points", of: file),
            history: try ChecksumTable("history", of: file), evaluation: try ChecksumTable("evaluation", of: file),
            resume: try ChecksumTable("resume", of: file))
    }

    /// What the digest of the definition is over, as far as a file has it.
    static var definition: [String] {
        let root = ["format", "format_version", "run_id", "created", "software", "software_version", "hdf5_version"]
        let fixed = ["gamma", "group_weight", "component", "component_weight", "population_weight"]
        var paths = root.map { "/@" + $0 }
        paths += [
            RunFilePath.objective, RunFilePath.optimizer, RunFilePath.parameterName, RunFilePath.parameterShape,
            RunFilePath.parameterOffset, RunFilePath.parameterCount, RunFilePath.metric + "@metric_name",
            RunFilePath.gradient + "@clipping", RunFilePath.gradient + "@examples",
            RunFilePath.fixedSubset + "@subset", RunFilePath.fixedSubset + "@evaluation",
        ]
        for group in ["/history/", "/trajectory/"] {
            paths += ["loss", "gradient_norm", "learning_rate", "clipped"].map { group + $0 + "@recorded" }
        }
        return paths + fixed.map { FixedSubset.path($0) }
    }

    /// The tables over all datasets of rows that a run file has.
    static func definitions(over rows: [DatasetDefinition], _ subset: FixedSubset?) -> [DatasetDefinition] {
        var covered: [String: [DatasetDefinition]] = [:]
        let steps = rows.first { $0.path == RunFilePath.iteration }?.shape[0] ?? 0
        for definition in rows {
            guard let table = table(of: definition, steps: steps, subset) else { continue }
            covered[table, default: []].append(definition)
        }
        return covered.sorted { $0.key < $1.key }.map { table, definitions in
            ChecksumTable.definition(table, over: definitions.map(\.path), rows: definitions[0].shape[0])
        }
    }

    /// The table to which a dataset belongs; `nil` for one that has no rows.
    private static func table(of definition: DatasetDefinition, steps: Int, _ subset: FixedSubset?) -> String? {
        let parts = definition.path.split(separator: "/").map(String.init)
        guard !definition.shape.isEmpty else { return nil }
        switch (parts[0], parts.count) {
        case ("history", 2): return "history"
        case ("history", _): return "evaluation"
        case ("resume", _): return "resume"
        case ("fixed_subset", _) where !(subset?.hasRows(parts[1]) ?? false): return nil
        default: return definition.shape[0] == steps ? "trajectory" : "points"
        }
    }
}

extension FixedSubset {
    /// Whether a dataset of the group has a row for every step or point.
    func hasRows(_ name: String) -> Bool {
        ["loss", "next_loss", "probe_loss"].contains(name) || vectors.contains { $0.name == name }
    }
}

extension IterationRecord {
    /// In the order in which the layout of a run file has them.
    static let columns = ["loss", "gradient_norm", "step_norm", "learning_rate", "clipped", "status"]

    /// Of every number, in the order of `columns`.
    var checksums: [UInt32] {
        [loss, gradientNorm, stepNorm, learningRate].map { Checksum(of: [$0]).value }
            + [clipped ? 1 : 0, status.rawValue].map { Checksum(of: [$0 as UInt8]).value }
    }
}

extension RunVerifier {
    mutating func checkChecksums(of reader: borrowing RunFileReader) {
        let (snapshots, iterations, evaluations) = (reader.snapshotCount, reader.iterationCount, reader.evaluationCount)
        let isComplete = reader.header.state == .complete
        let hasResume = (try? reader.file.exists("/resume")) ?? false
        report.checkChecksums(
            of: reader.file,
            rows: { table in
                switch table {
                case "trajectory": Array(0..<snapshots)
                case "points": Array(0..<(snapshots > 0 ? snapshots + 1 : 0))
                case "history": Array(0..<iterations)
                case "evaluation": Array(0..<evaluations)
                // Now, as a writer that is at work may have come further.
                case "resume": try Self.wholeSlots(of: reader.file, isComplete: isComplete)
                default: nil
                }
            }, required: requiredChecksums(of: reader, hasResume: hasResume))
    }

    /// The slots of `/resume` that are whole: the one that counts, and of a writer that has ended the other, too.
    private static func wholeSlots(of file: borrowing File, isComplete: Bool) throws -> [Int] {
        let count = try CommitCounter.open(in: file, at: RunFilePath.resumeCommit).read()
        return count == 0 ? [] : isComplete && count > 1 ? [0, 1] : [(count - 1) % 2]
    }

    /// The datasets of rows that the file has.
    private func requiredChecksums(of reader: borrowing RunFileReader, hasResume: Bool) -> [String] {
        var extents = reader.plan.extents
        extents.isConsecutive = reader.isConsecutive
        extents.fixedSubset = reader.fixedSubset
        extents.hasChecksums = false
        let scalar = reader.header.scalarName == Double.scalarName ? ScalarType.float64 : .float32
        let rows = RunFileLayout(extents, parameterCount: reader.header.layout.count, scalar: scalar).rows
        return RunChecksums.definitions(over: rows, reader.fixedSubset).filter {
            hasResume || $0.path != ChecksumPath.table("resume")
        }.flatMap { $0.attributes[ChecksumPath.covers]?.split(separator: "\n").map(String.init) ?? [] }
    }
}
