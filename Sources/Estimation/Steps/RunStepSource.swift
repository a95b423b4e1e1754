import Essentials
import ParameterSpace
import RunFiles

/// The steps of a run file; iterates are converted to `Scalar` on reading. What the file says against itself is refused here, so
/// that no estimate is made of a damaged one: iterations that do not ascend, and steps that are not as long as the run's.
struct RunStepSource<Scalar: ParameterScalar>: StepSource, ~Copyable {
    let iterations: [Int]
    /// The run's own step norms, the check on its rows.
    private let stepNorms: [Double]
    private let path: String
    /// Whether iterates lose nothing on their way into `Scalar`.
    private let isExact: Bool
    private let reader: RunFileReader

    /// - Parameter rowCount: how many of the committed rows to show; a run that still grows does not grow here.
    init(_ reader: consuming RunFileReader, rowCount: Int) throws {
        let rows = try reader.snapshots().prefix(rowCount)
        iterations = try Self.ascending(rows.map(\.iteration), path: reader.path)
        stepNorms = rows.map(\.stepNorm)
        path = reader.path
        isExact = reader.header.scalarName == Scalar.scalarName || Scalar.scalarName == Double.scalarName
        self.reader = reader
    }

    private static func ascending(_ iterations: [Int], path: String) throws -> [Int] {
        guard let row = zip(iterations, iterations.dropFirst()).enumerated().first(where: { $1.0 >= $1.1 })?.offset
        else { return iterations }
        throw damage(
            path, "/trajectory/iteration, row \(row + 1)", expected: "more than \(iterations[row])",
            found: "\(iterations[row + 1])")
    }

    /// Holds the step of a row against the norm that the run stored for it.
    /// - Throws: `SmoothnessError(.data)` where they differ by more than rounding.
    func check(stepNorm: Double, ofRow row: Int) throws {
        let expected = stepNorms[row]
        guard isExact, stepNorm.isFinite, expected.isFinite, abs(stepNorm - expected) > 1e-12 * stepNorm else { return }
        throw Self.damage(
            path, "/trajectory/step_norm, row \(row)", expected: "\(stepNorm), from the stored iterates",
            found: "\(expected)"
        )
    }

    private static func damage(
        _ path: String, _ object: String, expected: String, found: String
    ) -> SmoothnessError {
        SmoothnessError(
            .data, "the file is damaged", file: path, object: object, expected: expected, found: found,
            remedy: "See what else is: smoothness verify \(Escaping.shell(path: path))")
    }

    func readIterate(ofRow row: Int, into point: inout [Scalar]) throws { try reader.iterate(row: row, into: &point) }

    func readNextIterate(ofRow row: Int, into point: inout [Scalar]) throws {
        try reader.nextIterate(row: row, into: &point)
    }
}
