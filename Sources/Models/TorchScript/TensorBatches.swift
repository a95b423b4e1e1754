import Essentials
import Evaluation
import HDF5
import ParameterSpace
import Torch

/// The batches of a scripted module: an HDF5 file whose datasets have the components, or the samples that make them, along their first
/// axis. They are read when they are needed.
final class TensorBatches: Sendable {
    /// The number of examples of each component; the name of the dataset.
    static let weightName = "component_weight"

    let path: String
    let componentCount: Int
    /// Dataset names without the weights.
    let names: [String]
    /// wᵢ
    let weights: [Double]
    private let batchSize: Int?
    private let entryCount: Int
    private let file: HDF5.File

    /// - Parameters:
    ///   - place: where the file is now, if it has moved; its bytes must be those that it had.
    /// - Throws: `SmoothnessError`: `.noInput`, `.data` where it has changed, holds no dataset or datasets of different lengths.
    init(_ data: DataFile, at place: String?, batchSize: Int?) throws {
        let path = place ?? data.path
        try data.requireUnchanged(at: place)
        self.path = path
        let file = try Self.open(path)
        let found = try Self.translated(path) { try file.members(of: "/") }
        var (names, extents, weights): ([String], [String: Int], [Double]?) = ([], [:], nil)
        for name in found {
            let (kind, shape) = try Self.translated(path) {
                (
                    try file.kind(of: "/" + name),
                    try file.kind(of: "/" + name) == .dataset ? file.dataset("/" + name).shape : []
                )
            }
            guard kind == .dataset, let first = shape.first else { continue }
            if name == Self.weightName {
                weights = try Self.translated(path) { try file.dataset("/" + name).read(as: Double.self) }
            } else {
                names.append(name)
                extents[name] = first
            }
        }
        guard let count = extents.values.first, count > 0, Set(extents.values).count == 1 else {
            throw SmoothnessError(
                .data, "does not hold batches", file: path,
                expected: "datasets whose first axes have one length, the number of components or samples",
                found: extents.isEmpty
                    ? "no dataset"
                    : names.map { "\($0) \(extents[$0] ?? 0)" }.joined(separator: ", "))
        }
        // One batch has all entries at most, whatever a description asks for.
        let batchSize = batchSize.map { min(max(1, $0), count) }
        self.names = names
        self.batchSize = batchSize
        entryCount = count
        let components = batchSize.map { (count + $0 - 1) / $0 } ?? count
        componentCount = components
        let own = (0..<components).map { index in
            Double(batchSize.map { min($0, count - index * $0) } ?? 1)
        }
        self.weights = weights ?? own
        self.file = file
        guard self.weights.count == components, self.weights.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw SmoothnessError(
                .data, "does not weigh the components", file: path, object: "/" + Self.weightName,
                expected: "\(components) positive numbers", found: "\(self.weights.count) numbers")
        }
    }

    /// The tensor of an argument for a component.
    func tensor<Scalar: ParameterScalar>(
        _ name: String, component: Int, as scalar: Scalar.Type, on device: Device
    ) throws -> Tensor {
        let object = "/" + name
        return try Self.translated(path) {
            let dataset = try file.dataset(object)
            let (element, shape) = (try dataset.elementName, try dataset.shape)
            let first = component * (batchSize ?? 1)
            let length = batchSize.map { min($0, entryCount - first) } ?? 1
            let (start, count) = (
                [first] + shape.dropFirst().map { _ in 0 }, [length] + shape.dropFirst()
            )
            let extents = (batchSize == nil ? [] : [length]) + shape.dropFirst()
            switch element {
            case "float32", "float64":
                // The arithmetic is that of the parameters.
                if Scalar.self == Float.self {
                    return try Tensor(
                        dataset.read(as: Float.self, start: start, count: count), shape: extents, on: device)
                }
                return try Tensor(dataset.read(as: Double.self, start: start, count: count), shape: extents, on: device)
            case "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32":
                return try Tensor(dataset.read(as: Int64.self, start: start, count: count), shape: extents, on: device)
            default:
                throw SmoothnessError(
                    .data, "holds elements that no tensor is made of here", file: path, object: object,
                    expected: "float32, float64 or integers of up to 64 bits", found: element)
            }
        }
    }

    private static func open(_ path: String) throws -> HDF5.File {
        try translated(path) {
            guard try HDF5.File.isHDF5(path) else {
                throw SmoothnessError(
                    .data, "is not an HDF5 file", file: path, expected: "datasets named as the arguments of forward")
            }
            do { return try HDF5.File.open(path, .readOnly) } catch let error as HDF5Error {
                throw SmoothnessError(
                    .data, error.damage, file: path, object: error.object,
                    remedy: error.remedy ?? SmoothnessError.copyAgain)
            }
        }
    }

    private static func translated<Result: ~Copyable>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as HDF5Error {
            throw SmoothnessError(
                .data, error.explanation ?? "\(error.operation) failed: \(error.message)", file: error.file ?? path,
                object: error.object, remedy: error.remedy)
        }
    }
}
