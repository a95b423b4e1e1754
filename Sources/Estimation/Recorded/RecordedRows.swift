import Dispatch
import Essentials
import HDF5
import ParameterSpace
import RunFiles
import Synchronization

/// Sums over the recorded vectors of rows, slice by slice: every byte of the file is read once or nearly so, and the memory does not depend on
/// the number of parameters. A row is summed by one thread in the order of its elements, so that its numbers do not depend on
/// how many threads there are, nor on what other rows are done with it.
final class RecordedRows<Scalar: ParameterScalar & HDF5Scalar>: Sendable {
    /// Bytes of a slice of one vector: four of them lie in the processor's second-level cache.
    private static var sliceBytes: Int { 1 << 17 }
    /// Rows that are summed together where the end of one is the beginning of the next: a sixteenth of the bytes is read twice then.
    private static var shared: Int { 16 }

    private let path: String
    private let vectors: RecordedVectors<Scalar>
    private let layout: ParameterLayout
    private let isCancelled: @Sendable () -> Bool
    private var subset: FixedSubset { vectors.subset }

    init(_ path: String, layout: ParameterLayout, isCancelled: @escaping @Sendable () -> Bool) throws {
        self.path = path
        vectors = try RecordedVectors(path)
        self.layout = layout
        self.isCancelled = isCancelled
    }

    var rowCount: Int { vectors.rowCount }

    /// How many rows a worker should be given at a time, so that there is something to do between two commits.
    var rowsPerWorker: Int {
        let bytes = 4 * max(1, subset.groupCount) * vectors.width * MemoryLayout<Scalar>.stride
        return max(vectors.sharesRows ? Self.shared : 1, min(64, (32 << 20) / max(1, bytes)))
    }

    /// The sums of committed rows, by as many threads as there are workers.
    func sums(of rows: Range<Int>, workerCount: Int) throws -> [RecordedSums] {
        let parts = max(1, min(workerCount, rows.count))
        let ends = (0...parts).map { rows.lowerBound + rows.count * $0 / parts }
        let found = Mutex([Result<[RecordedSums], any Error>?](repeating: nil, count: parts))
        DispatchQueue.concurrentPerform(iterations: parts) { part in
            let result = Result { try self.sums(of: ends[part]..<ends[part + 1]) }
            found.withLock { $0[part] = result }
        }
        return try found.withLock { try $0.flatMap { try $0?.get() ?? [] } }
    }

    private func sums(of rows: Range<Int>) throws -> [RecordedSums] {
        let length = vectors.sharesRows ? Self.shared : 1
        return try stride(from: rows.lowerBound, to: rows.upperBound, by: length).flatMap { first in
            try sumsTogether(first..<min(first + length, rows.upperBound))
        }
    }

    /// Slice after slice of all rows.
    private func sumsTogether(_ rows: Range<Int>) throws -> [RecordedSums] {
        let length = Self.sliceBytes / MemoryLayout<Scalar>.stride
        let (blockCount, gammaCount) = (layout.blocks.count, subset.gammas.count + 1)
        var sums = rows.map { _ in
            RecordedSums(blockCount: blockCount, gammaCount: gammaCount, groupCount: subset.groupWeights.count)
        }
        var running = rows.map { _ in [SliceSums](repeating: SliceSums(), count: gammaCount) }
        var means = GroupMeans<Scalar>(rows: rows, subset: subset, layout: layout)
        var buffers = RecordedBuffers<Scalar>(length: length, groupCount: subset.groupWeights.count)
        var block = 0
        for start in stride(from: 0, to: vectors.width, by: length) {
            guard !isCancelled() else { throw SmoothnessError(.interrupted, "interrupted") }
            let slice = start..<min(start + length, vectors.width)
            let first = block
            for row in rows {
                if row == rows.lowerBound || !vectors.sharesRows {
                    try buffers.readBase(of: row, slice, vectors)
                    means.compare(slice, .iterate, of: row, in: &buffers, from: first)
                } else {
                    buffers.takeEndAsBase()
                }
                for gamma in (0..<gammaCount) {
                    try buffers.readProbe(gamma, of: row, slice, vectors)
                    means.compare(
                        slice, gamma + 1 == gammaCount ? .nextIterate : .probe(gamma), of: row, in: &buffers,
                        from: first)
                    block = first
                    add(
                        slice, gamma, of: buffers, block: &block, running: &running[row - rows.lowerBound],
                        to: &sums[row - rows.lowerBound])
                }
            }
        }
        try means.require(path)
        return sums
    }

