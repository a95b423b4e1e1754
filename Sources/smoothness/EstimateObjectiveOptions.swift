import ArgumentParser
import Essentials
import Evaluation
import Foundation
import Models
import RunFiles

/// What is measured where the run's own objective is not known here, or is not what is wanted.
struct EstimateObjectiveOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "torchscript, with --module and --data; or a file: a description in JSON, or a run file whose objective it is.",
            valueName: "torchscript|file"))
    var objective: String?
    @Option(
        help:
            "The scripted module (an archive of torch.jit.save). A module is a program: only this option opens one, never a run file."
    )
    var module: String?
    @Option(
        parsing: .unconditional,
        help: "torchscript: how many successive entries of the data make a component. (default: every entry is one)")
    var batchSize: Int?

    var isScripted: Bool { objective == "torchscript" }

    func validate() throws {
        if let batchSize, batchSize < 1 { throw ValidationError("--batch-size must be at least 1, not \(batchSize)") }
        if batchSize != nil && !isScripted { throw ValidationError("--batch-size belongs to --objective torchscript") }
        if isScripted && module == nil { throw ValidationError("--objective torchscript needs --module") }
    }

    /// - Returns: `nil` where the run's own objective is meant.
    func description(data: String?) throws -> ObjectiveDescription? {
        guard let objective else { return nil }
        guard isScripted, let module else { return try ObjectiveDescription(ofFile: objective) }
        guard let data else { throw ValidationError("--objective torchscript needs --data, the batches") }
        return try .torchScript(module: module, data: data, batchSize: batchSize)
    }
}

extension ObjectiveDescription {
    /// The description that a file holds: a run file, or the JSON of its `/objective`.
    init(ofFile path: String) throws {
        if let reader = try? RunFileReader(path) {
            self = try ObjectiveDescription(json: reader.header.objective, file: path)
            return
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SmoothnessError(
                .noInput, "there is no such file", file: path,
                expected: "torchscript, a run file, or a description in JSON")
        }
        self = try ObjectiveDescription(json: String(decoding: data, as: UTF8.self), file: path)
    }
}
