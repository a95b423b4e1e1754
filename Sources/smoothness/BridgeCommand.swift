import ArgumentParser
import Essentials
import Foundation

/// `smoothness bridge`: the Python half of the program.
struct BridgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bridge",
        abstract: "Print the Python module that records runs and serves gradients.",
        discussion: """
            smoothness bridge > smoothness_bridge.py

            One file, which needs NumPy and h5py, and PyTorch or JAX where they are used. Recorder saves the iterates of a training loop \
            into a run file; serve answers requests for gradients of: smoothness estimate run.h5 --oracle "python my_run.py --serve". \
            docs/pytorch.md is a tutorial.
            """)

    @Option(name: .shortAndLong, help: "The file to write. (default: standard output)", completion: .file())
    var output: String?
    @OptionGroup var replace: ReplaceOption

    func run() throws {
        try replace.check([output].compactMap(\.self), inputs: []) { _ in [.module] }
        try deliver(Self.module, to: output)
    }

    /// The parts stand in the program itself.
    private static var module: String {
        [
            PackageResources.parameters_py, PackageResources.runfile_py, PackageResources.components_py,
            PackageResources.sources_py, PackageResources.serving_py, PackageResources.optimizers_py,
            PackageResources.recorder_py, PackageResources.callbacks_py,
        ]
        .map { String(decoding: $0, as: UTF8.self) }.joined().replacing("@VERSION@", with: Software.version)
    }
}
