/// What a pickle of `torch.save` builds: containers, numbers, strings, tensors, and placeholders for everything else.
indirect enum PickleValue {
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

    /// Containers are filled after they were made and named.
    final class List { var items: [PickleValue] = [] }
    final class Dictionary { var items: [(key: PickleValue, value: PickleValue)] = [] }

    case none
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case tuple([PickleValue], depth: Int)
    case list(List)
    case dictionary(Dictionary)
    /// A class or a function, by name. It is never looked up.
    case global(String)
    case storage(Storage)
    case tensor(Tensor)
    /// An object of this class, or what this function returns. What is put into it is dropped.
    case object(String)
    /// Something else that no tensor is made of, in words. What is put into it is dropped.
    case placeholder(String)
    /// A tensor of another kind than is read here, in words.
    case unreadable(String)

    var summary: String {
        switch self {
        case .none: "None"
        case .boolean(let value): value ? "True" : "False"
        case .integer(let value): "the number \(value)"
        case .number(let value): "the number \(value)"
        case .string: "a string"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dictionary"
        case .global(let name): name
        case .object(let name): "an object of \(name)"
        case .storage: "a storage"
        case .tensor: "a tensor"
        case .placeholder(let text), .unreadable(let text): text
        }
    }

    var depth: Int { if case .tuple(_, let depth) = self { depth } else { 0 } }

    /// As the key of a dictionary.
    var keyText: String? {
        switch self {
        case .string(let text): text
        case .integer(let value): "\(value)"
        default: nil
        }
    }

    /// Whether what is put into it is dropped.
    var isInert: Bool {
        switch self {
        case .object, .placeholder, .unreadable: true
        default: false
        }
    }

    /// Extents or strides.
    var integers: [Int]? {
        guard case .tuple(let items, _) = self, items.count <= mostAxes else { return nil }
        let numbers = items.compactMap { if case .integer(let number) = $0 { number } else { nil } }
        return numbers.count == items.count ? numbers : nil
    }
}

/// What stands for the calls in a pickle. Functions are told by their names and never called; those that make tensors and dictionaries have their
/// results put together here, everything else becomes a placeholder.
enum PickleCall {
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

    /// Whether the name is of something that only a program that means harm would call.
    static func isHostile(_ global: String) -> Bool {
        let parts = global.split(separator: ".", maxSplits: 1)
        let module = String(parts.first ?? "")
        if refusedModules.contains(module) { return true }
        return ["builtins", "__builtin__"].contains(module) && parts.count == 2
            && refusedBuiltins.contains(String(parts[1]))
    }

    /// - Returns: `nil` where the arguments of a function that makes tensors are not its arguments.
    static func result(
        of function: PickleValue, _ arguments: [PickleValue], depth: Int = 0,
        makeDictionary: () -> PickleValue.Dictionary
    ) -> PickleValue? {
        guard case .global(let name) = function else { return .placeholder("an object") }
        if dictionaries.contains(name) {
            // A counter comes with its numbers; others are filled afterwards.
            if case .dictionary(let items) = arguments.last { return .dictionary(items) }
            return .dictionary(makeDictionary())
        }
        guard name.hasPrefix("torch.") else { return .object(name) }
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
        return .object(name)
    }

    private static func rebuilt(_ function: String, _ arguments: [PickleValue]) -> PickleValue? {
        switch function {
        case "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3":
            guard arguments.count >= 4, case .integer(let offset) = arguments[1], let shape = arguments[2].integers,
                let strides = arguments[3].integers, shape.count == strides.count
            else { return nil }
            guard case .storage(let storage) = arguments[0] else {
                if arguments[0].isInert { return .unreadable("a tensor without a storage") }
                return nil
            }
            var elementName: String?
            if function == "_rebuild_tensor_v3" {
                guard arguments.count >= 7, case .global(let type) = arguments[6] else { return nil }
                elementName = type
            }
            return .tensor(
                PickleValue.Tensor(
                    storage: storage, elementName: elementName, offset: offset, shape: shape, strides: strides))
        case "_rebuild_parameter", "_rebuild_parameter_with_state", "_rebuild_device_tensor_from_cpu_tensor":
            return arguments.first
        case "_rebuild_sparse_tensor": return .unreadable("a sparse tensor; save tensor.to_dense()")
        case "_rebuild_qtensor": return .unreadable("a quantised tensor; save tensor.dequantize()")
        case "_rebuild_nested_tensor": return .unreadable("a nested tensor")
        case "_rebuild_meta_tensor_no_storage": return .unreadable("a tensor on the device meta, without numbers")
        case "_rebuild_device_tensor_from_numpy", "_rebuild_wrapper_subclass":
            return .unreadable("a tensor of another class; save tensor.cpu() of an ordinary one")
        default: return .object("torch._utils." + function)
        }
    }
}
