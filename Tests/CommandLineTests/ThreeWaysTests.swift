import Foundation
import HDF5
import TestSupport
import Testing

/// One LSTM, trained in PyTorch: from the gradients that were saved with it, by its scripted module, by its own process, and by the program's
/// own network.
@Suite(
    "Models of other programs",
    .enabled(if: Workplace.python != nil, "needs Python with PyTorch and h5py: set SMOOTHNESS_PYTHON"))
struct ThreeWaysTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private func column(_ file: String, _ name: String) throws -> [Double] {
        try HDF5.File.open(bench.path(file)).dataset("/estimates/\(name)").read(as: Double.self)
    }

    private func prepare(_ precision: String, components: String) throws {
        let words = (0..<900).map { "word\(($0 * $0 + $0 / 7) % 53)" + ($0 % 9 == 8 ? "\n" : " ") }.joined()
        try bench.write(words, to: "text.txt")
        try bench.succeed(
            "train", "--data", "text.txt", "--tokens", "words", "--batch-size", "4", "--sequence-length", "12",
            "--layers", "2",
            "--hidden", "12", "--embedding", "12", "--tied", "--iterations", "1", "--precision", precision, "-o",
            "built.h5")
        try bench.succeed("bridge", "-o", "smoothness_bridge.py")
        try bench.python("lstm_three_ways.py", ["built.h5", bench.place, precision, components])
        try bench.succeed(
            "import", "states.pt", "--iterate", "weights", "--gradient", "grads", "--loss", "loss", "--subset",
            "components \(components)", "--objective", "built.h5", "-o", "run.h5")
    }

    private func expectSame(_ first: String, _ second: String, _ tolerance: Double) throws {
        for name in [
            "gradient_norm", "smoothness", "loss", "triangle_ratio", "cosine", "step_norm", "blocks/smoothness",
        ] {
            let (a, b) = (try column(first, name), try column(second, name))
            #expect(a.count == b.count && a.count >= 5 && a.allSatisfy(\.isFinite), "\(name)")
            expectAgreement(a, b, .relative(tolerance), "\(name) of \(first) and \(second)")
        }
    }

    @Test(arguments: [("float32", 1e-4), ("float64", 1e-9)])
    func agreeFromRecordedGradientsByScriptByProcessAndByTheBuiltInNetwork(precision: String, tolerance: Double) throws
    {
        let components = "0,2,3,5,8,9"
        try prepare(precision, components: components)
        #expect(try bench.succeed("verify", "run.h5").standardOutput.contains("valid"))
        let said = try bench.succeed("estimate", "run.h5", "--recorded", "-o", "recorded.h5").standardError
        #expect(said.contains("do not give standard errors over the data") && said.contains("only γ = 1 was saved"))
        try bench.succeed("estimate", "run.h5", "--components", components, "--gammas", "1", "-o", "own.h5")
        try bench.succeed(
            "estimate", "run.h5", "--objective", "torchscript", "--module", "module.pt", "--data", "batches.h5",
            "--components",
            components, "--gammas", "1", "-o", "script.h5")
        let script = Workplace.packageRoot.appending(path: "Tests/CommandLineTests/Twins/lstm_three_ways.py").path
        let command = "'\(try #require(Workplace.python))' '\(script)' built.h5 . \(precision) serve"
        try bench.succeed(
            "estimate", "run.h5", "--oracle", command, "--components", components, "--gammas", "1", "-o", "served.h5")
        try expectSame("recorded.h5", "own.h5", tolerance)
        try expectSame("script.h5", "own.h5", tolerance)
        try expectSame("served.h5", "own.h5", tolerance)
        for file in ["recorded.h5", "own.h5", "script.h5", "served.h5"] {
            #expect(try bench.succeed("verify", file).standardOutput.contains("valid"), "\(file)")
        }
        // Errors over the data, where every component is there.
        #expect(try column("script.h5", "smoothness_error").allSatisfy(\.isFinite))
        #expect(try column("served.h5", "smoothness_error").allSatisfy(\.isFinite))
        #expect(try column("recorded.h5", "smoothness_error").allSatisfy(\.isNaN))
    }

    @Test func fitPlotAndReportTakeRecordedEstimates() throws {
        try prepare("float32", components: "0,1")
        try bench.succeed("estimate", "run.h5", "--recorded")
        #expect(try bench.succeed("fit", "run.h5").standardOutput.contains("L0 ="))
        try bench.succeed("plot", "run.h5", "-o", "scatter.csv")
        try bench.succeed("report", "run.h5", "-o", "report.html")
        try bench.succeed("export", "run.h5", "-o", "points.npz")
        #expect(bench.exists("scatter.csv") && bench.exists("report.html") && bench.exists("points.npz"))
        #expect(try bench.succeed("estimate", "run.h5", "--recorded").standardError.contains("is complete"))
        #expect(try bench.succeed("inspect", "run.estimates.h5").standardOutput.contains("--recorded"))
        let refusal = try bench.smoothness("estimate", "run.h5", "--recorded", "--delta", "0.5", "-o", "x.h5")
        #expect(
            refusal.exitCode == 64 && refusal.standardError.contains("can be taken in no other way: leave out --delta"))
    }

    @Test func trainsAScriptedModuleAndOpensItForItsCallerAlone() throws {
        try prepare("float32", components: "0,1")
        try bench.succeed(
            "train", "--objective", "torchscript", "--module", "module.pt", "--data", "batches.h5", "--iterations", "4",
            "--learning-rate", "1", "--save", "every=1", "-o", "trained.h5")
        try bench.expectRefusal(
            ["estimate", "trained.h5"], code: 64,
            "/objective: the objective is a TorchScript module, a program that only its caller may name (expected --module with the "
                + "file of SHA-256 *, found no --module). If you trust it: --module module.pt")
        try bench.succeed("estimate", "trained.h5", "--module", "module.pt", "--gammas", "0.5,1")
        #expect(try column("trained.estimates.h5", "smoothness").count == 4)
        #expect(try column("trained.estimates.h5", "loss").allSatisfy(\.isFinite))
        var bytes = try bench.bytes("module.pt")
        bytes.append(0)
        try bytes.write(to: URL(filePath: bench.path("other.pt")))
        try bench.expectRefusal(
            ["estimate", "trained.h5", "--module", "other.pt", "--force"], code: 65,
            "other.pt: is not the file that this objective was made from (expected SHA-256 *, * bytes, found * bytes). Name the module that "
                + "the run was made with: --module")
        try bench.expectRefusal(
            [
                "estimate", "trained.h5", "--objective", "torchscript", "--module", "text.txt", "--data", "batches.h5",
                "-o", "x.h5",
            ],
            code: 65,
            "text.txt: TorchScript module: torch.jit.load failed: * (expected an archive that torch.jit.save has written)"
        )
    }
}
