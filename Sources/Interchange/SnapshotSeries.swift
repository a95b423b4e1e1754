import Essentials
import ParameterSpace

/// The same vector at successive snapshots, as files of other programs hold it: stacked in one file, listed in one, or one snapshot a file.
public struct SnapshotSeries: Sendable {
    /// The tensors of one snapshot, block by block, with where it begins in each.
    private typealias Snapshot = [(tensor: ForeignTensor, start: Int)]

    /// In the order in which they are stored; a lone tensor is one block.
    public let blocks: [(name: String, shape: [Int])]
    public let count: Int
    public let isDouble: Bool
    /// What it was read from, for messages.
    public let name: String
    private let snapshots: [Snapshot]

    /// The name of the block where there is but a tensor without one.
    public static let soleBlock = "parameters"

    /// - Parameters:
    ///   - files: one that holds all snapshots, or one a snapshot, in order.
    ///   - name: what they are called there; empty for the whole file.
    ///   - leavingOut: the blocks to leave out, by name.
    /// - Throws: `SmoothnessError(.data)` for what is no series of tensors of the same shapes.
    public init(_ files: [TensorFile], name: String, leavingOut: (String) -> Bool = { _ in false }) throws {
        self.name = (files.count == 1 ? files[0].path : "\(files.count) files") + (name.isEmpty ? "" : ": \(name)")
        let places = try files.map { (file: $0.path, tree: try $0.member(name)) }
        let found: [[(name: String, tensor: ForeignTensor, start: Int)]]
        if places.count == 1 {
            found = try Self.unstack(places[0].tree, places[0].file, name, leavingOut)
        } else {
            found = try places.map { place in
                try Self.blocks(place.tree, place.file, name, leavingOut).map { ($0.name, $0.tensor, 0) }
            }
        }
        guard let first = found.first, !first.isEmpty else {
            throw SmoothnessError(
                .data, "holds no snapshot", file: places.first?.file, object: name, expected: "tensors", found: "none")
        }
        let isStacked: Bool
        if places.count == 1, case .list = places[0].tree { isStacked = false } else { isStacked = places.count == 1 }
        let shapes = first.map {
            (name: $0.name, shape: isStacked ? Array($0.tensor.shape.dropFirst()) : $0.tensor.shape)
        }
        for (index, snapshot) in found.enumerated() where !isStacked {
            let same =
                snapshot.map(\.name) == shapes.map(\.name)
                && zip(snapshot, shapes).allSatisfy { $0.tensor.shape == $1.shape }
            guard same else {
                throw SmoothnessError(
                    .data, "snapshot \(index) has other blocks than the first", file: snapshot.first?.tensor.file,
                    object: name, expected: shapes.prefix(6).map { "\($0.name) \($0.shape)" }.joined(separator: ", "),
                    found: snapshot.prefix(6).map { "\($0.name) \($0.tensor.shape)" }.joined(separator: ", "))
            }
        }
        blocks = shapes
        count = found.count
        isDouble = first.contains { $0.tensor.element.isDouble }
        snapshots = found.map { $0.map { ($0.tensor, $0.start) } }
    }

    /// Snapshot `index`, its blocks one after the other in the order of `names`.
    /// - Throws: `SmoothnessError(.data)` for a name that is none of its blocks.
    public func read<Scalar: ParameterScalar>(_ index: Int, blocks names: [String], as scalar: Scalar.Type) throws
        -> [Scalar]
    {
        var values: [Scalar] = []
        for name in names {
            guard let place = blocks.firstIndex(where: { $0.name == name }) else {
                throw SmoothnessError(
                    .data, "has no block of this name", file: self.name, object: name,
                    expected: names.prefix(8).joined(separator: ", "),
                    found: blocks.prefix(8).map(\.name).joined(separator: ", "),
                    remedy: "Leave out what is no parameter: --leave-out NAME")
            }
            let length = blocks[place].shape.reduce(1, *)
            let (tensor, start) = snapshots[index][place]
            values += try tensor.read(start..<(start + length), as: scalar)
        }
        return values
    }

    /// The numbers of a series of single ones.
    public func numbers() throws -> [Double] {
        guard blocks.count == 1, blocks[0].shape.allSatisfy({ $0 == 1 }) else {
            throw SmoothnessError(
                .data, "is not one number a snapshot", file: name, expected: "a shape of [\(count)]",
                found: "\(blocks.map(\.shape))")
        }
        return try (0..<count).map { try read($0, blocks: [blocks[0].name], as: Double.self)[0] }
    }

    // MARK: - One file

    /// All snapshots of one file: a list of them, or tensors that have them along the first axis.
    private static func unstack(
        _ tree: TensorTree, _ file: String, _ name: String, _ leavingOut: (String) -> Bool
    ) throws -> [[(name: String, tensor: ForeignTensor, start: Int)]] {
        if case .list(let items) = tree {
            return try items.map { try blocks($0, file, name, leavingOut).map { ($0.name, $0.tensor, 0) } }
        }
        let stacked = try blocks(tree, file, name, leavingOut)
        let lengths = Set(stacked.map { $0.tensor.shape.first ?? -1 })
        guard let length = lengths.first, lengths.count == 1, length >= 0 else {
            throw SmoothnessError(
                .data, "does not hold the snapshots along the first axis", file: file, object: name,
                expected: "one length of all tensors, the number of snapshots",
                found: stacked.prefix(6).map { "\($0.name) \($0.tensor.shape)" }.joined(separator: ", "),
                remedy: "Give one file a snapshot, or stack them")
        }
        return (0..<length).map { index in
            stacked.map { ($0.name, $0.tensor, index * $0.tensor.shape.dropFirst().reduce(1, *)) }
        }
    }

    /// The tensors of a tree with their names, in its order.
    private static func blocks(
        _ tree: TensorTree, _ file: String, _ name: String, _ leavingOut: (String) -> Bool
    ) throws -> [(name: String, tensor: ForeignTensor)] {
        switch tree {
        case .tensor(let tensor): return [(soleBlock, tensor)]
        case .dictionary(let members):
            return try members.flatMap { member -> [(name: String, tensor: ForeignTensor)] in
                guard !leavingOut(member.name) else { return [] }
                if case .tensor(let tensor) = member.value { return [(member.name, tensor)] }
                return try blocks(member.value, file, name + "." + member.name, { leavingOut(member.name + "." + $0) })
                    .map { (member.name + "." + $0.name, $0.tensor) }
            }
        case .list, .other:
            throw SmoothnessError(
                .data, "is no tensor of floating-point numbers", file: file, object: name,
                expected: "float16, bfloat16, float32 or float64, or a group of such", found: tree.summary,
                remedy: "Leave it out: --leave-out NAME")
        }
    }
}
