import Essentials
import HDF5

/// The datasets of any HDF5 file, in its groups. What lies in other files is not read.
struct PlainHDF5Reader {
    /// Groups in groups; what lies deeper is not read.
    private static let mostDepth = 32
    private static let elements: [FloatingPointForm: ForeignElement] = [
        FloatingPointForm(exponent: 5, mantissa: 10): .float16, FloatingPointForm(exponent: 8, mantissa: 7): .bfloat16,
        FloatingPointForm(exponent: 8, mantissa: 23): .float32, FloatingPointForm(exponent: 11, mantissa: 52): .float64,
    ]

    /// What was read already, by its address in the file; `nil` while it is being read. Many names may lead to one object, its own members' too.
    private var known: [UInt64: TensorTree?] = [:]

    /// - Returns: what the file holds, and how many objects that are.
    static func read(_ path: String) throws -> (root: TensorTree, objectCount: Int) {
        do {
            let file: HDF5.File
            do { file = try HDF5.File.open(path, .readOnly) } catch {
                throw SmoothnessError(
                    .data, error.damage, file: path, object: error.object,
                    remedy: error.remedy ?? SmoothnessError.copyAgain)
            }
            var reader = PlainHDF5Reader()
            let root = try reader.group("/", of: file, depth: 0)
            return (root, reader.known.count)
        } catch let error as HDF5Error {
            var known = SmoothnessError(.data, error)
            known.file = path
            throw known
        }
    }

    private mutating func group(_ path: String, of file: borrowing HDF5.File, depth: Int) throws -> TensorTree {
        guard depth < Self.mostDepth else { return .other("a group in \(depth) others") }
        var members: [(name: String, value: TensorTree)] = []
        let address = try file.address(of: path)
        known[address] = .some(nil)
        for name in try file.members(of: path) {
            let object = (path == "/" ? "" : path) + "/" + name
            // What cannot be read is refused where it is asked for, and is no reason not to read what lies beside it.
            do { members.append((name, try member(object, of: file, depth: depth + 1))) } catch let error as HDF5Error {
                members.append((name, .unreadable("\(error.operation) failed: \(error.message)")))
            }
        }
        let found = TensorTree.dictionary(members)
        known[address] = found
        return found
    }

    private mutating func member(_ object: String, of file: borrowing HDF5.File, depth: Int) throws -> TensorTree {
        // Who wrote this file must not choose what else is read.
        let isSoft = file.isSoftLink(object)
        let isWithin = isSoft ? (try? file.isWithin(object)) ?? false : try file.isWithin(object)
        guard isWithin else {
            let text = "in another file, to which this one only points; name that file itself"
            return isSoft ? .other("nowhere or " + text) : .unreadable(text)
        }
        guard let kind = try file.kind(of: object), kind != .other else {
            return .other("neither a group nor a dataset")
        }
        let address = try file.address(of: object)
        if let found = known[address] { return found ?? .other("a group that it lies in itself") }
        // MATLAB keeps here what its cells refer to.
        if ["/#refs#", "/#subsystem#"].contains(object) { return .other("a group of MATLAB's own") }
        if kind == .dataset {
            let found = try dataset(object, of: file)
            known[address] = found
            return found
        }
        if try file.hasAttribute("MATLAB_sparse", of: object) {
            return .unreadable("a sparse matrix of MATLAB; save full(…)")
        }
        return try group(object, of: file, depth: depth)
    }

    private func dataset(_ object: String, of file: borrowing HDF5.File) throws -> TensorTree {
        let dataset = try file.dataset(object)
        let shape = try dataset.shape
        guard let form = try dataset.floatingPointForm else {
            return .other("a dataset of type \(try dataset.elementName)")
        }
        guard let element = Self.elements[form] else {
            return .unreadable("floating-point numbers of \(form.exponent) + \(form.mantissa) bits")
        }
        guard elementCount(shape, width: element.byteCount) != nil else {
            return .unreadable("a dataset of extents \(shape)")
        }
        // MATLAB is column-major and writes its extents in reverse.
        let isMATLAB = try file.hasAttribute("MATLAB_class", of: object)
        if isMATLAB, try file.hasAttribute("MATLAB_empty", of: object) { return .other("an empty array of MATLAB") }
        let ownShape = isMATLAB ? Array(shape.reversed()) : shape
        return .tensor(
            ForeignTensor(
                file: file.path, name: object, shape: ownShape, element: element, place: .dataset(object),
                strides: isMATLAB && shape.count > 1 ? ForeignTensor.reversedStrides(ownShape) : nil))
    }
}
