import Essentials
import Evaluation
import ParameterSpace

/// What a `TorchScriptObjective` is made from: a scripted module and its batches, each by path and digest.
public struct TorchScriptDescription: DescribedObjective {
    public static let kind = "torchscript"
    public static let hasModule = true
    public static let hasDevices = true

    /// An archive of `torch.jit.save`.
    public var module: DataFile
    /// HDF5 with one dataset an argument of forward.
    public var data: DataFile
    /// How many successive entries of the datasets' first axis make a component; `nil`: every entry is one.
    public var batchSize: Int?
    /// Of what the module draws in training mode.
    public var seed: UInt64
    /// m
    public var componentCount: Int
    public var parameterCount: Int

    enum CodingKeys: String, CodingKey {
        case module, data, seed
        case batchSize = "batch_size"
        case componentCount = "component_count"
        case parameterCount = "parameter_count"
    }

    public var dataPath: String? { data.path }

    public var summary: String {
        "TorchScript module \(module.path), \(counted(parameterCount, "parameter")), "
            + counted(componentCount, "component") + " of \(data.path)"
    }

    public var estimateArguments: [String] { fileArguments + batchSizeArguments }

    public func trainArguments() -> [String] { fileArguments + ["--objective-seed", "\(seed)"] + batchSizeArguments }

    private var fileArguments: [String] {
        [
            "--objective", Self.kind, "--module", Escaping.argument(path: module.path), "--data",
            Escaping.argument(path: data.path),
        ]
    }

    private var batchSizeArguments: [String] { batchSize.map { ["--batch-size", "\($0)"] } ?? [] }

    public func validate() throws { try requireSize("batch_size", batchSize ?? 1, atMost: DescriptionBounds.batch) }

    /// The place of the module in the description is never opened: a module is a program, and a run file that somebody else made must
    /// not choose what is run here.
    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) throws -> ObjectiveSet<Scalar> {
        guard let modulePath = surroundings.module else {
            throw SmoothnessError(
                .usage, "the objective is a TorchScript module, a program that only its caller may name",
                object: "/objective", expected: "--module with the file of SHA-256 \(module.digest.sha256)",
                found: "no --module", remedy: "If you trust it: --module \(module.path)")
        }
        let remedy = "Name the module that the run was made with: --module"
        let bytes = try amendingErrors(
            { if $0.remedy != nil { $0.remedy = remedy } }, of: { try module.read(from: modulePath) })
        let objective = try TorchScriptObjective<Scalar>(
            archive: bytes, modulePath: modulePath,
            batches: TensorBatches(data, at: surroundings.data, batchSize: batchSize),
            seed: seed, options: surroundings.options)
        guard objective.componentCount == componentCount, objective.layout.count == parameterCount else {
            throw SmoothnessError(
                .data, "the module and its data do not give what they gave", file: modulePath,
                expected: "\(componentCount) components, \(parameterCount) parameters",
                found: "\(objective.componentCount) components, \(objective.layout.count) parameters")
        }
        return ObjectiveSet(training: objective)
    }
}

extension ObjectiveDescription {
    /// The loss that a scripted module returns for batches; see `TorchScriptObjective`.
    ///
    /// - Parameter batchSize: how many successive entries make a component; `nil`: every entry of the first axis is one.
    /// - Throws: `SmoothnessError` for files that are not what they should be.
    public static func torchScript(
        module: String, data: String, batchSize: Int? = nil, seed: UInt64 = 0
    ) throws -> Self {
        try requireSize("batch_size", batchSize ?? 1, atMost: DescriptionBounds.batch)
        let (moduleFile, dataFile) = (try DataFile(path: module), try DataFile(path: data))
        let objective = try TorchScriptObjective<Float>(
            archive: moduleFile.read(), modulePath: module,
            batches: TensorBatches(dataFile, at: nil, batchSize: batchSize), seed: seed, options: EvaluationOptions())
        return Self(
            TorchScriptDescription(
                module: moduleFile, data: dataFile, batchSize: batchSize, seed: seed,
                componentCount: objective.componentCount, parameterCount: objective.layout.count))
    }
}
