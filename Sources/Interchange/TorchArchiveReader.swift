import Archives
import Essentials

/// Tensors of an archive of `torch.save` (the ZIP format of PyTorch 1.6 and later): dictionaries, lists and tuples of them.
///
/// The archive's pickle is a program. It is read by `Pickle`, which calls nothing; what is no tensor becomes a word about what it is.
struct TorchArchiveReader {
    /// How many values a file may hold besides what its instructions made: one that is named again and again is as many values. More are
    /// taken for an attack, as two lists that hold each other twice.
    private static let mostNodes = 1 << 18
    /// Lists in lists; what lies deeper is not read.
    private static let mostDepth = 64
    /// Bytes of a name, alone and with those of all that it lies in.
    private static let mostNameBytes = 1024
    private static let elements: [String: ForeignElement] = [
        "HalfStorage": .float16, "BFloat16Storage": .bfloat16, "FloatStorage": .float32, "DoubleStorage": .float64,
        "float16": .float16, "bfloat16": .bfloat16, "float32": .float32, "float64": .float64,
    ]

    private let zip: ZipArchive
    private let pickle: ZipArchive.Member
    private let folder: Substring
    private let members: [String: ZipArchive.Member]
    private var isBigEndian = false
    private var nodeCount = 0
    private var mostNodes = Self.mostNodes
    /// The names of the containers that the value being read lies in. They are joined for tensors only: a file can hold millions of other values.
    private var path: [String] = []
    /// The lists and dictionaries that the value being read lies in.
    private var ancestors: Set<ObjectIdentifier> = []
    private var checked: Set<String> = []

    static func isArchive(_ zip: ZipArchive) -> Bool { zip.members.contains { $0.name.hasSuffix("/data.pkl") } }

    static func read(_ zip: ZipArchive) throws -> TensorTree {
        var reader = try TorchArchiveReader(zip)
        return try reader.root()
    }

