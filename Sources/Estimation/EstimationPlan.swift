import Evaluation
import ParameterSpace

/// What an estimate will do and what it will take, known before the first gradient.
public struct EstimationPlan: Sendable, Hashable, Codable {
    public typealias Disposition = AnalysisDisposition

    public var run: String
    public var output: String
    public var disposition: Disposition
    /// K, the rows of the estimates file.
    public var rowCount: Int
    /// Those that are there already.
    public var committedRows: Int
    /// Rows that the run has beyond K because it grew after the estimate had begun.
    public var uncoveredRows: Int
    public var parameterCount: Int
    public var blockCount: Int
    public var gammas: [Double]
    /// How many components are in the subset.
    public var subsetSize: Int
    /// m
    public var componentCount: Int
    public var precision: Precision
    /// Gradients ∇f_S still to evaluate, at most: those of rows that turn out to have no step are not.
    public var subsetGradientCount: Int
    /// Gradients of single components still to evaluate, at most.
    public var componentGradientCount: Int
    /// Of the estimates file, nearly.
    public var outputBytes: Int
    /// Of the parameter vectors that the estimate holds; the objective needs its own memory besides.
    public var workspaceBytes: Int

    enum CodingKeys: String, CodingKey {
        case run, output, disposition, gammas, precision
        case rowCount = "row_count"
        case committedRows = "committed_rows"
        case uncoveredRows = "uncovered_rows"
        case parameterCount = "parameter_count"
        case blockCount = "block_count"
        case subsetSize = "subset_size"
        case componentCount = "component_count"
        case subsetGradientCount = "subset_gradient_count"
        case componentGradientCount = "component_gradient_count"
        case outputBytes = "output_bytes"
        case workspaceBytes = "workspace_bytes"
    }

    /// Gradients for `rows` rows: one for each γ, and one at x_k where the row before has not left it. The first row takes
    /// one more for the repeatability probe.
    static func gradientCount(rows: Int, gammaCount: Int, isShared: Bool, isProbed: Bool) -> Int {
        guard rows > 0 else { return 0 }
        return rows * gammaCount + (isShared ? 1 : rows) + (isProbed ? 0 : 1)
    }

    /// What a file takes besides its rows: HDF5's objects, attributes and the texts of the run, measured on small ones.
    static var structureBytes: Int { 54_000 }

    /// Bytes of the row datasets.
    static func outputByteCount(rows: Int, _ extents: RowExtents) -> Int {
        let doubles = EstimatesSchema.fields(extents).reduce(0) { $0 + $1.extents(extents).reduce(1, *) }
        return rows * (8 * (doubles + EstimatesSchema.counts.count) + 8 + 1 + extents.gammaCount)
    }
}
