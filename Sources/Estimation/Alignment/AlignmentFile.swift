import Essentials
import Evaluation
import HDF5
import ParameterSpace
import RunFiles

/// Holds what an alignment file says before its first row.
@dynamicMemberLookup
public struct AlignmentHeader: Sendable {
    /// Its members are the header's own: `header.runID`.
    public var root: AnalysisRoot
    /// JSON, as in the run file.
    public var objective: String
    /// JSON, as in the run file.
    public var optimizer: String
    /// With precision, batch sizes and unit filled in.
    public var configuration: AlignmentConfiguration
    public var layout: ParameterLayout
    /// The component indices that the configuration gives.
    public var components: [Int]
    public var componentWeights: [Double]
    /// m of the whole objective: the iterations of an epoch, where an iteration takes one component.
    public var componentCount: Int
    /// The rows of the run file, K of them.
    public var rows: [Int]
    /// One a batch size.
    public var partitions: [BatchPartition]
    /// Tells whether a file that is made with it has checksums.
    var hasChecksums = true

    public var rowCount: Int { rows.count }
    public var batchCount: Int { partitions.reduce(0) { $0 + $1.count } }
    /// The run's rows that the digest covers.
    var digestRows: Int { (rows.last ?? -1) &+ 1 }

    public subscript<Value>(dynamicMember member: KeyPath<AnalysisRoot, Value>) -> Value { root[keyPath: member] }

    /// The extents of one row of a dataset.
    func extents(_ field: AlignmentField) -> [Int] {
        field.extents(
            batchCount: batchCount, sizeCount: partitions.count, clipCount: configuration.clipNorms.count)
    }
}

/// Contains what reader, writer and verifier of alignment files share.
enum AlignmentFile {
    struct Start {
        var header: AlignmentHeader
        var committedRows: Int
    }

    // MARK: - Reading

    static func start(of file: borrowing HDF5.File) throws -> Start {
        try translating(.data, remedy: AnalysisFile.remedy) {
            let root = try AnalysisRoot(AlignmentSchema.file, of: file)
            let configuration = try AlignmentConfiguration(
                json: file.readString(AlignmentSchema.configuration), file: file.path)
            let weights = try file.dataset(AlignmentSchema.componentWeights).read(as: Double.self)
            let header = AlignmentHeader(
                root: root, objective: try file.readString(AlignmentSchema.objective),
                optimizer: try file.readString(AlignmentSchema.optimizer), configuration: configuration,
                layout: try ParameterTable.read(from: file),
                components: try integers(file, AlignmentSchema.components), componentWeights: weights,
                componentCount: try integers(file, AlignmentSchema.componentCount).first ?? 0,
                rows: try integers(file, AlignmentSchema.rows),
                partitions: try partitions(configuration, weights, file: file.path))
            return Start(
                header: header,
                committedRows: try AnalysisFile.committedRows(
                    of: file, AlignmentSchema.file, rowCount: header.rowCount))
        }
    }

    static func requireExtents(of file: borrowing HDF5.File, _ header: AlignmentHeader) throws {
        try translating(.data, remedy: AnalysisFile.remedy) {
            try AnalysisFile.requireExtents(
                [(AlignmentSchema.iteration, [header.rowCount]), (AlignmentSchema.status, [header.rowCount])]
                    + AlignmentSchema.fields.map { ($0.name, [header.rowCount] + header.extents($0)) }, of: file)
        }
    }

    private static func partitions(
        _ configuration: AlignmentConfiguration, _ weights: [Double], file: String
    ) throws -> [BatchPartition] {
        guard let sizes = configuration.batchSizes, let unit = configuration.unit, !weights.isEmpty else {
            throw SmoothnessError(
                .data, "does not say what was measured", file: file, object: AlignmentSchema.configuration,
                expected: "batch_sizes and unit, and components")
        }
        return try amendingErrors(
            { ($0.kind, $0.file) = (.data, file) },
            of: { try sizes.map { try BatchPartition(size: $0, unit: unit, componentWeights: weights) } })
    }

    static func integers(_ file: borrowing HDF5.File, _ path: String) throws -> [Int] {
        try file.dataset(path).read(as: Int64.self).map { Int($0) }
    }

