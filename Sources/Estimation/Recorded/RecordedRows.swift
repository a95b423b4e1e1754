import Dispatch
import Essentials
import HDF5
import ParameterSpace
import RunFiles
import Synchronization

/// The sums over the vectors of one row, from which everything else follows.
struct RecordedSums: Sendable {
    /// [block][γ]; at every γ also ‖g₀‖² and ⟨g₀, g⟩.
    var blocks: [[(baseSquared: Double, product: Double, probe: ProbeSums)]]
    /// ‖g_b‖² and ⟨g_b, g₀⟩ at x_k: [block][group]
    var groups: [[GroupSums]]
    /// ‖Δ_b‖² and ⟨Δ_b, Δ⟩: [block][γ][group]
    var differences: [[[GroupSums]]]

    init(blockCount: Int, gammaCount: Int, groupCount: Int) {
        blocks = Array(repeating: [], count: blockCount)
        groups = Array(repeating: Array(repeating: GroupSums(), count: groupCount), count: blockCount)
        differences = Array(
            repeating: Array(repeating: Array(repeating: GroupSums(), count: groupCount), count: gammaCount),
            count: blockCount)
    }
}

/// Sums over the recorded vectors of rows, slice by slice: every byte of the file is read once or nearly so, and the memory does not depend on
/// the number of parameters. A row is summed by one thread in the order of its elements, so that its numbers do not depend on
/// how many threads there are, nor on what other rows are done with it.
final class RecordedRows<Scalar: ParameterScalar & HDF5Scalar>: Sendable {
    /// Bytes of a slice of one vector: four of them lie in the processor's second-level cache.
    private static var sliceBytes: Int { 1 << 17 }
    /// Rows that are summed together where the end of one is the beginning of the next: a sixteenth of the bytes is read twice then.
    private static var shared: Int { 16 }

    private let vectors: RecordedVectors<Scalar>
    private let layout: ParameterLayout
    private let isCancelled: @Sendable () -> Bool
    private var subset: FixedSubset { vectors.subset }

    init(_ path: String, layout: ParameterLayout, isCancelled: @escaping @Sendable () -> Bool) throws {
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
        var buffers = RecordedBuffers<Scalar>(length: length, groupCount: subset.groupWeights.count)
        var block = 0
        for start in stride(from: 0, to: vectors.width, by: length) {
            guard !isCancelled() else { throw SmoothnessError(.interrupted, "interrupted") }
            let slice = start..<min(start + length, vectors.width)
            let first = block
            for row in rows {
                if row == rows.lowerBound || !vectors.sharesRows {
                    try buffers.readBase(of: row, slice, vectors)
                } else {
                    buffers.takeEndAsBase()
                }
                for gamma in (0..<gammaCount) {
                    try buffers.readProbe(gamma, of: row, slice, vectors)
                    block = first
                    add(
                        slice, gamma, of: buffers, block: &block, running: &running[row - rows.lowerBound],
                        to: &sums[row - rows.lowerBound])
                }
            }
        }
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
