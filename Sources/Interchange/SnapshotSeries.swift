import Essentials
import ParameterSpace

/// The same vector at successive snapshots, as files of other programs hold it: stacked in one file, listed in one, or one snapshot a file.
public struct SnapshotSeries: Sendable {
    /// One block, the same in every snapshot.
    public struct Block: Sendable, Hashable {
        public var name: String
        public var shape: [Int]
    }

    private enum Store: Sendable {
        /// Tensors with the snapshots along the first axis.
        case stacked([ForeignTensor])
        /// The tensors of each snapshot, in the order of the blocks.
        case listed([[ForeignTensor]])
    }

    /// In the order in which the first snapshot has them; a lone tensor is one block.
    public let blocks: [Block]
    public let count: Int
    public let isDouble: Bool
    /// What it was read from, for messages.
    public let name: String
    /// The snapshots' own iteration numbers, ascending, where they have some.
    public let iterations: [Int]?
    /// What lies beside the blocks and is none.
    let leftOut: [(name: String, reason: String)]
    /// What was understood of the files, line by line.
    public let understanding: [String]
    private let store: Store

    /// The name of the block where there is but a tensor without one.
    public static let soleBlock = "parameters"

    /// - Parameters:
    ///   - files: one that holds all snapshots, or one a snapshot, in order.
    ///   - name: what they are called there; empty for the whole file.
    ///   - stacked: whether the first axis of the tensors of one file is time; `nil` for what is usual in its format.
    ///   - leavingOut: the blocks to leave out, by name.
    /// - Throws: `SmoothnessError(.data)` for what is no series of tensors of the same names and shapes.
    public init(
        _ files: [TensorFile], name: String, stacked: Bool? = nil,
        leavingOut: @escaping (String) -> Bool = { _ in false }
    ) throws {
        let title = (files.count == 1 ? files[0].path : "\(files.count) files") + (name.isEmpty ? "" : ": \(name)")
        self.name = title
        var trees = SnapshotTrees(files, name: name, leavingOut: leavingOut)
        var snapshots: [ForeignSnapshot]
        var how = "one a file"
        if files.count == 1 {
            switch try trees.reading(of: files[0], stacked: stacked) {
            case .stacked(let snapshot):
                let length = try Self.length(of: snapshot, name)
                blocks = snapshot.blocks.map { Block(name: $0.name, shape: Array($0.tensor.shape.dropFirst())) }
                count = length
                isDouble = snapshot.blocks.contains { $0.tensor.element.isDouble }
                iterations = nil
                leftOut = snapshot.leftOut
                store = .stacked(snapshot.blocks.map(\.tensor))
                understanding = Self.understanding(
                    of:
                        "\(title): \(length) snapshot\(length == 1 ? "" : "s") along the first axis of its tensors, iterations 0, 1, 2, …",
                    snapshot, blocks)
                return
            case .listed(let found, let manner): (snapshots, how) = (found, manner)
            }
        } else {
            snapshots = try files.map { try trees.snapshot(of: $0) }
        }
        var notes: [String] = []
        snapshots = Self.withoutCopies(snapshots, &notes)
        var numbering = "iterations 0, 1, 2, …: they have no numbers of their own"
        if let (numbers, source) = SnapshotNumbers.common(snapshots.map(\.numbers)), snapshots.count > 1 {
            let order = numbers.indices.sorted { numbers[$0] < numbers[$1] }
            snapshots = order.map { snapshots[$0] }
            iterations = order.map { numbers[$0] }
            numbering = "iterations \(Self.listed(order.map { "\(numbers[$0])" })), \(source)"
        } else {
            iterations = nil
        }
        guard let first = snapshots.first else {
            throw SmoothnessError(
                .data, "holds no snapshot", file: files.first?.path, object: name.isEmpty ? nil : name,
                expected: "tensors", found: "none")
        }
        let reference = first.blocks.map { Block(name: $0.name, shape: $0.tensor.shape) }
        var ordered: [[ForeignTensor]] = []
        for snapshot in snapshots {
            let own = snapshot.blocks.map { Block(name: $0.name, shape: $0.tensor.shape) }
            let (places, note) = try Self.places(
                of: own, for: reference, file: snapshot.file, what: "snapshot \(snapshot.label)",
                as: "the first, \(first.label)")
            ordered.append(places.map { snapshot.blocks[$0].tensor })
            if let note, notes.count < 4 { notes.append("snapshot \(snapshot.label): \(note)") }
        }
        blocks = reference
        count = snapshots.count
        isDouble = ordered.contains { $0.contains { $0.element.isDouble } }
        leftOut = first.leftOut
        store = .listed(ordered)
        let number = count == 1 ? "1 snapshot" : "\(count) snapshots, \(numbering)"
        understanding = Self.understanding(of: "\(title): \(number); \(how)", first, reference) + notes
    }

    /// How many snapshots the first axes hold.
    private static func length(of snapshot: ForeignSnapshot, _ name: String) throws -> Int {
        let lengths = Set(snapshot.blocks.map { $0.tensor.shape.first ?? -1 })
        guard let length = lengths.first, lengths.count == 1, length >= 0 else {
            throw SmoothnessError(
                .data, "does not hold the snapshots along the first axis", file: snapshot.file,
                object: name.isEmpty ? nil : name,
                expected: "one length of all tensors, the number of snapshots",
                found: snapshot.blocks.prefix(6).map { "\($0.name) \($0.tensor.shape)" }.joined(separator: ", "),
                remedy: "Give one file a snapshot, or stack them")
        }
        return length
    }