    /// Adds a slice to the sums of the blocks that it meets; those that end in it are finished.
    /// - Parameter block: the first of these blocks; becomes the first of the next slice.
    private func add(
        _ slice: Range<Int>, _ gamma: Int, of buffers: borrowing RecordedBuffers<Scalar>, block: inout Int,
        running: inout [SliceSums], to sums: inout RecordedSums
    ) {
        let isEnd = gamma == subset.gammas.count
        while block < layout.blocks.count, layout.blocks[block].range.lowerBound < slice.upperBound {
            let whole = layout.blocks[block].range
            let part = whole.clamped(to: slice)
            let local = (part.lowerBound - slice.lowerBound)..<(part.upperBound - slice.lowerBound)
            buffers.add(local, isEnd: isEnd, to: &running[gamma])
            if buffers.hasGroups {
                if gamma == 0 { buffers.addGroups(local, to: &sums.groups[block]) }
                buffers.addDifferences(local, to: &sums.differences[block][gamma])
            }
            guard whole.upperBound <= slice.upperBound else { return }
            sums.blocks[block].append(running[gamma].result)
            running[gamma] = SliceSums()
            block += 1
        }
    }
}

/// Holds the recorded gradients of some rows against the means of their groups, where there are groups.
private struct GroupMeans<Scalar: ParameterScalar & HDF5Scalar> {
    private let subset: FixedSubset
    private let layout: ParameterLayout
    private let rows: Range<Int>
    private let points: [RecordedPoint]
    /// [row][point][block]
    private var means: [[[GroupMean<Scalar>]]]

    init(rows: Range<Int>, subset: FixedSubset, layout: ParameterLayout) {
        (self.rows, self.subset, self.layout) = (rows, subset, layout)
        let points = [RecordedPoint.iterate, .nextIterate] + subset.gammas.indices.map { .probe($0) }
        let one = layout.blocks.map { _ in GroupMean<Scalar>(shares: subset.groupShares) }
        means = subset.groupWeights.isEmpty ? [] : rows.map { _ in points.map { _ in one } }
        self.points = points
    }

    /// Takes in a slice of what the buffers hold.
    /// - Parameter block: the first that the slice meets.
    mutating func compare(
        _ slice: Range<Int>, _ point: RecordedPoint, of row: Int, in buffers: inout RecordedBuffers<Scalar>,
        from block: Int
    ) {
        guard !means.isEmpty, let place = points.firstIndex(of: point) else { return }
        for index in block..<layout.blocks.count {
            let part = layout.blocks[index].range.clamped(to: slice)
            guard !part.isEmpty || layout.blocks[index].range.lowerBound < slice.upperBound else { return }
            let local = (part.lowerBound - slice.lowerBound)..<(part.upperBound - slice.lowerBound)
            buffers.compare(
                local, isBase: point == .iterate, into: &means[row - rows.lowerBound][place][index])
        }
    }

    /// - Throws: `SmoothnessError(.data)` for a gradient that is not the mean of its groups.
    func require(_ path: String) throws {
        for (row, means) in zip(rows, means) {
            for (point, blocks) in zip(points, means) {
                for (block, mean) in zip(layout.blocks, blocks) {
                    guard let flaw = mean.flaw else { continue }
                    throw SmoothnessError(
                        .data, "a recorded gradient is not the mean of its groups", file: path,
                        object: "\(subset.place(of: point, row: row)), block \(block.name)", expected: flaw.expected,
                        found: flaw.found, remedy: "See what else is: smoothness verify \(path)")
                }
            }
        }
    }
}

extension RecordedLosses {
    /// Those that the run file holds of a row.
    init(_ losses: FixedSubset.Losses) {
        self.init(atIterate: losses.atIterate, atProbes: losses.atProbes + [losses.atNextIterate])
    }
}
