import Essentials
import HDF5

/// The datasets of any HDF5 file, in its groups. What lies in other files is not read.
enum PlainHDF5Reader {
    static func read(_ path: String) throws -> TensorTree {
        do {
            let file: HDF5.File
            do { file = try HDF5.File.open(path, .readOnly) } catch {
                throw SmoothnessError(
                    .data, error.damage, file: path, object: error.object,
                    remedy: error.remedy ?? SmoothnessError.copyAgain)
            }
            return try group("/", of: file, depth: 0)
        } catch let error as HDF5Error {
            var known = SmoothnessError(.data, error)
            known.file = path
            throw known
        }
    }

    private static func group(_ path: String, of file: borrowing HDF5.File, depth: Int) throws -> TensorTree {
        // Links can lead in circles.
        guard depth < 32 else { return .other("a group inside too many others") }
        var members: [(name: String, value: TensorTree)] = []
        for name in try file.members(of: path) {
            let object = (path == "/" ? "" : path) + "/" + name
            // Who wrote this file must not choose what else is read.
            guard try file.isWithin(object) else {
                members.append((name, .other("in another file, to which this one only points; name that file itself")))
                continue
            }
            switch try file.kind(of: object) {
            case .group: members.append((name, try group(object, of: file, depth: depth + 1)))
            case .dataset: members.append((name, try dataset(object, of: file)))
            case .other, nil: members.append((name, .other("neither a group nor a dataset")))
            }
        }
        return .dictionary(members)
    }

    private static func dataset(_ object: String, of file: borrowing HDF5.File) throws -> TensorTree {
        let dataset = try file.dataset(object)
        let (name, shape) = (try dataset.elementName, try dataset.shape)
        guard let element = ForeignElement(rawValue: name) else {
            return .other(
                "a dataset of type \(name == "other" ? "other than float32 and float64, little-endian" : name)")
        }
        return .tensor(
            ForeignTensor(file: file.path, name: object, shape: shape, element: element, place: .dataset(object)))
    }
}