    /// - Parameter isChecked: whether a row that is not what was written is refused, where there are checksums.
    static func row(
        _ index: Int, of file: borrowing HDF5.File, header: AlignmentHeader, isChecked: Bool = true
    ) throws -> AlignmentRow {
        var row = AlignmentRow(
            iteration: Int(try AnalysisFile.values(file, AlignmentSchema.iteration, index, [], as: Int64.self)[0]),
            partitions: header.partitions, clipNorms: header.configuration.clipNorms)
        let code = try AnalysisFile.values(file, AlignmentSchema.status, index, [], as: UInt8.self)[0]
        guard let status = AlignmentStatus(rawValue: code) else {
            throw SmoothnessError(
                .data, "row \(index) has no known status", file: file.path, object: AlignmentSchema.status,
                expected: "0 … \(AlignmentStatus.allCases.count - 1)", found: "\(code)")
        }
        row.status = status
        for field in AlignmentSchema.fields {
            let extents = header.extents(field)
            guard !extents.contains(0) else { continue }
            field.assign(try AnalysisFile.values(file, field.name, index, extents, as: Double.self), to: &row)
        }
        if isChecked, let table = try ChecksumTable(AlignmentSchema.checksums, of: file) {
            let found = checksums(of: row)
            for (name, expected) in zip(table.covers, try table.row(index)) {
                guard let found = found[name] else { continue }
                try ChecksumTable.require(found, is: expected, of: name, row: index, file: file.path)
            }
        }
        return row
    }

    /// The checksum of what every dataset has of a row.
    private static func checksums(of row: AlignmentRow) -> [String: UInt32] {
        let sums =
            [
                (AlignmentSchema.iteration, Checksum(of: [Int64(row.iteration)])),
                (AlignmentSchema.status, Checksum(of: [row.status.rawValue])),
            ] + AlignmentSchema.fields.map { ($0.name, Checksum(of: $0.values(of: row))) }
        return Dictionary(uniqueKeysWithValues: sums.map { ($0.0, $0.1.value) })
    }

    // MARK: - Writing

    static func write(_ row: AlignmentRow, at index: Int, header: AlignmentHeader, to file: borrowing HDF5.File) throws
    {
        try AnalysisFile.write([Int64(row.iteration)], to: file, AlignmentSchema.iteration, index, [])
        try AnalysisFile.write([row.status.rawValue], to: file, AlignmentSchema.status, index, [])
        for field in AlignmentSchema.fields {
            let extents = header.extents(field)
            guard !extents.contains(0) else { continue }
            try AnalysisFile.write(field.values(of: row), to: file, field.name, index, extents)
        }
        try ChecksumTable(AlignmentSchema.checksums, of: file)?.write(checksums(of: row), row: index)
    }

    /// Makes a whole alignment file with room for every row and none committed.
    static func create(at path: String, header: AlignmentHeader, isReplacing: Bool) throws {
        let blocks = header.layout.blocks.reduce(0) { $0 + $1.name.utf8.count + 128 }
        let fixed =
            16 * header.components.count + 8 * (header.batchCount + header.rowCount) + blocks
            + header.objective.utf8.count + header.optimizer.utf8.count + 128 * 1024
        try AnalysisFile.create(
            at: path, AlignmentSchema.file, root: header.root, byteCount: fixed + rowBytes(header),
            isReplacing: isReplacing
        ) { file in
            try AnalysisFile.describe(
                file, AlignmentSchema.commit, "committed rows",
                "a row of /alignment counts only if its index is below this")
            try writeDefinition(file, header)
            try writeBatches(file, header)
            try reserveRows(file, header)
            guard header.hasChecksums else { return }
            try ChecksumTable.create(
                AlignmentSchema.checksums, over: AlignmentSchema.rowDatasets, rows: header.rowCount, in: file)
            try DefinitionDigest.store(over: AlignmentSchema.definition, in: file)
        }
    }

    /// Bytes of the row datasets.
    static func rowBytes(_ header: AlignmentHeader) -> Int {
        let doubles = AlignmentSchema.fields.reduce(0) { $0 + header.extents($1).reduce(1, *) }
        return header.rowCount * (8 * doubles + 8 + 1 + 4 * AlignmentSchema.rowDatasets.count)
    }

