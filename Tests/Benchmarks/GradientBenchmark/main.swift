// One gradient of a language model (with `resnet` as first argument: of a residual network, see serveResidualNetwork) whenever a line "go" comes in,
// for gradient_speed.py, which runs this beside PyTorch. Arguments: lstm or gpt, the configuration as JSON, steps, streams, threads. The first line out names LibTorch and the
// kernels; then one line a gradient: seconds, loss.
import Essentials
import Evaluation
import Foundation
import Models
import ParameterSpace
import Torch

tuneAllocator()
let arguments = CommandLine.arguments.dropFirst().map { String($0) }
if arguments.first == "resnet" {
    try serveResidualNetwork(Array(arguments.dropFirst()))
    exit(0)
}
guard arguments.count == 5, ["lstm", "gpt"].contains(arguments[0]), let steps = Int(arguments[2]),
    let streams = Int(arguments[3]), let threads = Int(arguments[4])
else {
    FileHandle.standardError.write(
        Data("usage: gradient-benchmark lstm|gpt CONFIGURATION STEPS STREAMS THREADS\n".utf8))
    exit(64)
}
try setThreadCount(threads)

/// A line that is on its way when the call returns.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

func makeBatch(vocabularySize: Int) -> TokenBatch {
    func tokens(_ purpose: String) -> [Int64] {
        var generator = SeededGenerator(seed: 1, purpose: purpose)
        return (0..<(steps * streams)).map { _ in Int64(generator.uniform() * Double(vocabularySize)) }
    }
    return TokenBatch(length: steps, count: streams, inputs: tokens("inputs"), targets: tokens("targets"))
}

/// Answers "go" with the time of one gradient at the initial point until the input ends.
func serve(_ point: [Float], _ gradient: (_ point: [Float], _ gradient: inout [Float]) throws -> Double) throws {
    var result = [Float](repeating: 0, count: point.count)
    say("LibTorch \(Torch.version), \(fusedKernels) kernels, \(point.count) parameters")
    while readLine() == "go" {
        var loss = 0.0
        let duration = try ContinuousClock().measure { loss = try gradient(point, &result) }
        say("\(duration / .seconds(1)) \(loss)")
    }
}

let json = Data(arguments[1].utf8)
if arguments[0] == "gpt" {
    let configuration = try JSONDecoder().decode(TransformerConfiguration.self, from: json)
    let model = try TransformerLanguageModel<Float>(configuration)
    let batch = makeBatch(vocabularySize: configuration.vocabularySize)
    let masks = DropoutMasks(configuration, seed: 1, component: 0, length: steps, count: streams)
    try serve(model.initialPoint(seed: 1)) { try model.gradient(batch, masks: masks, at: $0, into: &$1) }
} else {
    let configuration = try JSONDecoder().decode(LSTMConfiguration.self, from: json)
    let model = try LSTMLanguageModel<Float>(configuration)
    let batch = makeBatch(vocabularySize: configuration.vocabularySize)
    let masks = DropoutMasks(configuration, seed: 1, component: 0, length: steps, count: streams)
    try serve(model.initialPoint(seed: 1)) { try model.gradient(batch, masks: masks, at: $0, into: &$1) }
}
