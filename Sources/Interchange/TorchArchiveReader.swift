import Essentials

/// Tensors of an archive of `torch.save` (the ZIP format of PyTorch 1.6 and later): dictionaries, lists and tuples of them.
///
/// The archive's pickle is a program. It is read by `TensorPickle`, which knows the few instructions that tensors need and calls
/// nothing: whatever else stands there is refused by name.
enum TorchArchiveReader {
    /// More than any description of tensors is long.
    private static let mostPickleBytes = 1 << 30
    /// Names and numbers a file may hold, and lists in lists: more are taken for an attack, as a list that holds itself.
    private static let (mostNodes, mostDepth) = (1 << 22, 64)

    static func isArchive(_ zip: ZipArchive) -> Bool { zip.members.contains { $0.name.hasSuffix("/data.pkl") } }

    static func read(_ zip: ZipArchive) throws -> TensorTree {
        guard let pickle = zip.members.first(where: { $0.name.hasSuffix("/data.pkl") }) else {
            return .other("no pickle")
        }
        let folder = pickle.name.dropLast("data.pkl".count)
        let members = Dictionary(zip.members.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
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
            guard text == "little" else {
                throw zip.file.damaged(order.name, expected: "little", found: "'\(text)'")
            }
        }
        var reader = TensorPickle(
            try zip.contents(of: pickle, limit: mostPickleBytes), file: zip.file.path, object: pickle.name)
        return try reader.read { value in
            var nodes = 0
            return try tree(value, zip, folder, members, name: "", &nodes, depth: 0)
        }
    }

    private static func tree(
        _ value: TensorPickle.Value, _ zip: ZipArchive, _ folder: Substring, _ members: [String: ZipArchive.Member],
        name: String, _ nodes: inout Int, depth: Int
    ) throws -> TensorTree {
        nodes += 1
        guard nodes <= mostNodes, depth <= mostDepth else {
            throw zip.file.damaged(
                folder + "data.pkl", expected: "at most \(mostNodes) values in \(mostDepth) levels", found: "more")
        }
        func below(_ part: String) -> String { name.isEmpty ? part : name + "." + part }
        switch value {
        case .dictionary(let dictionary):
            return .dictionary(
                try dictionary.items.compactMap { key, value in
                    guard let key = key.keyText else { return nil }
                    return (
                        key,
                        try tree(value, zip, folder, members, name: below(key), &nodes, depth: depth + 1)
                    )
                })
        case .list(let list):
            return .list(
                try list.items.enumerated().map {
                    try tree($1, zip, folder, members, name: below("\($0)"), &nodes, depth: depth + 1)
                })
        case .tuple(let items, _):
            return .list(
                try items.enumerated().map {
                    try tree($1, zip, folder, members, name: below("\($0)"), &nodes, depth: depth + 1)
                })
        case .tensor(let tensor): return try place(tensor, zip, folder, members, name: name)
        default: return .other(value.summary)
        }
    }

    private static func place(
        _ tensor: TensorPickle.Tensor, _ zip: ZipArchive, _ folder: Substring, _ members: [String: ZipArchive.Member],
        name: String
    ) throws -> TensorTree {
        let elements: [String: ForeignElement] = [
            "HalfStorage": .float16, "BFloat16Storage": .bfloat16, "FloatStorage": .float32, "DoubleStorage": .float64,
        ]
        guard let element = elements[tensor.storage.type] else {
            return .other("a tensor of \(tensor.storage.type.replacing("Storage", with: "").lowercased())")
        }
        let memberName = folder + "data/" + tensor.storage.key
        guard let member = members[memberName], !member.isDeflated else {
            throw zip.file.damaged(memberName, expected: "a stored member", found: "none")
        }
        guard tensor.isContiguous else {
            return .other("a tensor that is not contiguous; save tensor.contiguous()")
        }
        guard let count = elementCount(tensor.shape, width: element.byteCount), tensor.offset >= 0,
            tensor.offset <= member.count / element.byteCount,
            count <= member.count / element.byteCount - tensor.offset
        else {
            throw zip.file.damaged(
                name, expected: "the elements of \(tensor.shape) from \(tensor.offset) on",
                found: "\(member.count) bytes in \(memberName)")
        }
        return .tensor(
            ForeignTensor(
                file: zip.file.path, name: name, shape: tensor.shape, element: element,
                place: .bytes(try zip.offset(of: member) + tensor.offset * element.byteCount)))
    }
}
