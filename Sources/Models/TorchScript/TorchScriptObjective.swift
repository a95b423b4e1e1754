import Essentials
import Evaluation
import ParameterSpace
import Torch

/// The loss of a scripted module on the batches of a file: component i is forward(batch i).
///
/// Every argument of forward without a default is the dataset of its name. Where the module was exported in evaluation mode nothing is
/// random; where it was not, component i draws from LibTorch's generator seeded with a function of (seed, draw, i), the same at every
/// point, and `masks` `off` puts it into evaluation mode.
final class TorchScriptObjective<Scalar: ParameterScalar>: Objective {
    let layout: ParameterLayout
    let componentCount: Int
    private let batches: TensorBatches
    private let arguments: [String]
    private let modules: ScriptModulePool
    private let path: String
    private let start: [Scalar]
    private let seed: UInt64
    private let draw: UInt64
    private let device: Device

    /// - Throws: `SmoothnessError`: `.data` for bytes that are no such module, arguments without a dataset, a loss that is not one number, or one
    ///   that is different when it is evaluated again; `.usage` for `microBatch`.
    init(
        archive: [UInt8], modulePath: String, batches: TensorBatches, seed: UInt64, options: EvaluationOptions
    ) throws {
        guard options.microBatch == nil else {
            throw SmoothnessError(
                .usage, "the batches of a scripted module are taken whole", object: "--micro-batch",
                remedy: "Cut them smaller: --batch-size")
        }
        let device = try Self.explaining(modulePath) { try Device(options.device) }
        let modules = try Self.explaining(modulePath) {
            try ScriptModulePool(
                archive, type: Scalar.self == Float.self ? .float32 : .float64, on: device,
                isEvaluating: options.masks == .off)
        }
        path = modulePath
        self.device = device
        self.modules = modules
        layout = ParameterLayout(modules.parameters.map { (name: $0.name, shape: $0.shape) })
        start = try Self.explaining(modulePath) { try modules.withModule { try $0.point(as: Scalar.self) } }
        arguments = try Self.match(modules.arguments, batches, modulePath)
        self.batches = batches
        self.seed = seed
        draw = 0
        componentCount = batches.componentCount
        try requireRepeatable()
    }

    private init(_ other: TorchScriptObjective, draw: UInt64) {
        layout = other.layout
        componentCount = other.componentCount
        batches = other.batches
        arguments = other.arguments
        modules = other.modules
        path = other.path
        start = other.start
        seed = other.seed
        device = other.device
        self.draw = draw
    }

    /// The datasets of the arguments, in their order.
    private static func match(
        _ arguments: [ScriptModule.Argument], _ batches: TensorBatches, _ path: String
    ) throws -> [String] {
        let needed = arguments.prefix { batches.names.contains($0.name) || !$0.hasDefault }.map(\.name)
        let (missing, unused) = (
            needed.filter { !batches.names.contains($0) }, batches.names.filter { !needed.contains($0) }
        )
        guard missing.isEmpty, unused.isEmpty else {
            throw SmoothnessError(
                .data, "the datasets are not the arguments of the module's forward", file: batches.path,
                expected: "datasets named " + needed.joined(separator: ", ") + ", and no others but "
                    + TensorBatches.weightName,
                found: batches.names.joined(separator: ", "),
                remedy:
                    "Name them as the arguments in \(path): def forward(self, \(arguments.map(\.name).joined(separator: ", ")))"
            )
        }
        return needed
    }

    /// Two evaluations of one component must be the same, or nearly so on a processor that adds in no fixed order.
    private func requireRepeatable() throws {
        var (first, second) = (start, start)
        let losses = [
            try gradient(ofComponent: 0, at: start, into: &first),
            try gradient(ofComponent: 0, at: start, into: &second),
        ]
        let (difference, norm) = (layout.distance(from: first, to: second), layout.norm(of: first))
        // What is not finite is for the run to find.
        guard norm.isFinite, difference > 1e-3 * norm || abs(losses[0] - losses[1]) > 1e-3 * abs(losses[0]) else {
            return
        }
        throw SmoothnessError(
            .data, "the module is not the same function when it is evaluated again", file: path,
            object: "forward", expected: "one loss and one gradient of a batch at a point",
            found: "losses \(losses[0]) and \(losses[1]), gradients \(difference / norm) of their norm apart",
            remedy:
                "Export it after model.eval(), without random numbers of its own and without state that forward changes"
        )
    }

    func weight(ofComponent component: Int) -> Double { batches.weights[component] }

    func loss(ofComponent component: Int, at point: [Scalar]) throws -> Double {
        try evaluating(component) { module, inputs in
            try module.loss(at: point, inputs, seed: module.isTraining ? seed(ofComponent: component) : nil)
        }
    }

    func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) throws -> Double {
        try evaluating(component) { module, inputs in
            try module.gradient(
                at: point, inputs, seed: module.isTraining ? seed(ofComponent: component) : nil, into: &gradient)
        }
    }

    /// The parameters that the module came with.
    func initialPoint(seed: UInt64) -> [Scalar] { start }

    func redrawn(_ draw: UInt64) -> any Objective<Scalar> { TorchScriptObjective(self, draw: draw) }

    /// Lends a module and the inputs of a component; an error names their shapes.
    private func evaluating<Result>(_ component: Int, _ body: (ScriptModule, [Tensor]) throws -> Result) throws
        -> Result
    {
        let inputs = try inputs(component)
        let shapes = { zip(self.arguments, inputs).map { "\($0) \($1.shape)" }.joined(separator: ", ") }
        return try amendingErrors(
            { $0.found = $0.found ?? "component \(component): \(shapes())" },
            of: { try Self.explaining(path) { try modules.withModule { try body($0, inputs) } } })
    }

    /// What LibTorch says, in this project's words.
    private static func explaining<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as TorchError {
            let kind: SmoothnessError.Kind = error.kind == .noDevice ? .usage : .data
            throw SmoothnessError(
                kind, "\(error.operation) failed: \(cause(of: error))", file: path, object: "TorchScript module",
                expected: error.operation == "torch.jit.load" ? "an archive that torch.jit.save has written" : nil)
        }
    }

    /// The last line, under the interpreter's traceback of two programs.
    private static func cause(of error: TorchError) -> String {
        guard error.message.contains("TorchScript interpreter") else { return error.message }
        return error.message.split(whereSeparator: \.isNewline).last.map(String.init) ?? error.message
    }

    private func inputs(_ component: Int) throws -> [Tensor] {
        try arguments.map { try batches.tensor($0, component: component, as: Scalar.self, on: device) }
    }

    private func seed(ofComponent component: Int) -> UInt64 {
        SeededGenerator(seed: seed, purpose: "scripted module \(draw)", index: component).state
    }
}
