import ParameterSpace
import RunFiles

/// The steps of a run file; iterates are converted to `Scalar` on reading.
struct RunStepSource<Scalar: ParameterScalar>: StepSource, ~Copyable {
    let iterations: [Int]
    private let reader: RunFileReader

    /// - Parameter rowCount: how many of the committed rows to show; a run that still grows does not grow here.
    init(_ reader: consuming RunFileReader, rowCount: Int) throws {
        iterations = try reader.snapshots().prefix(rowCount).map(\.iteration)
        self.reader = reader
    }

    func readIterate(ofRow row: Int, into point: inout [Scalar]) throws { try reader.iterate(row: row, into: &point) }

    func readNextIterate(ofRow row: Int, into point: inout [Scalar]) throws {
        try reader.nextIterate(row: row, into: &point)
    }
}
