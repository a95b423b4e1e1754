import Essentials
import Evaluation
import Foundation
import Models
import ParameterSpace
import Torch

/// One gradient of a residual network on generated images whenever a line "go" comes in. Arguments: the architecture's family and
/// depth, images of a batch, their height and width, threads, and a folder that gets `objective.json` and `point.f32`, from which
/// the other side makes the same batch and parameters.
func serveResidualNetwork(_ arguments: [String]) throws {
    guard arguments.count == 6, let family = ResidualNetworkConfiguration.Family(rawValue: arguments[0]),
        let depth = Int(arguments[1]), let batchSize = Int(arguments[2]), let size = Int(arguments[3]),
        let threads = Int(arguments[4])
    else {
        FileHandle.standardError.write(
            Data("usage: gradient-benchmark resnet FAMILY DEPTH BATCH SIZE THREADS FOLDER\n".utf8))
        exit(64)
    }
    try setThreadCount(threads)
    let shape = ImageShape(channels: 3, height: size, width: size)
    var options = ImageClassifierOptions(network: .residual(family: family, depth: depth))
    options.batchSize = batchSize
    let description = try ObjectiveDescription.imageClassifier(
        ImageDataDescription(source: .generated(GeneratedImages(imageCount: batchSize, shape: shape)), heldOut: .none),
        options)
    let objective = try makeObjective(description, as: Float.self).training
    let point = objective.initialPoint(seed: 1)
    let folder = URL(filePath: arguments[5])
    try Data(try description.json().utf8).write(to: folder.appending(path: "objective.json"))
    try Data(point.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) })
        .write(to: folder.appending(path: "point.f32"))

    func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
    say("LibTorch \(Torch.version), \(point.count) parameters")
    var gradient = [Float](repeating: 0, count: point.count)
    while readLine() == "go" {
        let clock = ContinuousClock()
        var loss = 0.0
        let duration = try clock.measure {
            loss = try objective.gradient(ofComponent: 0, at: point, into: &gradient)
        }
        say("\(duration / .seconds(1)) \(loss)")
    }
}
