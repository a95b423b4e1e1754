import Foundation
import RunFileFixture
import RunFiles

// run-file-writer FILE (every|third) WIDTH ITERATIONS: writes a toy run, or continues one; tests kill it at random moments.
let arguments = CommandLine.arguments
guard arguments.count == 5, let width = Int(arguments[3]), let iterations = Int(arguments[4]) else {
    FileHandle.standardError.write(Data("run-file-writer FILE (every|third) WIDTH ITERATIONS\n".utf8))
    exit(64)
}
var toy = ToyRun(Float.self)
toy.width = width
toy.iterationCount = iterations
toy.savedIterations = Array(stride(from: 0, to: iterations, by: arguments[2] == "every" ? 1 : 3))
do {
    let path = arguments[1]
    var writer =
        FileManager.default.fileExists(atPath: path)
        ? try RunFileWriter<Float>(continuing: path)
        : try RunFileWriter<Float>(creating: path, header: toy.header(), plan: toy.plan)
    // Says that the file is there, so that a test knows when killing begins to matter.
    FileHandle.standardError.write(Data("writing\n".utf8))
    try toy.run(on: &writer)
    try writer.finish(.complete)
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
