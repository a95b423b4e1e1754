import HDF5
import ParameterSpace
import RunFiles

/// Makes a whole estimates file with room for every row and none committed.
enum EstimatesFileSkeleton {
    /// - Throws: `SmoothnessError(.cannotCreate)`; nothing is left behind.
    static func create(at path: String, header: EstimatesHeader, isReplacing: Bool) throws {
        try AnalysisFile.create(
            at: path, EstimatesSchema.file, root: header.root, byteCount: byteCount(header), isReplacing: isReplacing
        ) { file in
            try AnalysisFile.describe(
                file, EstimatesSchema.commit, "committed rows",
                "a row of /estimates counts only if its index is below this")
            try writeDefinition(file, header)
            try header.live?.write(to: file)
            try reserveRows(file, header)
            guard header.hasChecksums else { return }
            try ChecksumTable.create(
                EstimatesSchema.checksums, over: EstimatesSchema.rowDatasets(header.extents), rows: header.rowCount,
                in: file)
            try DefinitionDigest.store(over: EstimatesSchema.definition, in: file)
        }
    }

    /// About what the file will take: rows and texts, and a generous share for its structure.
    static func byteCount(_ header: EstimatesHeader) -> Int {
        let rows = EstimationPlan.outputByteCount(
            rows: header.rowCount, header.extents)
        let blocks = header.layout.blocks.reduce(0) { $0 + $1.name.utf8.count + 128 }
        let checksums = 4 * header.rowCount * EstimatesSchema.rowDatasets(header.extents).count
        return rows + checksums + 8 * (header.live?.iterations.count ?? 0) + 16 * header.components.count + 8
            * header.gammas.count
            + blocks + header.objective.utf8.count
            + header.optimizer.utf8.count + 128 * 1024
    }

    private static func writeDefinition(_ file: borrowing HDF5.File, _ header: EstimatesHeader) throws {
        try AnalysisFile.writeText(
            header.configuration.json(), to: file, EstimatesSchema.configuration, "configuration",
            "what was measured, JSON")
        try AnalysisFile.writeDescriptions(
            objective: (EstimatesSchema.objective, header.objective),
            optimizer: (EstimatesSchema.optimizer, header.optimizer), to: file)
        for (path, values, name, definition) in [
            (
                EstimatesSchema.gammas, header.gammas, "gammas",
                "the fractions γ of the step that were probed, increasing"
            ),
            (
                EstimatesSchema.componentWeights, header.componentWeights, "component weights",
                "the number of examples w_i of every component of the subset"
            ),
            (
                EstimatesSchema.populationWeight, [header.groups.populationWeight], "population weight",
                "the number of examples of all components of the objective; the share f of the subset is its part of it"
            ),
            (
                EstimatesSchema.repeatability, [.nan], "repeatability",
                "the norm of the difference of two evaluations of ∇f_S at the first iterate where it is finite; NaN before that"
            ),
        ] { try AnalysisFile.writeValues(values, to: file, path, name, definition) }
        try AnalysisFile.writeValues(
            header.components.map { Int64($0) }, to: file, EstimatesSchema.components, "components",
            "the indices of the components of the subset S in the order in which they were drawn; the j-th, from 0, is in group j mod B"
        )
        try AnalysisFile.writeValues(
            [Int64(header.groups.count)], to: file, EstimatesSchema.groupCount, "groups",
            "B, the number of groups of components from whose spread the standard errors come")
        try ParameterTable.write(header.layout, to: file)
    }

    private static func reserveRows(_ file: borrowing HDF5.File, _ header: EstimatesHeader) throws {
        for group in EstimatesSchema.groups(header.extents) { try file.createGroup(group).close() }
        let (rows, gammaCount) = (header.rowCount, header.gammas.count)
        for field in EstimatesSchema.fields(header.extents) {
            let extents = field.extents(header.extents)
            try file.createDataset(field.name, of: Double.self, shape: [rows] + extents).close()
            try AnalysisFile.describe(file, field.name, field.longName, field.definition)
        }
        try file.createDataset(EstimatesSchema.iteration, of: Int64.self, shape: [rows]).close()
        try AnalysisFile.describe(file, EstimatesSchema.iteration, "iteration", "k of x_k")
        for count in EstimatesSchema.counts {
            try file.createDataset(count.name, of: Int64.self, shape: [rows]).close()
            try AnalysisFile.describe(file, count.name, count.longName, count.definition)
        }
        // Single bytes last, so that what comes before stays aligned.
        try file.createDataset(EstimatesSchema.status, of: UInt8.self, shape: [rows]).close()
        try file.createDataset(EstimatesSchema.curveStatus, of: UInt8.self, shape: [rows, gammaCount]).close()
        let codes = EstimateStatus.allCases.map { "\($0.rawValue) \($0.name)" }.joined(separator: ", ")
        try AnalysisFile.describe(file, EstimatesSchema.status, "status", codes)
        try AnalysisFile.describe(file, EstimatesSchema.curveStatus, "status at one gamma", codes)
    }
}
