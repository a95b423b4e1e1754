import ArgumentParser
import Essentials
import Evaluation
import Foundation
import GradientProcess
import Interchange
import ParameterSpace
import RunFiles

/// `smoothness import`: snapshots of another program become a run file.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make a run file of iterates and gradients that another program has saved.",
        discussion: """
            Reads HDF5 with datasets of any names, NumPy's .npz and .npy, safetensors, and torch.save; told by their contents. Several \
            files, or the folder of a trainer with its checkpoints, hold one snapshot each; one file holds all of them, in a list or a \
            mapping, or along the first axis of its tensors. A name may lead to a tensor or to a group of them (a state dictionary), \
            whose members become the blocks of the parameters, matched by name. What was understood is printed before anything is \
            written. Nothing in these files is ever executed.

            Snapshots that follow one another are x_0, x_1, …: the step that is measured leads from each to the next. The gradients \
            must be those of one function, the mean loss over one fixed part of the data; then

                smoothness import weights.npz --iterate weights --gradient grads -o run.h5
                smoothness estimate run.h5

            needs neither model nor data.
            """)

    @Argument(help: "The files, or folders of files or checkpoints.", completion: .file())
    var files: [String]
    @Option(help: ArgumentHelp("The iterates x_k in the files. (default: the whole file)", valueName: "name"))
    var iterate: String = ""
    @Option(help: ArgumentHelp("Their gradients on a fixed part of the data.", valueName: "name"))
    var gradient: String?
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Files of the gradients, where they are not those of the iterates.", valueName: "file"))
    var gradientFiles: [String] = []
    @Option(help: ArgumentHelp("The iterates x_{k+1}, where snapshots come in pairs.", valueName: "name"))
    var nextIterate: String?
    @Option(help: ArgumentHelp("The gradients there.", valueName: "name"))
    var nextGradient: String?
    @Option(help: ArgumentHelp("The losses of the same function, one number a snapshot.", valueName: "name"))
    var loss: String?
    @Option(help: "What the gradients are over, in words.")
    var subset = "as the importing caller has it; not described"
    @Option(
        help: ArgumentHelp(
            "Leave out blocks of this name, as 'running_*' of a state dictionary; may be given again.",
            valueName: "pattern"))
    var leaveOut: [String] = []
    @Option(
        help: ArgumentHelp(
            "The objective whose run this is, if smoothness can make it: a run file, or its description in JSON.",
            valueName: "file"))
    var objective: String?
    @Flag(
        inversion: .prefixedNo,
        help:
            "The first axis of the tensors of a file is time. (default: so in HDF5 and .npz, not in state dictionaries)"
    )
    var stacked: Bool?
    @Option(
        help: ArgumentHelp(
            "A run file whose blocks the parameters are, by name and shape in any order; flat vectors are divided into them.",
            valueName: "run"))
    var layout: String?
    @Option(
        parsing: .unconditional, help: "Pairs: row i is iteration i times this. (default: their own numbers, or 2)")
    var every: Int?
    @Option(name: .shortAndLong, help: "The run file.")
    var output: String
    @OptionGroup var integrity: ChecksumOption
    @Flag(help: "Replace what stands at its place.")
    var force = false

    func validate() throws {
        if nextIterate == nil && (nextGradient != nil || every != nil) {
            throw ValidationError("--next-gradient and --every belong to --next-iterate")
        }
        if nextIterate != nil && (gradient != nil) != (nextGradient != nil) {
            throw ValidationError("with --next-iterate, --gradient and --next-gradient belong together")
        }
        if let every, every < 2 {
            throw ValidationError("--every must be at least 2; without --next-iterate snapshots follow one another")
        }
    }

    func run() throws {
        let target = Console.absolute(output)
        let (tensors, notes) = try CheckpointFolder.snapshots(files)
        let (gradientTensors, gradientNotes) =
            gradientFiles.isEmpty ? (tensors, []) : try CheckpointFolder.snapshots(gradientFiles)
        let inputs = (tensors + gradientTensors).flatMap(\.sources) + [layout, objective].compactMap(\.self)
        try refuseInput(as: target, inputs: inputs)
        func series(_ name: String?, _ files: [TensorFile]) throws -> SnapshotSeries? {
            try name.map { try SnapshotSeries(files, name: $0, stacked: stacked, leavingOut: isLeftOut) }
        }
        guard let iterates = try series(iterate, tensors) else { return }
        var work = RunImport(
            iterates: iterates, nextIterates: try series(nextIterate, tensors),
            gradients: try series(gradient ?? (gradientFiles.isEmpty ? nil : ""), gradientTensors),
            nextGradients: try series(nextGradient, gradientTensors), losses: try series(loss, gradientTensors),
            subset: subset, objective: try description(), layout: try layoutOfRun(),
            iterationsPerRow: nextIterate == nil ? nil : every)
        work.hasChecksums = integrity.checksums ?? true
        for line in try work.understanding() + notes + gradientNotes { Console.error(line) }
        Console.error("importing \(counted(work.rowCount, "step")), \(try work.byteCount()) bytes → \(target)")
        try work.write(to: target, isForced: force)
        let summary = try RunFileReader(target).summary()
        try Console.output(
            "\(counted(summary.committedSnapshots, "row")) of \(summary.parameterCount) \(summary.scalar) parameters in "
                + counted(summary.blocks.count, "block")
                + (summary.hasFixedSubsetGradients ? ", with gradients on a fixed subset" : "") + "\n")
        Console.error("wrote \(target)")
    }

    private func isLeftOut(_ name: String) -> Bool { leaveOut.contains { fnmatch($0, name, 0) == 0 } }

    private func description() throws -> String {
        guard let objective else {
            return try ObjectiveDescription(
                ExternalDescription(description: "imported from \(files.joined(separator: ", "))")
            ).json()
        }
        return try ObjectiveDescription(ofFile: objective).json()
    }

    private func layoutOfRun() throws -> ParameterLayout? {
        try layout.map { try RunFileReader($0).header.layout }
    }
}
