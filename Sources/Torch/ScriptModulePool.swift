import Foundation
import Synchronization

/// Instances of one scripted module, so that several threads can evaluate it at the same time: as many as were ever needed at once.
///
/// A module in training mode draws from LibTorch's generators, which belong to the whole process: its evaluations run one after the
/// other.
public final class ScriptModulePool: Sendable {
    private let archive: [UInt8]
    private let type: ScalarType
    private let device: Device
    private let isEvaluating: Bool
    /// Only ever taken out by one thread, which puts it back when it is done.
    private struct Instance: @unchecked Sendable { let module: ScriptModule }
    private let idle = Mutex<[Instance]>([])
    private let alone = NSLock()
    /// Whether evaluations draw, so that they run one after the other.
    public let isTraining: Bool
    public let parameters: [ScriptModule.Parameter]
    public let arguments: [ScriptModule.Argument]

    /// - Parameters:
    ///   - archive: the bytes that `torch.jit.save` has written.
    ///   - isEvaluating: puts the module into evaluation mode, however it was exported.
    public init(
        _ archive: [UInt8], type: ScalarType, on device: Device, isEvaluating: Bool
    ) throws(TorchError) {
        self.archive = archive
        self.type = type
        self.device = device
        self.isEvaluating = isEvaluating
        let module = try Self.load(archive, type, device, isEvaluating)
        isTraining = module.isTraining
        parameters = module.parameters
        arguments = module.arguments
        let instance = Instance(module: module)
        idle.withLock { $0.append(instance) }
    }

    /// Lends an instance to `body`.
    public func withModule<Result>(_ body: (ScriptModule) throws -> Result) throws -> Result {
        guard isTraining else { return try withInstance(body) }
        alone.lock()
        defer { alone.unlock() }
        return try withInstance(body)
    }

    private func withInstance<Result>(_ body: (ScriptModule) throws -> Result) throws -> Result {
        let instance = try idle.withLock { $0.popLast() } ?? make()
        defer { idle.withLock { $0.append(instance) } }
        return try body(instance.module)
    }

    private func make() throws(TorchError) -> Instance {
        Instance(module: try Self.load(archive, type, device, isEvaluating))
    }

    private static func load(
        _ archive: [UInt8], _ type: ScalarType, _ device: Device, _ isEvaluating: Bool
    ) throws(TorchError) -> ScriptModule {
        let module = try ScriptModule(archive, type: type, on: device)
        if isEvaluating { try module.setEvaluating() }
        return module
    }
}
