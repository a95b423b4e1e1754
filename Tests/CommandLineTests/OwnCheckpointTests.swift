import Foundation
import HDF5
import TestSupport
import Testing

/// Checkpoints of a Trainer, of torch.compile and of Lightning, imported and estimated on the gradients of the model that was trained.
@Suite(
    "Estimates of imported checkpoints",
    .enabled(if: Workplace.python != nil, "needs Python with PyTorch and safetensors: set SMOOTHNESS_PYTHON"))
struct OwnCheckpointTests {
    private let bench: Workbench
    private let python: String
    private static let script = Workplace.packageRoot.appending(
        path: "Tests/CommandLineTests/Twins/own_checkpoints.py"
    ).path

    init() throws {
        bench = try Workbench()
        python = try #require(Workplace.python)
        try bench.python("own_checkpoints.py", [])
        try bench.succeed("bridge", "--output", "smoothness_bridge.py")
    }

    private func oracle(_ kind: String = "serve") -> String { "'\(python)' '\(Self.script)' \(kind)" }

    /// Imports a folder and estimates it on the served gradients.
    /// - Returns: the gradient norms and L̂, and what was said.
    private func estimate(_ folder: String) throws -> (norms: [Double], smoothness: [Double], said: String) {
        try bench.succeed("import", folder, "-o", "\(folder).h5")
        let said = try bench.succeed(
            "estimate", "\(folder).h5", "--oracle", oracle(), "--subset", "1", "--delta", "0.5")
        let file = try HDF5.File.open(bench.path("\(folder).estimates.h5"))
        func column(_ name: String) throws -> [Double] { try file.dataset("/estimates/\(name)").read(as: Double.self) }
        try bench.succeed("verify", "\(folder).estimates.h5")
        return (try column("gradient_norm"), try column("smoothness"), said.standardError)
    }

    @Test(
        "blocks in alphabetical order and under the names of wrappers are matched by name: the same estimates, and a note"
    )
    func sameEstimates() throws {
        let plain = try estimate("plain")
        #expect(plain.norms.count == 3 && plain.norms.allSatisfy { $0 > 0 } && plain.smoothness.allSatisfy { $0 > 0 })
        #expect(!plain.said.contains("matched by name") && !plain.said.contains("taken off to match"))
        for (folder, note) in [
            (
                "trainer",
                "note: the blocks of the run come in another order than those of the objective and were matched by name\n"
            ),
            ("compiled", "note: the names of a wrapper (module., _orig_mod., model.) were taken off to match\n"),
            ("lightning", "note: the names of a wrapper (module., _orig_mod., model.) were taken off to match\n"),
        ] {
            let found = try estimate(folder)
            #expect(found.said.contains(note), "\(folder): \(found.said)")
            // The order of a sum over blocks is the order of the blocks.
            for (own, other) in [(found.norms, plain.norms), (found.smoothness, plain.smoothness)] {
                #expect(
                    own.count == other.count && zip(own, other).allSatisfy { abs($0 - $1) <= 1e-6 * $1 }, "\(folder)")
            }
        }
    }

    @Test("blocks that are not those of the model are refused by their names, with the remedy")
    func refusals() throws {
        try bench.succeed("import", "trainer", "-o", "trainer.h5")
        let larger = try bench.smoothness(
            "estimate", "trainer.h5", "--oracle", oracle("larger"), "--subset", "1", "--delta", "0.5")
        #expect(larger.exitCode == 65)
        for text in [
            "trainer.h5: /parameters: the iterates do not fit the objective: blocks are matched by name and shape "
                + "(expected 4.weight [3, 3], 4.bias [3], found no blocks of these names)",
            "smoothness import --layout",
        ] { #expect(larger.standardError.contains(text), "\(larger.standardError)") }
    }
}