    private static func writeDefinition(_ file: borrowing HDF5.File, _ header: AlignmentHeader) throws {
        try AnalysisFile.writeText(
            header.configuration.json(), to: file, AlignmentSchema.configuration, "configuration",
            "what was measured, JSON")
        try AnalysisFile.writeDescriptions(
            objective: (AlignmentSchema.objective, header.objective),
            optimizer: (AlignmentSchema.optimizer, header.optimizer), to: file)
        for (path, values, name, definition) in [
            (
                AlignmentSchema.components, header.components, "components",
                "the indices of the components of the subset S, increasing"
            ),
            (
                AlignmentSchema.componentCount, [header.componentCount], "component count",
                "how many components the whole objective has"
            ),
            (AlignmentSchema.rows, header.rows, "rows", "the rows of the run file, increasing"),
        ] { try AnalysisFile.writeValues(values.map { Int64($0) }, to: file, path, name, definition) }
        for (path, values, name, definition) in [
            (
                AlignmentSchema.componentWeights, header.componentWeights, "component weights",
                "the number of examples w_i of every component of the subset"
            ), (AlignmentSchema.clipNorms, header.configuration.clipNorms, "clip norms", "c, increasing"),
            (AlignmentSchema.levelsPath, AlignmentSchema.levels, "levels", "the levels of all quantiles"),
            (
                AlignmentSchema.edgesPath, AlignmentSchema.edges, "edges of the histogram",
                "a bin holds its lower end, the last bin also its upper end"
            ),
        ] { try AnalysisFile.writeValues(values, to: file, path, name, definition) }
        try ParameterTable.write(header.layout, to: file)
    }

    private static func writeBatches(_ file: borrowing HDF5.File, _ header: AlignmentHeader) throws {
        for group in AlignmentSchema.groups { try file.createGroup(group).close() }
        let partitions = header.partitions
        let offsets = partitions.indices.map { partitions[..<$0].reduce(0) { $0 + $1.count } }
        for (path, values, name, definition) in [
            (
                AlignmentSchema.batchSize, partitions.map(\.size), "batch sizes",
                "in the unit of /configuration, increasing"
            ),
            (
                AlignmentSchema.batchComponents, partitions.map(\.componentsPerBatch), "components of a batch",
                "how many consecutive components of /components are merged; the last batch may have fewer"
            ),
            (AlignmentSchema.batchCount, partitions.map(\.count), "batches", "m, the number of batches of every size"),
            (AlignmentSchema.batchOffset, offsets, "offsets", "where the batches of every size begin among all N"),
        ] { try AnalysisFile.writeValues(values.map { Int64($0) }, to: file, path, name, definition) }
        try AnalysisFile.writeValues(
            partitions.flatMap(\.weights), to: file, AlignmentSchema.batchWeights, "batch weights",
            "W_j, the number of examples of every batch of every size")
    }

    private static func reserveRows(_ file: borrowing HDF5.File, _ header: AlignmentHeader) throws {
        for field in AlignmentSchema.fields {
            let shape = [header.rowCount] + header.extents(field)
            try file.createDataset(field.name, of: Double.self, shape: shape).close()
            try AnalysisFile.describe(file, field.name, field.longName, field.definition)
        }
        try file.createDataset(AlignmentSchema.iteration, of: Int64.self, shape: [header.rowCount]).close()
        try AnalysisFile.describe(file, AlignmentSchema.iteration, "iteration", "k of x_k")
        try file.createDataset(AlignmentSchema.status, of: UInt8.self, shape: [header.rowCount]).close()
        let codes = AlignmentStatus.allCases.map { "\($0.rawValue) \($0.name)" }.joined(separator: ", ")
        try AnalysisFile.describe(file, AlignmentSchema.status, "status", codes)
    }
}

/// Reads an alignment file, also one that is still being written: rows at and beyond the commit counter are not there.
public struct AlignmentFileReader: ~Copyable {
    public let path: String
    public let header: AlignmentHeader
    public let committedRows: Int
    private let file: HDF5.File

    /// - Throws: `SmoothnessError`: `.noInput` for a missing file; `.data` for one that is not HDF5, not an alignment file, of a
    ///   newer major version or damaged.
    public init(_ path: String) throws {
        let file = try AnalysisFile.open(path, .readOnly, AlignmentSchema.file)
        let start = try AlignmentFile.start(of: file)
        try AlignmentFile.requireExtents(of: file, start.header)
        self.path = path
        (header, committedRows) = (start.header, start.committedRows)
        self.file = file
    }

    /// One committed row.
    public func row(_ index: Int) throws -> AlignmentRow {
        precondition((0..<committedRows).contains(index), "row \(index) is not committed")
        return try translating(.data, remedy: AnalysisFile.remedy) {
            try AlignmentFile.row(index, of: file, header: header)
        }
    }

    /// All committed rows.
    public func rows() throws -> [AlignmentRow] { try (0..<committedRows).map { try row($0) } }
}
