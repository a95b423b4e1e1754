import ArgumentParser
import Essentials
import Estimation
import Fitting
import Reporting

/// The pictures that `plot` makes of one estimate.
enum EstimatePlotKind: String, ExpressibleByArgument, CaseIterable {
    case scatter, iterations, residuals, gamma, blocks

    /// The picture of lines of every kind but the scatter.
    func plot(of input: PointsInput, file: String, options: FitOptions, title: String) throws -> LinePlot {
        switch self {
        case .scatter: preconditionFailure("the scatter is no picture of lines")
        case .iterations: return try .iterations(input.points, title: title)
        case .residuals:
            let report = try naming(file) { try fit(input.points, options: options) }
            return try .residuals(input.points, report, title: title)
        case .gamma:
            let reader = try EstimatesFileReader(try origin(input, file).path)
            let curves = try (0..<reader.committedRows).map { row in
                try reader.estimate(row: row).curve.map(\.smoothness)
            }
            return try .band(gammas: reader.header.gammas, curves, title: title)
        case .blocks:
            let origin = try origin(input, file)
            return try .blocks(origin.blockNames, origin.blocks, title: title)
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
