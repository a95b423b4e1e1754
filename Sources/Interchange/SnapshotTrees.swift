import Essentials

/// One snapshot of a vector as a file holds it, before its blocks were put into the order of the others.
struct ForeignSnapshot: Sendable {
    /// As messages name it.
    var label: String
    var file: String
    var blocks: [(name: String, tensor: ForeignTensor)] = []
    var numbers = SnapshotNumbers()
    /// What lies beside the blocks and is none, and why.
    var leftOut: [(name: String, reason: String)] = []
}

/// What the tree of a file is taken for: one snapshot, a series, or tensors that have the snapshots along their first axes.
struct SnapshotTrees {
    enum Reading {
        case stacked(ForeignSnapshot)
        case listed([ForeignSnapshot], how: String)
    }

    /// What was asked for; empty for the whole file.
    let name: String
    let leavingOut: (String) -> Bool
    private static let (mostDepth, mostNameBytes) = (64, 1024)
    /// Under these names checkpoints hold their state dictionary.
    private static let stateNames = ["state_dict", "model_state_dict", "model_state"]
    /// Under these as well, where nothing else could be meant.
    private static let modelNames = ["model", "module", "net", "network"]
    private static let buffers: Set<Substring> = ["running_mean", "running_var", "num_batches_tracked"]
    /// How many names of objects of HDF5 files are followed: more than a few for each object are taken for an attack, as groups that hold one
    /// another many times. What other files hold is bounded by their size.
    private let mostNodes: Int
    private var nodeCount = 0

    init(_ files: [TensorFile], name: String, leavingOut: @escaping (String) -> Bool) {
        self.name = name
        let isHDF5 = files.contains { $0.format == .hdf5 }
        mostNodes = isHDF5 ? 10_000 + 4 * files.reduce(0) { $0 + $1.objectCount } : .max
        self.leavingOut = leavingOut
    }

    /// What one file alone holds.
    /// - Parameter stacked: whether the first axis of its tensors is time; `nil` for what is usual in its format.
    mutating func reading(of file: TensorFile, stacked: Bool?) throws -> Reading {
        var tree = try file.member(name)
        var outer = ForeignSnapshot(label: file.path, file: file.path)
        if name.isEmpty { tree = try unwrapped(tree, &outer) }
        if stacked != true, let series = try series(tree, file) {
            return .listed(series.snapshots.map { merged($0, outer) }, how: series.how)
        }
        var isTensor = false
        if case .tensor = tree { isTensor = true }
        try add(tree, to: &outer)
        // A tensor without others beside it can only be all of them.
        guard stacked ?? (isTensor || file.format.stacksSnapshots) else {
            outer.numbers = numbers(of: file, outer.numbers)
            return .listed([outer], how: "the whole file is one")
        }
        return .stacked(outer)
    }

    /// The one snapshot of a file that is one of several.
    mutating func snapshot(of file: TensorFile) throws -> ForeignSnapshot {
        var snapshot = ForeignSnapshot(label: file.path, file: file.path)
        var tree = try file.member(name)
        if name.isEmpty { tree = try unwrapped(tree, &snapshot) } else { snapshot.numbers.add(file.root) }
        try add(tree, to: &snapshot)
        snapshot.numbers = numbers(of: file, snapshot.numbers)
        return snapshot
    }

    private func numbers(of file: TensorFile, _ found: SnapshotNumbers) -> SnapshotNumbers {
        var numbers = found
        if let saved = file.savedIteration { numbers.saved = saved }
        numbers.add(path: file.path)
        return numbers
    }

    private func merged(_ snapshot: ForeignSnapshot, _ outer: ForeignSnapshot) -> ForeignSnapshot {
        var snapshot = snapshot
        snapshot.leftOut = outer.leftOut + snapshot.leftOut
        return snapshot
    }

    // MARK: - Series in one file

    private mutating func series(_ tree: TensorTree, _ file: TensorFile) throws -> (
        snapshots: [ForeignSnapshot], how: String
    )? {
        switch tree {
        case .list(let items):
            let shapes = items.map(\.tensorShape)
            // Tensors of different shapes are the parameters of one snapshot.
            guard !items.isEmpty, !(Set(shapes).count > 1 && !shapes.contains(nil)) else { return nil }
            return (
                try items.enumerated().map { index, item in try inner(item, "\(index)", file) }, "a list of them"
            )
        case .dictionary(let members):
            let held = members.filter { $0.value.mayHoldTensors && !leavingOut($0.name) }
            let shapes = held.map(\.value.tensorShape)
            // Layers are numbered as well: tensors are snapshots only where all have one shape, and a word besides the number.
            guard Set(shapes).count == 1,
                let numbers = SnapshotNumbers.ofKeys(held.map(\.name), needsWord: shapes[0] != nil)
            else { return nil }
            var snapshots: [ForeignSnapshot] = []
            for (member, number) in zip(held, numbers) {
                var snapshot = try inner(member.value, member.name, file)
                (snapshot.numbers.saved, snapshot.numbers.named) = (nil, number)
                snapshots.append(snapshot)
            }
            return (snapshots, "a mapping of them")
        case .tensor, .integer, .unreadable, .other: return nil
        }
    }

    private mutating func inner(_ tree: TensorTree, _ label: String, _ file: TensorFile) throws -> ForeignSnapshot {
        var snapshot = ForeignSnapshot(label: name.isEmpty ? label : name + "." + label, file: file.path)
        try add(try unwrapped(tree, &snapshot), to: &snapshot)
        return snapshot
    }

