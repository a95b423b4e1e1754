/// One dataset of numbers of the alignment file, and where its values lie in a row.
struct AlignmentField: Sendable {
    /// The extents that follow K, the number of rows.
    enum Content: Sendable {
        /// [K]
        case row(any WritableKeyPath<AlignmentRow, Double> & Sendable)
        /// [K, N], N batches of all sizes together
        case batch(any WritableKeyPath<AlignmentRow, [Double]> & Sendable)
        /// [K, B]
        case size(any WritableKeyPath<BatchAlignment, Double> & Sendable)
        /// [K, B, count]
        case sizeList(any WritableKeyPath<BatchAlignment, [Double]> & Sendable, count: Int)
        /// [K, B, C]
        case clip(any WritableKeyPath<ClippedAgreement, Double> & Sendable)
    }

    var name: String
    var longName: String
    var definition: String
    var content: Content

    init(_ name: String, _ longName: String, _ definition: String, _ content: Content) {
        self.name = "/alignment/" + name
        self.longName = longName
        self.definition = definition
        self.content = content
    }

    /// The extents of one row.
    func extents(batchCount: Int, sizeCount: Int, clipCount: Int) -> [Int] {
        switch content {
        case .row: []
        case .batch: [batchCount]
        case .size: [sizeCount]
        case .sizeList(_, let count): [sizeCount, count]
        case .clip: [sizeCount, clipCount]
        }
    }

    /// The values of one row, row-major.
    func values(of row: AlignmentRow) -> [Double] {
        switch content {
        case .row(let path): [row[keyPath: path]]
        case .batch(let path): row[keyPath: path]
        case .size(let path): row.batches.map { $0[keyPath: path] }
        case .sizeList(let path, _): row.batches.flatMap { $0[keyPath: path] }
        case .clip(let path): row.batches.flatMap { $0.clipped.map { $0[keyPath: path] } }
        }
    }

    /// Puts the values of one row back.
    func assign(_ values: [Double], to row: inout AlignmentRow) {
        switch content {
        case .row(let path): row[keyPath: path] = values[0]
        case .batch(let path): row[keyPath: path] = values
        case .size(let path): for index in values.indices { row.batches[index][keyPath: path] = values[index] }
        case .sizeList(let path, let count):
            for index in row.batches.indices {
                row.batches[index][keyPath: path] = Array(values[(index * count)..<((index + 1) * count)])
            }
        case .clip(let path):
            let count = row.batches[0].clipped.count
            for index in values.indices {
                row.batches[index / count].clipped[index % count][keyPath: path] = values[index]
            }
        }
    }
}

/// The names and meanings of everything in an alignment file, version 1.1; docs/alignment-file.md is the specification.
public enum AlignmentSchema {
    public static let format = "smoothness-alignment"
    public static let version = "1.1"
    static let file = AnalysisFormat(
        name: format, version: version, majorVersion: 1, noun: "an alignment file", commit: commit)

    /// The levels of all quantiles.
    public static let levels = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
    /// The ends of the histogram's 40 bins. Every bin holds its lower end, the last one its upper end too.
    public static let edges = (0...40).map { Double($0 - 20) / 20 }

    /// Counts in the bins.
    static func histogram(of cosines: [Double]) -> [Double] {
        var counts = [Double](repeating: 0, count: edges.count - 1)
        for cosine in cosines {
            // The bin by the edges themselves: a product would round.
            var bin = min(max(Int((cosine + 1) * 20), 0), counts.count - 1)
            if cosine < edges[bin] { bin -= 1 }
            if bin + 1 < counts.count, cosine >= edges[bin + 1] { bin += 1 }
            counts[bin] += 1
        }
        return counts
    }

    static let commit = "/commit"
    static let configuration = "/configuration"
    static let objective = "/objective"
    static let optimizer = "/optimizer"
    static let components = "/components"
    static let componentWeights = "/component_weights"
    static let componentCount = "/component_count"
    static let rows = "/rows"
    static let clipNorms = "/clip_norms"
    static let levelsPath = "/levels"
    static let edgesPath = "/cosine_edges"
    static let batchSize = "/batches/size"
    static let batchComponents = "/batches/components_per_batch"
    static let batchCount = "/batches/count"
    static let batchOffset = "/batches/offset"
    static let batchWeights = "/batches/weight"
    static let iteration = "/alignment/iteration"
    static let status = "/alignment/status"
    static let groups = ["/batches", "/alignment"]
    static let parameterDatasets = EstimatesSchema.parameterDatasets
    /// The table of checksums of the rows.
    static let checksums = "alignment"
    /// Lists the objects that the digest of the definition covers.
    static let definition: [String] =
        AnalysisRoot.definition + [
            configuration, objective, optimizer, components, componentWeights, componentCount, rows, clipNorms,
            levelsPath, edgesPath, batchSize, batchComponents, batchCount, batchOffset, batchWeights,
        ] + parameterDatasets
    /// The datasets of rows.
    static var rowDatasets: [String] { [iteration, status] + fields.map(\.name) }

