import Foundation

/// How well one law describes the points, on the scale of L, for all laws alike.
public struct ModelScore: Sendable, Codable, Equatable {
    /// Which law, by the name of its prediction.
    public struct Model: RawRepresentable, Sendable, Hashable, Codable, CaseIterable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        /// All that are compared, in the order of reports.
        public static var allCases: [Model] { Law.predictors.compactMap(\.prediction?.model) }
    }

    public var model: Model
    /// The formula, for people.
    public var formula: String
    /// Fitted numbers, the residual variance not among them.
    public var parameters: Int
    /// n log(RSS/n) + (parameters + 1) log n with weighted residuals of L, for Gaussian errors of independent points; only
    /// differences mean something. `nil` where nothing is left over.
    public var bic: Double?
    /// `bic` less the smallest.
    public var bicDifference: Double?
    /// The root mean squared error of L, in its units, where the law was fitted without the points' stretch of the run and its
    /// neighbourhood.
    public var predictionError: Double?
    /// The mean squared error divided by that of the constant.
    public var relativeError: Double?
    /// The standard error, over the folds, of the difference of `relativeError` to that of the best law; 0 for the best.
    public var relativeDifferenceError: Double?
}

/// The comparison of laws by BIC and by cross-validation in blocks (Racine 2000, Journal of Econometrics 99, 39–61): consecutive
/// folds, and ℓ points on both sides of a fold are left out of the fit, so that neighbours do not tell the answer.
public struct ModelComparison: Sendable, Codable, Equatable {
    public var scores: [ModelScore]
    public var folds: Int
    /// Points left out on each side of a fold.
    public var gap: Int
}

/// How a law predicts L where it was not fitted.
struct LawPrediction: Sendable {
    typealias Fit = @Sendable (ComparisonWork, [Int]) -> ((Int) -> Double)?

    let model: ModelScore.Model
    let formula: @Sendable (FitOptions) -> String
    /// How many numbers are fitted.
    let parameters: @Sendable (FitOptions) -> Int
    /// Whether the points have what the law takes.
    let isPossible: @Sendable (ComparisonWork) -> Bool
    /// Fits to the points of the indices; the result gives L at any index.
    let fit: Fit

    init(
        _ model: ModelScore.Model, formula: @escaping @Sendable (FitOptions) -> String,
        parameters: @escaping @Sendable (FitOptions) -> Int,
        isPossible: @escaping @Sendable (ComparisonWork) -> Bool = { _ in true }, fit: @escaping Fit
    ) {
        (self.model, self.formula, self.parameters) = (model, formula, parameters)
        (self.isPossible, self.fit) = (isPossible, fit)
    }

    init(
        _ model: ModelScore.Model, _ formula: String, parameters: Int,
        isPossible: @escaping @Sendable (ComparisonWork) -> Bool = { _ in true }, fit: @escaping Fit
    ) {
        self.init(
            model, formula: { _ in formula }, parameters: { _ in parameters }, isPossible: isPossible, fit: fit)
    }
}

struct ComparisonWork {
    let points: SmoothnessPoints
    let weights: [Double]?
    let options: FitOptions
    /// Residuals in units of the largest L, so that no square overflows.
    private let scale: Double

    init(_ points: SmoothnessPoints, weights: [Double]?, options: FitOptions) {
        self.points = points
        self.weights = weights
        self.options = options
        scale = points.smoothness.max() ?? 1
    }

    func compare(blockLength: Int) -> ModelComparison {
        let count = points.count
        let folds = min(10, max(2, count / 3))
        let gap = min(blockLength, count / (2 * folds))
        let candidates = Law.predictors.compactMap(\.prediction).filter { $0.isPossible(self) }
        let ranges = (0..<folds).map { ($0 * count / folds)..<(($0 + 1) * count / folds) }
        let errors = candidates.map { candidate in
            ranges.map { foldError(candidate, $0, gap: gap) }
        }
        var scores = candidates.enumerated().map { place, candidate in
            ModelScore(
                model: candidate.model, formula: candidate.formula(options), parameters: candidate.parameters(options),
                bic: bic(candidate), predictionError: total(errors[place]).map { $0.squareRoot() * scale })
        }
        finish(&scores, errors, ranges)
        return ModelComparison(scores: scores, folds: folds, gap: gap)
    }

