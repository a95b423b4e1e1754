import Analysis
import ArgumentParser
import Essentials
import Estimation
import Fitting
import Reporting

/// The pictures that `plot` makes of one estimate.
enum EstimatePlotKind: String, ExpressibleByArgument, CaseIterable {
    case scatter, iterations, residuals, gamma, blocks, subsets

    /// The picture of one estimate, of every kind that is one of lines.
    func plot(of input: PointsInput, file: String, options: FitOptions, title: String) throws -> LinePlot {
        switch self {
        case .scatter, .subsets: preconditionFailure("no picture of the lines of one estimate")
        case .iterations: return try .iterations(input.points, title: title)
        case .residuals:
            let report = try naming(file) { try fit(input.points, options: options) }
            return try .residuals(input.points, report, title: title)
        case .gamma:
            let reader = try EstimatesFileReader(try origin(input, file).path)
            let estimates = try reader.estimates()
            return try .band(
                gammas: reader.header.gammas, estimates.map { $0.curve.map(\.smoothness) },
                errors: estimates.map { $0.curve.map(\.smoothnessError) }, title: title)
        case .blocks:
            let origin = try origin(input, file)
            return try .blocks(origin.blockNames, origin.blocks, options: options, title: title)
        }
    }

    private func origin(_ input: PointsInput, _ file: String) throws -> EstimatesOrigin {
        guard let origin = input.origin else {
            throw SmoothnessError(
                .data, "a CSV of points holds neither curves over γ nor blocks", file: file,
                expected: "an estimates file or a run file")
        }
        return origin
    }
}