    /// The datasets of Double, in the order in which they are written.
    static let fields: [AlignmentField] = [
        .init("loss", "loss", "f_S(x_k)", .row(\.loss)),
        .init("gradient_norm", "gradient norm", "‖∇f_S(x_k)‖, Euclidean, before any clipping", .row(\.gradientNorm)),
        .init(
            "inner_product", "inner product", "⟨g_j, ∇f_S⟩ of every batch j of every size, size after size",
            .batch(\.innerProducts)),
        .init("squared_norm", "squared norm", "‖g_j‖² of every batch j of every size", .batch(\.squaredNorms)),
        .init(
            "mean_cosine", "mean cosine", "Σ W_j cos θ_j / Σ W_j, θ_j the angle between g_j and ∇f_S",
            .size(\.meanCosine)),
        .init(
            "cosine_quantile", "quantiles of the cosines", "at /levels, linear between neighbours",
            .sizeList(\.cosineQuantiles, count: levels.count)),
        .init(
            "cosine_histogram", "histogram of the cosines", "number of batches in every bin between /cosine_edges",
            .sizeList(\.cosineHistogram, count: edges.count - 1)),
        .init(
            "negative_share", "share of negative cosines", "of the batches that have a cosine", .size(\.negativeShare)),
        .init("zero_count", "batches without a gradient", "their number; they have no cosine", .size(\.zeroCount)),
        .init(
            "leave_one_out_cosine", "mean cosine with the others",
            "Σ W_j cos φ_j / Σ W_j, φ_j the angle between g_j and the mean over all other batches",
            .size(\.leaveOneOutCosine)),
        .init(
            "leave_one_out_negative_share", "share of negative cosines with the others", "of the batches that have one",
            .size(\.leaveOneOutNegativeShare)),
        .init(
            "noise_cosine", "mean cosine of pure noise",
            "Σ W_j cos / Σ W_j with cos = W_j‖g_j‖ / √(Σ W_i²‖g_i‖²): batch gradients of these norms, all orthogonal; 1/√m for equal "
                + "ones", .size(\.noiseCosine)),
        .init("norm_ratio", "ratio of the norms", "m_g/M_g = min ‖g_j‖ / max ‖g_j‖", .size(\.normRatio)),
        .init(
            "norm_quantile", "quantiles of the norms", "of ‖g_j‖ at /levels, linear between neighbours",
            .sizeList(\.normQuantiles, count: levels.count)),
        .init(
            "beta_excess", "excess of the betas", "Σ W_jβ_j / Σ W_j − 1, β_j = ⟨g_j, ∇f_S⟩/‖∇f_S‖²: rounding only",
            .size(\.betaExcess)),
        .init("smallest_beta", "smallest beta", "min β_j", .size(\.smallestBeta)),
        .init("largest_beta", "largest beta", "max β_j", .size(\.largestBeta)),
        .init(
            "gradient_noise", "variance of an example's gradient",
            "tr Σ = (Σ W_j‖g_j‖² − W‖∇f_S‖²) / (m − 1), W = Σ W_j",
            .size(\.gradientNoise)),
        .init("noise_scale", "gradient noise scale", "tr Σ / ‖∇f_S‖², in examples", .size(\.noiseScale)),
        .init(
            "noise_scale_unbiased", "gradient noise scale without bias",
            "tr Σ / (‖∇f_S‖² − tr Σ/W); NaN where the gradient is below the noise", .size(\.unbiasedNoiseScale)),
        .init(
            "clipped_agreement", "clipped agreement",
            "m Σ W_jγ_jβ_j / Σ W_j, γ_j = min(1, c/‖g_j‖), for every c of /clip_norms (Qian et al. 2021, eq. 23)",
            .clip(\.agreement)),
        .init(
            "agreement_bound", "bound of the clipped agreement",
            "m min(c·mean_cosine, norm_ratio·‖∇f_S‖) / ‖∇f_S‖ (eq. 33); NaN where a cosine is negative or missing, as (A3) then fails",
            .clip(\.bound)),
        .init("clipped_share", "share of clipped batches", "‖g_j‖ > c", .clip(\.clippedShare)),
    ]
}