    /// Mean squared error over all points; `nil` where a fold could not be fitted.
    private func total(_ errors: [Double?]) -> Double? {
        let known = errors.compactMap(\.self)
        return known.count == errors.count ? known.reduce(0, +) / Double(points.count) : nil
    }

    private func finish(_ scores: inout [ModelScore], _ errors: [[Double?]], _ ranges: [Range<Int>]) {
        let least = scores.compactMap(\.bic).min()
        for place in scores.indices {
            scores[place].bicDifference = scores[place].bic.flatMap { bic in least.map { bic - $0 } }
        }
        guard let first = scores.firstIndex(where: { $0.model == .constant }), let constant = total(errors[first]),
            constant > 0
        else { return }
        let totals = errors.map(total)
        let best = totals.indices.filter { totals[$0] != nil }.min { totals[$0] ?? 0 < totals[$1] ?? 0 } ?? 0
        for place in scores.indices {
            guard let error = totals[place] else { continue }
            scores[place].relativeError = error / constant
            let differences = ranges.indices.map {
                ((errors[place][$0] ?? 0) - (errors[best][$0] ?? 0)) / Double(ranges[$0].count) / constant
            }
            scores[place].relativeDifferenceError =
                standardDeviation(differences) / Double(ranges.count).squareRoot()
        }
    }

    /// Σ squared residuals of the points of a fold.
    private func foldError(_ law: LawPrediction, _ fold: Range<Int>, gap: Int) -> Double? {
        let kept = points.gradientNorm.indices.filter { $0 < fold.lowerBound - gap || $0 >= fold.upperBound + gap }
        guard kept.count >= 3, let predict = law.fit(self, kept) else { return nil }
        let sum = fold.reduce(0) { sum, index in
            let residual = (points.smoothness[index] - predict(index)) / scale
            return sum + residual * residual
        }
        return sum.isFinite ? sum : nil
    }

    private func bic(_ law: LawPrediction) -> Double? {
        guard let predict = law.fit(self, Array(points.gradientNorm.indices)) else { return nil }
        let n = Double(points.count)
        let relative = weights.map { weights in weights.map { $0 / mean(weights) } }
        let sum = points.gradientNorm.indices.reduce(0) { sum, index in
            let residual = (points.smoothness[index] - predict(index)) / scale
            return sum + residual * residual * (relative?[index] ?? 1)
        }
        guard sum > 1e-26 * n, sum.isFinite else { return nil }
        return n * log(sum / n) + Double(law.parameters(options) + 1) * log(n)
    }

    func average(_ indices: [Int]) -> Double {
        var (sum, total) = (0.0, 0.0)
        for index in indices {
            let weight = weights?[index] ?? 1
            sum += weight * (points.smoothness[index] / scale)
            total += weight
        }
        return sum / total * scale
    }

    func line(_ regressor: [Double], _ indices: [Int]) -> ((Int) -> Double)? {
        guard
            let fitted = ScaledPoints(
                indices.map { regressor[$0] }, indices.map { points.smoothness[$0] },
                weights.map { weights in indices.map { weights[$0] } }
            )?.solve({ $0.leastSquares(isConstrained: true) })
        else { return nil }
        return { fitted(regressor[$0]) }
    }

    func law(_ indices: [Int], order: Double?, hasIntercept: Bool) -> ((Int) -> Double)? {
        guard
            let fitted = orderLaw(
                gradientNorm: indices.map { points.gradientNorm[$0] },
                smoothness: indices.map { points.smoothness[$0] },
                weights: weights.map { weights in indices.map { weights[$0] } }, order: order,
                hasIntercept: hasIntercept)
        else { return nil }
        return { fitted(points.gradientNorm[$0]) }
    }
}