    private init(_ zip: ZipArchive) throws {
        let pickles = zip.members.filter { $0.name.hasSuffix("/data.pkl") }
        guard pickles.count == 1, !pickles[0].isDeflated else {
            throw zip.file.damaged(
                "data.pkl", expected: "one stored pickle", found: "\(pickles.count), or a deflated one")
        }
        self.zip = zip
        pickle = pickles[0]
        folder = pickle.name.dropLast("data.pkl".count)
        members = Dictionary(zip.members.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private mutating func root() throws -> TensorTree {
        if members[folder + "constants.pkl"] != nil
            || zip.members.contains(where: { $0.name.hasPrefix(folder + "code/") })
        {
            throw SmoothnessError(
                .data, "is a scripted module, not tensors", file: zip.file.path, object: pickle.name,
                expected: "an archive of torch.save", found: "one of torch.jit.save",
                remedy: "Save its tensors: torch.save(module.state_dict(), …)")
        }
        if let order = members[folder + "byteorder"] {
            let text = String(decoding: try zip.contents(of: order, limit: 16), as: UTF8.self)
            guard ["little", "big"].contains(text) else {
                throw zip.file.damaged(order.name, expected: "little or big", found: "'\(text)'")
            }
            isBigEndian = text == "big"
        }
        var machine = Pickle(
            try zip.contents(of: pickle)[...], TorchVocabulary(file: zip.file.path, object: pickle.name))
        return try machine.read { value, machine in
            mostNodes += machine.instructionCount
            return try tree(value, depth: 0)
        }
    }

    private mutating func tree(_ value: PickleValue, depth: Int) throws -> TensorTree {
        nodeCount += 1
        guard nodeCount <= mostNodes else {
            throw zip.file.damaged(pickle.name, expected: "at most \(mostNodes) values", found: "more")
        }
        switch value {
        case .dictionary(let dictionary):
            return try container(ObjectIdentifier(dictionary), depth) { reader in
                .dictionary(try reader.members(of: dictionary, depth: depth))
            }
        case .list(let list):
            return try container(ObjectIdentifier(list), depth) { reader in
                .list(try reader.trees(list.items, depth: depth))
            }
        case .tuple(let items, _):
            return try container(nil, depth) { reader in .list(try reader.trees(items, depth: depth)) }
        case .integer(let number): return .integer(number)
        case .object(let object):
            switch object as? TorchObject {
            case .tensor(let tensor): return try place(tensor, name: bounded(path.joined(separator: ".")))
            case .unreadable(let text): return .unreadable(text)
            default: return .other(object.summary)
            }
        default: return .other(value.summary)
        }
    }

    /// Reads a container, unless it lies too deep or in itself.
    private mutating func container(
        _ identity: ObjectIdentifier?, _ depth: Int, _ read: (inout TorchArchiveReader) throws -> TensorTree
    ) throws -> TensorTree {
        guard depth <= Self.mostDepth else { return .other("a container in \(depth) others") }
        if let identity, !ancestors.insert(identity).inserted { return .other("a container that it lies in itself") }
        defer { if let identity { ancestors.remove(identity) } }
        return try read(&self)
    }

    /// Reads what a dictionary holds; as in Python, the last of the same name counts.
    private mutating func members(
        of dictionary: PickleValue.Dictionary, depth: Int
    ) throws -> [(name: String, value: TensorTree)] {
        var members: [(name: String, value: TensorTree)] = []
        var places: [String: Int] = [:]
        for (key, value) in dictionary.items {
            guard let key = key.keyText else { continue }
            let member = (name: key, value: try named(key, value, depth: depth))
            if let place = places[key] {
                members[place] = member
            } else {
                places[key] = members.count
                members.append(member)
            }
        }
        return members
    }

    private mutating func trees(_ items: [PickleValue], depth: Int) throws -> [TensorTree] {
        var trees: [TensorTree] = []
        trees.reserveCapacity(items.count)
        for (index, item) in items.enumerated() { trees.append(try named("\(index)", item, depth: depth)) }
        return trees
    }

    private mutating func named(_ part: String, _ value: PickleValue, depth: Int) throws -> TensorTree {
        path.append(try bounded(part))
        defer { path.removeLast() }
        return try tree(value, depth: depth + 1)
    }

    private func bounded(_ name: String) throws -> String {
        guard name.utf8.count <= Self.mostNameBytes else {
            throw zip.file.damaged(
                name.prefix(80) + "…", expected: "names of at most \(Self.mostNameBytes) bytes", found: "a longer one")
        }
        return name
    }

    private mutating func place(_ tensor: TorchObject.Tensor, name: String) throws -> TensorTree {
        let typeName = tensor.elementName.map { String($0.split(separator: ".").last ?? "") } ?? tensor.storage.type
        guard let element = Self.elements[typeName] else {
            let name = typeName.replacing("Storage", with: "").lowercased()
            let isReal = ["float", "complex", "q"].contains { name.hasPrefix($0) }
            return isReal ? .unreadable("a tensor of \(name)") : .other("a tensor of \(name)")
        }
        let memberName = folder + "data/" + tensor.storage.key
        guard let member = members[memberName], !member.isDeflated else {
            throw zip.file.damaged(memberName, expected: "a stored member", found: "none")
        }
        if checked.insert(memberName).inserted { try zip.requireChecksum(of: member) }
        let room = member.count / element.byteCount
        guard let count = elementCount(tensor.shape, width: element.byteCount), tensor.strides.allSatisfy({ $0 >= 0 }),
            let span = Self.span(tensor), tensor.offset >= 0, tensor.offset <= room, span <= room - tensor.offset
        else {
            throw zip.file.damaged(
                name,
                expected: "the elements of \(tensor.shape) in strides of \(tensor.strides) from \(tensor.offset) on",
                found: "\(member.count) bytes in \(memberName)")
        }
        // Strides of zero would make a large tensor of a small file.
        guard count <= room else { return .unreadable("a tensor that was expanded; save tensor.contiguous()") }
        return .tensor(
            ForeignTensor(
                file: zip.file.path, name: name, shape: tensor.shape, element: element,
                place: .bytes(member.start + tensor.offset * element.byteCount),
                strides: Self.isContiguous(tensor) ? nil : tensor.strides, isBigEndian: isBigEndian))
    }

    /// How many stored elements lie from the first to the last of a tensor, both included; `nil` where they could not be numbered.
    private static func span(_ tensor: TorchObject.Tensor) -> Int? {
        guard !tensor.shape.contains(0) else { return 0 }
        var last = 0
        for (extent, stride) in Swift.zip(tensor.shape, tensor.strides) {
            let (product, isHuge) = (extent - 1).multipliedReportingOverflow(by: stride)
            let (sum, isOverflow) = last.addingReportingOverflow(product)
            guard !isHuge, !isOverflow else { return nil }
            last = sum
        }
        let (count, isOverflow) = last.addingReportingOverflow(1)
        return isOverflow ? nil : count
    }

    private static func isContiguous(_ tensor: TorchObject.Tensor) -> Bool {
        guard !tensor.shape.contains(0) else { return true }
        var expected = 1
        for (extent, stride) in Swift.zip(tensor.shape, tensor.strides).reversed() {
            if extent != 1 && stride != expected { return false }
            expected *= extent
        }
        return true
    }
}
