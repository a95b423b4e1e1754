import Essentials
import HDF5
import ParameterSpace

/// Checks the gradients on a fixed subset: everything that the format requires besides their extents.
extension RunVerifier {
    /// Elements of a vector that are read at a time.
    private static var sliceLength: Int { 1 << 15 }

    /// Every gradient is the mean of its groups, and what was not taken is NaN throughout.
    mutating func checkRecorded<Scalar: ParameterScalar & HDF5Scalar>(
        of reader: borrowing RunFileReader, as scalar: Scalar.Type
    ) throws {
        guard let subset = reader.fixedSubset else { return }
        let vectors = try RecordedVectors<Scalar>(reader)
        let losses = try reader.fixedSubsetLosses()
        let points = [RecordedPoint.iterate, .nextIterate] + subset.gammas.indices.map { .probe($0) }
        for row in 0..<min(vectors.rowCount, reader.snapshotCount) {
            for point in points {
                // The end of the row before, which was looked at there.
                if point == .iterate, row > 0, vectors.sharesRows { continue }
                let place = subset.place(of: point, row: row)
                let missing = try checkMean(vectors, reader.header.layout, point, row, place)
                guard let losses = losses?[row] else { continue }
                let loss =
                    switch point {
                    case .iterate: losses.atIterate
                    case .nextIterate: losses.atNextIterate
                    case .probe(let index): losses.atProbes[index]
                    }
                // A gradient that is NaN in some elements only has been taken; so may its loss have been.
                report.check(
                    "losses are there where gradients are",
                    missing == 0 ? !loss.isNaN : missing < vectors.width || loss.isNaN, at: place,
                    expected: missing == 0 ? "a loss, as there is a gradient" : "no loss, as there is no gradient",
                    found: "\(loss)")
            }
        }
    }

    /// - Returns: how many elements of the gradient are NaN or infinite.
    private mutating func checkMean<Scalar: ParameterScalar & HDF5Scalar>(
        _ vectors: borrowing RecordedVectors<Scalar>, _ layout: ParameterLayout, _ point: RecordedPoint, _ row: Int,
        _ place: String
    ) throws -> Int {
        let shares = vectors.subset.groupShares
        var missing = 0
        for block in layout.blocks {
            var mean = GroupMean<Scalar>(shares: shares)
            for start in stride(from: block.range.lowerBound, to: block.range.upperBound, by: Self.sliceLength) {
                let slice = start..<min(start + Self.sliceLength, block.range.upperBound)
                var values = Scalar.zeros(slice.count)
                var difference = [Double](repeating: 0, count: slice.count)
                try vectors.read(point.gradient, row: row, slice, into: &values)
                missing += Scalar.nonfiniteCount(values, in: 0..<slice.count)
                mean.begin(values, in: 0..<slice.count, difference: &difference)
                for group in shares.indices {
                    try vectors.read(point.gradient(ofGroup: group), row: row, slice, into: &values)
                    mean.add(values, ofGroup: group, in: 0..<slice.count, difference: &difference)
                }
                mean.end(in: 0..<slice.count, difference: difference)
            }
            guard !shares.isEmpty else { continue }
            report.check(
                "recorded gradients are the means of their groups", mean.flaw == nil,
                at: "\(place), block \(block.name)", expected: mean.flaw?.expected, found: mean.flaw?.found)
        }
        return missing
    }
}