    // MARK: - One snapshot

    /// The state dictionary of a checkpoint that holds other things besides, which are left out.
    private func unwrapped(_ tree: TensorTree, _ snapshot: inout ForeignSnapshot) throws -> TensorTree {
        var tree = tree
        for _ in 0..<3 {
            guard case .dictionary(let members) = tree else { return tree }
            snapshot.numbers.add(tree)
            guard let name = Self.state(of: members) else { return tree }
            let isSure = Self.stateNames.contains(name)
            for member in members where member.name != name {
                guard member.value.mayHoldTensors, !isSure, !Self.isCompanion(member.name) else {
                    snapshot.leftOut.append(
                        (member.name, Self.isCompanion(member.name) ? "no parameters" : "beside \(name)"))
                    continue
                }
                throw SmoothnessError(
                    .data, "holds several groups of tensors", file: snapshot.file, expected: "one that is named",
                    found: "\(name), \(member.name)", remedy: "Name the parameters: --iterate \(name)")
            }
            tree = members.first { $0.name == name }?.value ?? tree
        }
        return tree
    }

    /// The member that is the state dictionary.
    private static func state(of members: [(name: String, value: TensorTree)]) -> String? {
        func isGroup(_ name: String) -> Bool {
            guard case .dictionary(let inner)? = members.first(where: { $0.name == name })?.value else { return false }
            return inner.contains { $0.value.mayHoldTensors }
        }
        if let name = stateNames.first(where: isGroup) { return name }
        let hasTensors = members.contains { if case .tensor = $0.value { true } else { false } }
        return hasTensors ? nil : modelNames.first(where: isGroup)
    }

    private static func isCompanion(_ name: String) -> Bool {
        name.lowercased().firstMatch(
            of:
                /^(optim|.*scheduler|lr_|scaler|amp|rng|.*_states?$|callbacks|loops|ema|.*average|criterion|loss|args|config|hyper)/
        )
            != nil
    }

    private mutating func add(_ tree: TensorTree, to snapshot: inout ForeignSnapshot) throws {
        if case .tensor(let tensor) = tree {
            snapshot.blocks = [(SnapshotSeries.soleBlock, tensor)]
            return
        }
        try collect(tree, [], &snapshot)
        guard !snapshot.blocks.isEmpty else {
            throw SmoothnessError(
                .data, "is no tensor of floating-point numbers", file: snapshot.file,
                object: name.isEmpty ? (snapshot.label == snapshot.file ? nil : snapshot.label) : name,
                expected: "float16, bfloat16, float32 or float64, or a group of such", found: tree.summary,
                remedy: "Name what holds the parameters with --iterate; of a module, save model.state_dict()")
        }
        leaveOutTied(&snapshot)
    }

    private mutating func collect(_ tree: TensorTree, _ path: [String], _ snapshot: inout ForeignSnapshot) throws {
        let blockName = path.joined(separator: ".")
        nodeCount += 1
        guard nodeCount <= mostNodes, path.count <= Self.mostDepth, blockName.utf8.count <= Self.mostNameBytes
        else {
            throw SmoothnessError(
                .data, "is too large or too deep a group", file: snapshot.file,
                object: blockName.isEmpty ? nil : String(blockName.prefix(80)),
                expected: "at most \(Self.mostDepth) levels under \(Self.mostNameBytes) bytes of names"
                    + (mostNodes < .max ? ", \(mostNodes) objects in all" : ""),
                found: "more")
        }
        if !path.isEmpty, leavingOut(blockName) {
            snapshot.leftOut.append((blockName, "as asked"))
            return
        }
        let isBuffer = Self.buffers.contains(blockName.split { "./".contains($0) }.last ?? "")
        switch tree {
        case .tensor where isBuffer: snapshot.leftOut.append((blockName, "a buffer of batch normalisation"))
        case .tensor(let tensor): snapshot.blocks.append((blockName, tensor))
        case .dictionary(let members):
            for (name, value) in members {
                if path.isEmpty, self.name.isEmpty, name.lowercased().hasPrefix("optim"), value.mayHoldTensors {
                    snapshot.leftOut.append((name, "of the optimiser"))
                } else {
                    try collect(value, path + [name], &snapshot)
                }
            }
        case .list(let items):
            for (index, item) in items.enumerated() {
                try collect(item, path.isEmpty ? ["parameter_\(index)"] : path + ["\(index)"], &snapshot)
            }
        case .unreadable(let text):
            throw SmoothnessError(
                .data, "is no tensor that is read here", file: snapshot.file,
                object: blockName.isEmpty ? name : blockName,
                expected: "float16, bfloat16, float32 or float64", found: text,
                remedy: blockName.isEmpty ? nil : "If it is no parameter, leave it out: --leave-out '\(blockName)'")
        case .integer, .other: if !path.isEmpty { snapshot.leftOut.append((blockName, tree.summary)) }
        }
    }

    /// Two names of the same numbers are one parameter.
    private func leaveOutTied(_ snapshot: inout ForeignSnapshot) {
        var kept: [ForeignTensor.Place: Int] = [:]
        var blocks: [(name: String, tensor: ForeignTensor)] = []
        for block in snapshot.blocks {
            if let first = kept[block.tensor.place], blocks[first].tensor.isSamePlace(as: block.tensor) {
                snapshot.leftOut.append((block.name, "tied: it is \(blocks[first].name)"))
            } else {
                kept[block.tensor.place] = blocks.count
                blocks.append(block)
            }
        }
        snapshot.blocks = blocks
    }
}
