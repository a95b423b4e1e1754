import Fitting
import Foundation

/// A kind of trajectory on which intervals are tried; L1 is ½.
public struct CoverageSetting: Sendable {
    public var count: Int
    /// φ of log g and of the log of the noise.
    public var memory: (gradient: Double, noise: Double)
    public var intercept: Double

    public init(_ count: Int, _ gradientMemory: Double, _ noiseMemory: Double, intercept: Double) {
        self.count = count
        memory = (gradientMemory, noiseMemory)
        self.intercept = intercept
    }

    public static let slope = 0.5

    /// The settings of docs/method.md.
    public static let documented: [CoverageSetting] = [
        (100, 0, 0), (100, 0.7, 0.7), (200, 0.8, 0.8), (300, 0, 0), (300, 0.7, 0.7), (300, 0.95, 0.9),
        (1000, 0.7, 0.7), (1000, 0.95, 0.9),
    ].flatMap { count, gradient, noise in
        [1.0, 0].map { CoverageSetting(count, gradient, noise, intercept: $0) }
    }

    func points(seed: UInt64, index: Int) -> SmoothnessPoints {
        Simulation.trajectory(
            count, intercept: intercept, slope: Self.slope, gradientMemory: memory.gradient,
            noiseMemory: memory.noise, seed: seed, index: index)
    }
}

/// The numbers whose intervals are tried.
public enum CoveredNumber: String, CaseIterable, Sendable {
    case leastSquaresL0 = "L0"
    case leastSquaresL1 = "L1"
    case theilSenL0 = "Theil–Sen L0"
    case theilSenL1 = "Theil–Sen L1"
    case expectileL0 = "expectile L0"
    case expectileL1 = "expectile L1"
    case quantileL0 = "quantile L0"
    case quantileL1 = "quantile L1"
    case powerExponent = "ρ"
    case errorsExponent = "ρ, errors in both"
    case order = "order ρ"
    case constant = "constant"

    func estimate(_ report: FitReport) -> Estimate? {
        switch self {
        case .leastSquaresL0: report.leastSquares.intercept
        case .leastSquaresL1: report.leastSquares.slope
        case .theilSenL0: report.theilSen.intercept
        case .theilSenL1: report.theilSen.slope
        case .expectileL0: report.expectile.intercept
        case .expectileL1: report.expectile.slope
        case .quantileL0: report.quantile.intercept
        case .quantileL1: report.quantile.slope
        case .powerExponent: report.powerLaw.exponent
        case .errorsExponent: report.powerLawWithErrors?.exponent
        case .order: report.order?.order
        case .constant: report.constant
        }
    }
}

/// How often 95 % intervals hold the true value.
public struct CoverageStudy: Sendable {
    public var shares: [CoveredNumber: Double]
    public var meanBlockLength: Double

    public init(
        _ setting: CoverageSetting, runs: Int, scheme: BootstrapScheme = .movingBlocks, replicates: Int = 400,
        seed: UInt64 = 77, truth: [CoveredNumber: Double]
    ) throws {
        var hits: [CoveredNumber: Int] = [:]
        var length = 0
        var options = FitOptions(replicates: replicates)
        options.scheme = scheme
        for index in 0..<runs {
            let report = try fit(setting.points(seed: seed, index: index), options: options)
            length += report.bootstrap.blockLength
            for (number, value) in truth {
                guard let found = number.estimate(report), let lower = found.lower, let upper = found.upper else {
                    continue
                }
                if lower <= value && value <= upper { hits[number, default: 0] += 1 }
            }
        }
        shares = truth.keys.reduce(into: [:]) { $0[$1] = Double(hits[$1] ?? 0) / Double(runs) }
        meanBlockLength = Double(length) / Double(runs)
    }

    /// L0 and L1 of least squares, which are known.
    public static func leastSquaresTruth(intercept: Double) -> [CoveredNumber: Double] {
        [.leastSquaresL0: intercept, .leastSquaresL1: CoverageSetting.slope]
    }

    /// What every method finds on a million independent points of the same distribution, but for least squares, which is known.
    public static func truth(intercept: Double) throws -> [CoveredNumber: Double] {
        let many = Simulation.trajectory(
            1_000_000, intercept: intercept, slope: CoverageSetting.slope, gradientMemory: 0, noiseMemory: 0, seed: 1,
            index: 0)
        let report = try fit(many, options: FitOptions(replicates: 0))
        var truth = leastSquaresTruth(intercept: intercept)
        for number in CoveredNumber.allCases where truth[number] == nil {
            truth[number] = number.estimate(report)?.value
        }
        return truth
    }
}
