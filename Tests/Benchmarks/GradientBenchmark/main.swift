// One gradient of an LSTM language model whenever a line "go" comes in, for gradient_speed.py, which runs this beside
// PyTorch. Arguments: the configuration as JSON, steps, streams, threads. The first line out names LibTorch and the kernels;
// then one line a gradient: seconds, loss.
import Essentials
import Foundation
import Objectives
import ParameterSpace
import Torch

tuneAllocator()
let arguments = CommandLine.arguments.dropFirst().map { String($0) }
guard arguments.count == 4, let steps = Int(arguments[1]), let streams = Int(arguments[2]),
    let threads = Int(arguments[3])
else {
    FileHandle.standardError.write(Data("usage: gradient-benchmark CONFIGURATION STEPS STREAMS THREADS\n".utf8))
    exit(64)
}
try setThreadCount(threads)
let configuration = try JSONDecoder().decode(LSTMConfiguration.self, from: Data(arguments[0].utf8))
let model = try LSTMLanguageModel<Float>(configuration)
let point = model.initialPoint(seed: 1)
var gradient = [Float](repeating: 0, count: model.layout.count)

/// A line that is on its way when the call returns.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

func tokens(_ purpose: String) -> [Int64] {
    var generator = SeededGenerator(seed: 1, purpose: purpose)
    return (0..<(steps * streams)).map { _ in Int64(generator.uniform() * Double(configuration.vocabularySize)) }
}

let batch = TokenBatch(length: steps, count: streams, inputs: tokens("inputs"), targets: tokens("targets"))
let masks = DropoutMasks(configuration, seed: 1, component: 0, length: steps, count: streams)
say("LibTorch \(Torch.version), \(fusedKernels) kernels, \(model.layout.count) parameters")
while readLine() == "go" {
    let clock = ContinuousClock()
    var loss = 0.0
    let duration = try clock.measure { loss = try model.gradient(batch, masks: masks, at: point, into: &gradient) }
    say("\(duration / .seconds(1)) \(loss)")
}