    /// `last.ckpt` and `best.pt` are copies of a snapshot that has a file of its own.
    private static func withoutCopies(_ snapshots: [ForeignSnapshot], _ notes: inout [String]) -> [ForeignSnapshot] {
        func isCopy(_ snapshot: ForeignSnapshot) -> Bool {
            guard let number = snapshot.numbers.saved,
                let name = snapshot.file.split(separator: "/").last?.lowercased(),
                name.hasPrefix("last") || name.hasPrefix("best")
            else { return false }
            return snapshots.contains { $0.file != snapshot.file && $0.numbers.saved == number }
        }
        let kept = snapshots.filter { !isCopy($0) }
        guard !kept.isEmpty else { return snapshots }
        notes += snapshots.filter(isCopy).map { "left out \($0.file): another file is of the same iteration" }
        return kept
    }

    // MARK: - Blocks by name

    /// Where the wanted blocks stand among these, by name and shape; a lone tensor without a name goes with a lone block.
    /// - Returns: the places, and what had to be done to find them.
    static func places(
        of own: [Block], for wanted: [Block], file: String?, what: String, as whose: String,
        isOptional: (String) -> Bool = { _ in false }
    ) throws -> (places: [Int], note: String?) {
        if own.count == 1, wanted.count == 1, own[0].shape == wanted[0].shape,
            own[0].name == soleBlock || wanted[0].name == soleBlock
        {
            return ([0], nil)
        }
        let match = BlockNames.match(own.map(\.name), to: wanted.map(\.name), isOptional: isOptional)
        func refusal(_ block: String, expected: String, found: String, _ remedy: String?) -> SmoothnessError {
            SmoothnessError(
                .data, "the blocks of \(what) are not those of \(whose)", file: file, object: block, expected: expected,
                found: found, remedy: remedy)
        }
        var places: [Int] = []
        for (block, place) in zip(wanted, match.places) {
            guard let place else {
                throw refusal(
                    block.name, expected: "\(block.name) \(block.shape)",
                    found: own.prefix(6).map { "\($0.name) \($0.shape)" }.joined(separator: ", "), nil)
            }
            guard own[place].shape == block.shape else {
                throw refusal(own[place].name, expected: "\(block.shape)", found: "\(own[place].shape)", nil)
            }
            places.append(place)
        }
        if let surplus = match.surplus.first {
            throw refusal(
                surplus, expected: "no such block", found: "one",
                "If it is no parameter, leave it out: --leave-out '\(surplus)'")
        }
        let notes = [
            match.isBare ? BlockNames.bareNote : nil,
            places == places.sorted() ? nil : "blocks come in another order and were matched by name",
        ].compactMap(\.self)
        return (places, notes.isEmpty ? nil : notes.joined(separator: "; "))
    }

    /// Whether it is one vector without names.
    var isFlat: Bool { blocks.count == 1 && blocks[0].name == Self.soleBlock && blocks[0].shape.count == 1 }

    // MARK: - Reading

    /// Snapshot `index`, its blocks one after the other in this order.
    func read<Scalar: ParameterScalar>(_ index: Int, places: [Int], as scalar: Scalar.Type) throws -> [Scalar] {
        var values: [Scalar] = []
        for place in places {
            switch store {
            case .stacked(let tensors):
                let length = tensors[place].entryCount
                values += try tensors[place].read((index * length)..<((index + 1) * length), as: scalar)
            case .listed(let snapshots):
                let tensor = snapshots[index][place]
                values += try tensor.read(0..<tensor.count, as: scalar)
            }
        }
        return values
    }

    /// Snapshot `index`, its blocks one after the other in the order of `names`.
    /// - Throws: `SmoothnessError(.data)` for a name that is none of its blocks.
    public func read<Scalar: ParameterScalar>(_ index: Int, blocks names: [String], as scalar: Scalar.Type) throws
        -> [Scalar]
    {
        let places = try names.map { name in
            guard let place = blocks.firstIndex(where: { $0.name == name }) else {
                throw SmoothnessError(
                    .data, "has no block of this name", file: self.name, object: name,
                    expected: names.prefix(8).joined(separator: ", "),
                    found: blocks.prefix(8).map(\.name).joined(separator: ", "))
            }
            return place
        }
        return try read(index, places: places, as: scalar)
    }

    /// The numbers of a series of single ones.
    public func numbers() throws -> [Double] {
        guard blocks.count == 1, blocks[0].shape.allSatisfy({ $0 == 1 }) else {
            throw SmoothnessError(
                .data, "is not one number a snapshot", file: name, expected: "a shape of [\(count)]",
                found: "\(blocks.map(\.shape))")
        }
        return try (0..<count).map { try read($0, places: [0], as: Double.self)[0] }
    }

    // MARK: - What was understood

    private static func understanding(of title: String, _ snapshot: ForeignSnapshot, _ blocks: [Block]) -> [String] {
        let parameters = blocks.reduce(0) { $0 + $1.shape.reduce(1, *) }
        let shapes = zip(blocks, snapshot.blocks).map { "\($0.name) \($0.shape) \($1.tensor.element.rawValue)" }
        var lines = [
            title,
            "\(blocks.count) block\(blocks.count == 1 ? "" : "s") of \(parameters) parameters: "
                + listed(shapes, most: 24),
        ]
        if !snapshot.leftOut.isEmpty {
            lines.append("left out: " + listed(snapshot.leftOut.map { "\($0.name) (\($0.reason))" }, most: 12))
        }
        return lines
    }

    private static func listed(_ items: [String], most: Int = 8) -> String {
        guard items.count > most else { return items.joined(separator: ", ") }
        return items.prefix(most - 1).joined(separator: ", ") + ", … \(items[items.count - 1])"
            + (most > 8 ? " (\(items.count) in all)" : "")
    }
}
