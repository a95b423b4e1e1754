import Foundation
import TestSupport
import Testing

/// The Python module that the program carries: models of several libraries, recorded and served.
@Suite("The bridge", .enabled(if: Workplace.python != nil, "needs Python with PyTorch and JAX: set SMOOTHNESS_PYTHON"))
struct BridgeTests {
    private static let isLong = ProcessInfo.processInfo.environment["SMOOTHNESS_LONG_TESTS"] == "1"

    private let bench: Workbench
    private let python: String

    init() throws {
        bench = try Workbench()
        python = try #require(Workplace.python)
        try bench.succeed("bridge", "--output", "smoothness_bridge.py")
    }

    private static let models = Workplace.packageRoot.appending(path: "Tests/CommandLineTests/Twins/bridge_models.py")
        .path

    private func model(_ arguments: String...) throws -> String { try bench.python(script: Self.models, arguments) }

    private func oracle(_ kind: String) -> String { "'\(python)' '\(Self.models)' \(kind) serve" }

    /// Columns of a table by name.
    private func columns(_ csv: String) throws -> [String: [Double]] {
        let lines = csv.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        let names = try #require(lines.first).map(String.init)
        return Dictionary(
            uniqueKeysWithValues: names.indices.map { index in
                (names[index], lines.dropFirst().map { Double($0[index]) ?? .nan })
            })
    }

    @Test(
        "stdout and --output are the same module, of the program's version, and it needs neither h5py nor PyTorch to be imported"
    )
    func module() throws {
        let printed = try bench.succeed("bridge").standardOutput
        #expect(try printed == bench.text("smoothness_bridge.py"))
        try bench.write(
            """
            import sys
            sys.modules["h5py"] = sys.modules["torch"] = sys.modules["jax"] = None
            import smoothness_bridge
            print(smoothness_bridge.__version__)
            """, to: "import.py")
        let version = try bench.python(script: bench.path("import.py"), [])
        #expect(try bench.succeed("--version").standardOutput == version)
    }

    @Test(
        "a recorded model is estimated by its own process as PyTorch alone would: batch normalisation; 16 bits, tied, frozen, wrapped and compiled; scaled and accumulated gradients",
        arguments: ["resnet", "half", "accumulate"] + (isLong ? ["resnet-eval"] : []))
    func models(_ kind: String) throws {
        _ = try model(kind, "record", "run.h5")
        #expect(try bench.smoothness("verify", "run.h5").exitCode == 0)
        let outcome = try bench.succeed([
            "estimate", "run.h5", "--oracle", oracle(kind), "--subset", "1", "--gammas", "1", "--format", "csv",
        ])
        try bench.write(outcome.standardOutput, to: "rows.csv")
        struct Check: Decodable { var worst: Double }
        let printed = try model(kind, "check", "run.h5", "rows.csv")
        let check = try JSONDecoder().decode(Check.self, from: Data(printed.utf8))
        // Float throughout; differences of gradients lose a digit or two.
        #expect(check.worst < 1e-5, "\(printed)")
    }

    @Test(
        "an LSTM recorded in PyTorch: its own process and the built-in objective agree",
        arguments: ["lstm64", "lstm32"])
    func languageModel(_ kind: String) throws {
        let words = (0..<4000).map { "w\(($0 * $0 + 3 * $0) % 37)" }
        let lines = stride(from: 0, to: words.count, by: 8).map { words[$0..<($0 + 8)].joined(separator: " ") }
        try bench.write(lines.joined(separator: "\n") + "\n", to: "text.txt")
        let isDouble = kind == "lstm64"
        try bench.succeed([
            "train", "--data", "text.txt", "--tokens", "whitespace", "--hidden", "12", "--embedding", "12", "--layers",
            "2",
            "--tied", "--batch-size", "8", "--sequence-length", "15", "--learning-rate", "1", "--iterations", "1",
            "--save",
            "every=1", "--precision", isDouble ? "float64" : "float32", "-o", "template.h5",
        ])
        _ = try model(kind, "record", "run.h5")
        #expect(try bench.smoothness("verify", "run.h5").exitCode == 0)
        let definition = ["--subset", "0.5", "--delta", "0.5", "--format", "csv"]
        let own = try columns(bench.succeed(["estimate", "run.h5", "-o", "own.h5"] + definition).standardOutput)
        let served = try columns(
            bench.succeed(["estimate", "run.h5", "--oracle", oracle(kind), "-o", "served.h5"] + definition)
                .standardOutput)
        for name in ["loss", "gradient_norm", "step_norm", "smoothness", "smoothness_error"] {
            let (first, second) = (try #require(own[name]), try #require(served[name]))
            #expect(first.count == 4 && second.count == 4)
            for (a, b) in try paired(first, second) {
                let difference = abs(a - b) / abs(a)
                #expect(difference < (isDouble ? 1e-9 : 1e-4), "\(name): \(a), \(b)")
            }
        }
        #expect(try bench.smoothness("verify", "served.h5").exitCode == 0)
    }

    @Test("the determinism probe refuses fresh masks and a loader that shuffles, and says what to do")
    func determinism() throws {
        _ = try model("dropout", "record", "run.h5")
        let fresh = try bench.smoothness(["estimate", "run.h5", "--oracle", oracle("dropout"), "--delta", "0.5"])
        #expect(fresh.exitCode == 65, "\(fresh.standardError)")
        #expect(fresh.standardError.contains("this is no function"), "\(fresh.standardError)")
        #expect(
            fresh.standardError.contains(
                "dropout draws new masks every time (1): leave out seed=None, or call model.eval()"))
        for cause in ["shuffles", "BatchNorm", "cuDNN"] { #expect(fresh.standardError.contains(cause)) }
        _ = try model("shuffled", "record", "loader.h5")
        let shuffled = try bench.smoothness(["estimate", "loader.h5", "--oracle", oracle("shuffled")])
        #expect(shuffled.exitCode == 65)
        #expect(shuffled.standardError.contains("the DataLoader shuffles"), "\(shuffled.standardError)")
    }

    @Test("a run without its model says how to reach it, and neither verify nor inspect starts anything")
    func external() throws {
        _ = try model("accumulate", "record", "run.h5")
        let outcome = try bench.smoothness("estimate", "run.h5")
        #expect(outcome.exitCode == 64 && outcome.standardError.contains("--oracle"), "\(outcome.standardError)")
    }

    @Test("docs/pytorch.md does what it says")
    func document() throws {
        let path = Workplace.packageRoot.appending(path: "docs/pytorch.md").path
        let printed = try bench.python("run_document.py", [path, Workplace.program])
        #expect(printed.hasSuffix("9 files, 24 commands\n"), "\(printed.suffix(300))")
        for name in [
            "scatter.svg", "report.html", "face.estimates.h5", "light.estimates.h5", "jax.estimates.h5",
            "speed.estimates.h5",
            "fixed.estimates.h5", "imported.estimates.h5",
        ] {
            #expect(bench.exists(name), "\(name)")
        }
        for name in ["serve.py", "perceptron.py --serve"] { #expect(printed.contains("python \(name): valid")) }
    }

    @Test("recorders killed at random moments: what was counted is there and right")
    func killedRecorders() throws {
        let printed = try bench.python(
            "kill_processes.py", ["recorder", Workplace.program, Self.isLong ? "100" : "8", "11"])
        struct Count: Decodable { var kills, halfway: Int }
        let count = try JSONDecoder().decode(Count.self, from: Data(printed.utf8))
        #expect(count.kills >= 8 && count.halfway >= 2, "\(printed)")
    }
}
