import Essentials
import HDF5
import ParameterSpace

/// One of the vectors that belong to a row of a run with gradients on a fixed subset.
public enum RecordedVector: Sendable, Hashable {
    case iterate, nextIterate
    /// ∇f_S(x_k) and ∇f_S(x_{k+1})
    case gradient, nextGradient
    /// Of the group of a number.
    case groupGradient(Int)
    case nextGroupGradient(Int)
    /// At the γ of an index: the point, the gradient there, and that of a group.
    case probe(Int)
    case probeGradient(Int)
    case probeGroupGradient(Int, group: Int)
}

/// Reads pieces of the vectors of a run file in the order in which they are asked for, from several threads at the same time and in the
/// memory of its callers alone.
public struct RecordedVectors<Scalar: ParameterScalar & HDF5Scalar>: ~Copyable, Sendable {
    public let subset: FixedSubset
    /// P
    public let width: Int
    /// Committed rows of the run when it was opened.
    public let rowCount: Int
    /// Tells whether x_{k+1} and what belongs to it are the next row of x_k and what belongs to that.
    public let sharesRows: Bool
    private let offsets: [String: Int]
    private let elements: StoredElements

    private static var pieceBytes: Int { 1 << 20 }

    /// Returns the offset of a vector in the file, in bytes.
    private func start(of vector: RecordedVector, row: Int) -> Int {
        func place(_ name: String, _ index: Int) -> Int {
            offsets[name]! + index * width * MemoryLayout<Scalar>.stride
        }
        let (probes, groups) = (subset.gammas.count, subset.groupWeights.count)
        switch vector {
        case .iterate: return place("iterate", row)
        case .nextIterate: return sharesIterates ? place("iterate", row + 1) : place("next_iterate", row)
        case .gradient: return place("gradient", row)
        case .nextGradient: return subset.sharesRows ? place("gradient", row + 1) : place("next_gradient", row)
        case .groupGradient(let group): return place("group_gradient", row * groups + group)
        case .nextGroupGradient(let group):
            return subset.sharesRows
                ? place("group_gradient", (row + 1) * groups + group)
                : place("next_group_gradient", row * groups + group)
        case .probe(let index): return place("probe", row * probes + index)
        case .probeGradient(let index): return place("probe_gradient", row * probes + index)
        case .probeGroupGradient(let index, let group):
            return place("probe_group_gradient", (row * probes + index) * groups + group)
        }
    }

    private var sharesIterates: Bool { offsets["next_iterate"] == nil }

    /// Reads the elements `range` of a vector of a committed row to the beginning of `values`, which has room for them.
    public func read(_ vector: RecordedVector, row: Int, _ range: Range<Int>, into values: inout [Scalar]) throws {
        precondition(row >= 0 && row < rowCount && range.lowerBound >= 0 && range.upperBound <= width)
        let stride = MemoryLayout<Scalar>.stride
        let first = start(of: vector, row: row)
        announce(first, range.lowerBound * stride..<range.upperBound * stride, of: width * stride)
        do {
            try elements.read(into: &values, count: range.count, atByte: first + range.lowerBound * stride)
        } catch {
            throw SmoothnessError(.inputOutput, error)
        }
    }

    /// Whenever a piece of a mebibyte is begun, the one after it is asked for, so that the disk works while sums are taken.
    private func announce(_ first: Int, _ bytes: Range<Int>, of length: Int) {
        let piece = Self.pieceBytes
        guard length > piece, bytes.lowerBound % piece < bytes.count else { return }
        let next = bytes.lowerBound == 0 ? 0 : (bytes.lowerBound / piece + 1) * piece
        guard next < length else { return }
        elements.announce((first + next)..<(first + min(length, next + (next == 0 ? 2 : 1) * piece)))
    }
}

extension RecordedVectors {
    /// - Throws: `SmoothnessError(.data)` for a run without such gradients, with another scalar, or with datasets that have no place of their
    ///   own in the file.
    public init(_ path: String) throws { try self.init(RunFileReader(path)) }

    init(_ reader: borrowing RunFileReader) throws {
        let path = reader.path
        guard let subset = reader.fixedSubset else { throw Self.missing(path) }
        guard reader.header.scalarName == Scalar.scalarName else {
            throw SmoothnessError(
                .data, "holds another scalar", file: path, object: RunFilePath.iterate, expected: Scalar.scalarName,
                found: reader.header.scalarName)
        }
        var names = subset.vectors.map { ($0.name, FixedSubset.path($0.name)) }
        names.append(("iterate", RunFilePath.iterate))
        if !reader.isConsecutive { names.append(("next_iterate", RunFilePath.nextIterate)) }
        var offsets: [String: Int] = [:]
        for (name, object) in names {
            let dataset = try translating(.data) { try reader.file.dataset(object) }
            guard let offset = dataset.byteOffset else {
                throw SmoothnessError(
                    .data, "lies in pieces or has no place", file: path, object: object,
                    expected: "a contiguous dataset, allocated when the file was made",
                    remedy: "See what else is: smoothness verify \(Escaping.shell(path: path))")
            }
            offsets[name] = offset
        }
        let elements: StoredElements
        do { elements = try StoredElements(path) } catch { throw SmoothnessError(.inputOutput, error) }
        self.init(
            subset: subset, width: reader.header.layout.count, rowCount: reader.snapshotCount,
            sharesRows: subset.sharesRows && reader.isConsecutive, offsets: offsets, elements: elements)
    }

    private static func missing(_ path: String) -> SmoothnessError {
        SmoothnessError(
            .data, "holds no gradients on a fixed subset", file: path, object: RunFilePath.fixedSubset,
            expected: "the datasets gradient and next_gradient", found: "no such group",
            remedy: "Name an objective or a gradient process instead")
    }
}
