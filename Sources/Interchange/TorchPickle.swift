import Archives
import Essentials

/// What a pickle of `torch.save` makes besides containers and numbers.
enum TorchObject: PickleObject {
    struct Storage {
        /// `FloatStorage`, …
        var type: String
        /// The name of its bytes in the archive.
        var key: String
    }

    struct Tensor {
        var storage: Storage
        /// The name of its element type, where that is not the storage's.
        var elementName: String?
        /// In elements.
        var offset: Int
        var shape: [Int]
        var strides: [Int]
    }

    case storage(Storage)
    case tensor(Tensor)
    /// A tensor of another kind than is read here, in words.
    case unreadable(String)

    var summary: String {
        switch self {
        case .storage: "a storage"
        case .tensor: "a tensor"
        case .unreadable(let text): text
        }
    }

    var isInert: Bool { if case .unreadable = self { true } else { false } }
}

extension PickleValue {
    static func unreadable(_ text: String) -> PickleValue { .object(TorchObject.unreadable(text)) }

    fileprivate static func instance(of name: String) -> PickleValue { .placeholder("an object of \(name)") }
}

/// The names in pickles of `torch.save`: tensors and dictionaries are put together here, everything else becomes a placeholder.
struct TorchVocabulary: PickleVocabulary {
    let file: String
    let object: String
    let protocols: ClosedRange<UInt8> = 2...5

    /// Modules of Python that no checkpoint has a reason to name: one that does was made to be executed.
    private static let refusedModules: Set<String> = [
        "os", "posix", "nt", "sys", "subprocess", "socket", "shutil", "pty", "importlib", "runpy", "code", "ctypes",
        "commands",
        "platform", "webbrowser", "pickle", "marshal", "multiprocessing", "asyncio", "urllib", "http", "ftplib",
    ]
    private static let refusedBuiltins: Set<String> = [
        "eval", "exec", "execfile", "compile", "__import__", "open", "getattr", "setattr", "delattr", "input",
        "breakpoint",
        "globals", "locals", "vars", "apply", "file", "memoryview", "map",
    ]
    /// Rebuilds of `_rebuild_from_type_v2` within one another.
    private static let mostDepth = 8
    private static let dictionaries: Set<String> = [
        "collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict",
        "__builtin__.dict",
    ]

    func error(at offset: Int, expected: String, found: String) -> SmoothnessError {
        SmoothnessError(
            .data, "is damaged at byte \(offset), or holds something that is not read here; nothing of it was run",
            file: file, object: object, expected: expected, found: found,
            remedy: "Save plain tensors: torch.save({name: tensor, …}, …) or safetensors")
    }

    func refusal(ofName name: String) -> (expected: String, found: String)? {
        guard Self.isHostile(name) else { return nil }
        return (
            "tensors and what is saved beside them",
            "the name \(name), which torch.load would call; do not open this file with it"
        )
    }

    /// A reference to bytes of the archive: ('storage', type, key, device, count).
    func referent(of reference: PickleValue) -> PickleValue? {
        guard case .tuple(let parts, _) = reference, parts.count >= 3, parts[0].text == "storage",
            case .global(let type) = parts[1], let key = parts[2].keyText
        else { return .placeholder("a reference to something else than a storage") }
        return .object(TorchObject.storage(.init(type: String(type.split(separator: ".").last ?? ""), key: key)))
    }

    /// Attributes, as the hooks of tensors and the versions of modules, are left out.
    func object(_ object: PickleValue, with state: PickleValue) -> PickleValue? { object }

    func result(
        of function: PickleValue, _ arguments: [PickleValue], makeDictionary: () -> PickleValue.Dictionary
    ) -> PickleValue? {
        Self.result(of: function, arguments, depth: 0, makeDictionary: makeDictionary)
    }

    /// Whether the name is of something that only a program that means harm would call.
    private static func isHostile(_ global: String) -> Bool {
        let parts = global.split(separator: ".", maxSplits: 1)
        let module = String(parts.first ?? "")
        if refusedModules.contains(module) { return true }
        return ["builtins", "__builtin__"].contains(module) && parts.count == 2
            && refusedBuiltins.contains(String(parts[1]))
    }

    private static func result(
        of function: PickleValue, _ arguments: [PickleValue], depth: Int,
        makeDictionary: () -> PickleValue.Dictionary
    ) -> PickleValue? {
        guard case .global(let name) = function else { return .placeholder("an object") }
        if dictionaries.contains(name) {
            // A counter comes with its numbers; others are filled afterwards.
            if case .dictionary(let items) = arguments.last { return .dictionary(items) }
            return .dictionary(makeDictionary())
        }
        guard name.hasPrefix("torch.") else { return .instance(of: name) }
        let parts = name.split(separator: ".")
        switch parts.dropLast().joined(separator: ".") {
        case "torch._utils": return rebuilt(String(parts.last ?? ""), arguments)
        case "torch._tensor" where parts.last == "_rebuild_from_type_v2":
            guard depth < mostDepth, arguments.count >= 3, case .tuple(let inner, _) = arguments[2] else { return nil }
            return result(of: arguments[0], inner, depth: depth + 1, makeDictionary: makeDictionary)
        case "torch.nn.parameter":
            if parts.last == "Parameter" || parts.last == "Buffer", let first = arguments.first { return first }
        case "torch" where parts.last == "Size":
            if case .tuple = arguments.first { return arguments.first }
        default: break
        }
        return .instance(of: name)
    }

    private static func rebuilt(_ function: String, _ arguments: [PickleValue]) -> PickleValue? {
        switch function {
        case "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3":
            guard arguments.count >= 4, case .integer(let offset) = arguments[1],
                let shape = arguments[2].integers(atMost: mostAxes),
                let strides = arguments[3].integers(atMost: mostAxes), shape.count == strides.count
            else { return nil }
            guard case .object(let object) = arguments[0], case .storage(let storage) = object as? TorchObject else {
                return arguments[0].isInert ? .unreadable("a tensor without a storage") : nil
            }
            var elementName: String?
            if function == "_rebuild_tensor_v3" {
                guard arguments.count >= 7, case .global(let type) = arguments[6] else { return nil }
                elementName = type
            }
            return .object(
                TorchObject.tensor(
                    .init(storage: storage, elementName: elementName, offset: offset, shape: shape, strides: strides)))
        case "_rebuild_parameter", "_rebuild_parameter_with_state", "_rebuild_device_tensor_from_cpu_tensor":
            return arguments.first
        case "_rebuild_sparse_tensor": return .unreadable("a sparse tensor; save tensor.to_dense()")
        case "_rebuild_qtensor": return .unreadable("a quantised tensor; save tensor.dequantize()")
        case "_rebuild_nested_tensor": return .unreadable("a nested tensor")
        case "_rebuild_meta_tensor_no_storage": return .unreadable("a tensor on the device meta, without numbers")
        case "_rebuild_device_tensor_from_numpy", "_rebuild_wrapper_subclass":
            return .unreadable("a tensor of another class; save tensor.cpu() of an ordinary one")
        default: return .instance(of: "torch._utils." + function)
        }
    }
}
