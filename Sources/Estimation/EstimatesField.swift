import ParameterSpace

/// G values of γ, N blocks, B groups of components.
struct RowExtents: Sendable, Hashable, Codable {
    var gammaCount: Int
    var blockCount: Int
    var groupCount: Int
    /// Whether there are numbers in another norm than the Euclidean one.
    var hasNorm: Bool
    /// Whether there are norms of the Hessian.
    var hasHessian: Bool
    /// Whether the products of gradient differences with the step are kept group by group.
    var isDirectional: Bool

    init(_ configuration: EstimationConfiguration, gammaCount: Int, blockCount: Int, groupCount: Int) {
        self.gammaCount = gammaCount
        self.blockCount = blockCount
        self.groupCount = groupCount
        hasNorm = configuration.norm != .euclidean
        hasHessian = configuration.direction == .hessian
        isDirectional = configuration.mode == .directional
    }
}

/// One dataset of numbers of the estimates file, and where its values lie in a row.
struct EstimatesField: Sendable {
    /// Which extents follow K, the number of rows.
    enum Content: Sendable {
        /// [K]
        case row(any WritableKeyPath<StepEstimate, Double> & Sendable)
        /// [K, G]
        case gamma(any WritableKeyPath<CurvePoint, Double> & Sendable)
        /// [K, N]
        case block(any WritableKeyPath<BlockEstimate, Double> & Sendable)
        /// [K, N, G]
        case blockGamma(any WritableKeyPath<ProbeSums, Double> & Sendable)
        /// [K, N, G]
        case blockNormed(any WritableKeyPath<NormedSums, Double> & Sendable)
        /// [K, B]
        case group(any WritableKeyPath<GroupBase, Double> & Sendable)
        /// [K, B, G]
        case groupGamma(any WritableKeyPath<GroupSums, Double> & Sendable)
        /// [K, B, G]: `groupProjections`
        case groupProjection
    }

    var name: String
    var longName: String
    var definition: String
    var content: Content

    init(_ name: String, _ longName: String, _ definition: String, _ content: Content) {
        self.name = name
        self.longName = longName
        self.definition = definition
        self.content = content
    }

    /// The extents of one row.
    func extents(_ extents: RowExtents) -> [Int] {
        switch content {
        case .row: []
        case .gamma: [extents.gammaCount]
        case .block: [extents.blockCount]
        case .blockGamma, .blockNormed: [extents.blockCount, extents.gammaCount]
        case .group: [extents.groupCount]
        case .groupGamma, .groupProjection: [extents.groupCount, extents.gammaCount]
        }
    }

    /// The values of one row, row-major.
    func values(of estimate: StepEstimate) -> [Double] {
        switch content {
        case .row(let path): [estimate[keyPath: path]]
        case .gamma(let path): estimate.curve.map { $0[keyPath: path] }
        case .block(let path): estimate.blocks.map { $0[keyPath: path] }
        case .blockGamma(let path): estimate.blockSums.flatMap { $0.map { $0[keyPath: path] } }
        case .blockNormed(let path): estimate.normedSums.flatMap { $0.map { $0[keyPath: path] } }
        case .group(let path): estimate.groups.map { $0[keyPath: path] }
        case .groupGamma(let path): estimate.groupDifferences.flatMap { $0.map { $0[keyPath: path] } }
        case .groupProjection: estimate.groupProjections.flatMap { $0 }
        }
    }

    /// Puts the values of one row back.
    func assign(_ values: [Double], to estimate: inout StepEstimate) {
        switch content {
        case .row(let path): estimate[keyPath: path] = values[0]
        case .gamma(let path): for index in values.indices { estimate.curve[index][keyPath: path] = values[index] }
        case .block(let path): for index in values.indices { estimate.blocks[index][keyPath: path] = values[index] }
        case .blockGamma(let path):
            let gammaCount = estimate.curve.count
            for index in values.indices {
                estimate.blockSums[index / gammaCount][index % gammaCount][keyPath: path] = values[index]
            }
        case .blockNormed(let path):
            let gammaCount = estimate.curve.count
            for index in values.indices {
                estimate.normedSums[index / gammaCount][index % gammaCount][keyPath: path] = values[index]
            }
        case .group(let path): for index in values.indices { estimate.groups[index][keyPath: path] = values[index] }
        case .groupGamma(let path):
            let gammaCount = estimate.curve.count
            for index in values.indices {
                estimate.groupDifferences[index / gammaCount][index % gammaCount][keyPath: path] = values[index]
            }
        case .groupProjection:
            let gammaCount = estimate.curve.count
            for index in values.indices {
                estimate.groupProjections[index / gammaCount][index % gammaCount] = values[index]
            }
        }
    }
}
