import Estimation
import Fitting

extension SmoothnessPoints {
    /// The points of a fit from the table of an estimates file.
    public init(_ rows: [EstimateRow]) {
        self.init(
            iteration: rows.map(\.iteration), gradientNorm: rows.map(\.gradientNorm),
            smoothness: rows.map(\.smoothness), effectiveLearningRate: rows.map(\.effectiveLearningRate),
            stepNorm: rows.map(\.stepNorm), belowFloor: rows.map(\.isBelowFloor), loss: rows.map(\.loss),
            gradientNormError: Self.errors(rows.map(\.gradientNormError)),
            smoothnessError: Self.errors(rows.map(\.smoothnessError)))
    }

    /// The points of a fit from whole rows, with the largest gradient norm of every segment.
    public init(_ estimates: [StepEstimate]) {
        self.init(estimates.map(EstimateRow.init))
        // In another norm than the Euclidean one the gradients on the way are not kept in it.
        guard !estimates.contains(where: \.isNormed) else { return }
        segmentGradientNorm = estimates.map { estimate in
            // `max` would pass over a NaN.
            let norms = [estimate.gradientNorm] + estimate.curve.map(\.gradientNorm)
            return norms.allSatisfy(\.isFinite) ? norms.max() ?? .nan : .nan
        }
    }

    /// The points of every block of the parameters: the norms of its part of the gradient and of the step.
    public static func blocks(_ estimates: [StepEstimate], count: Int) -> [SmoothnessPoints] {
        (0..<count).map { block in
            let parts = estimates.map { $0.blocks[block] }
            let norms = parts.map(\.gradientNormAsked.value)
            let steps = parts.map { $0.normed.stepNorm.isNaN ? $0.stepNorm : $0.normed.stepNorm }
            return SmoothnessPoints(
                iteration: estimates.map(\.iteration), gradientNorm: norms, smoothness: parts.map(\.smoothness),
                effectiveLearningRate: zip(steps, norms).map { $1 > 0 ? $0 / $1 : .nan }, stepNorm: steps,
                belowFloor: estimates.map { $0.status == .belowFloor }, loss: estimates.map(\.loss),
                gradientNormError: errors(parts.map(\.gradientNormAsked.error)),
                smoothnessError: errors(parts.map(\.smoothnessError)))
        }
    }

    /// `nil` where no row has an error, as with a single group of components.
    private static func errors(_ values: [Double]) -> [Double]? { values.contains(where: \.isFinite) ? values : nil }
}

extension EstimatesFileReader {
    /// All committed rows in full.
    public func estimates() throws -> [StepEstimate] { try (0..<committedRows).map { try estimate(row: $0) } }
}
