import Foundation
import TestSupport
import Testing

/// What `serve` makes of models, losses and data that are easily got wrong: right numbers, a remark, or a refusal that names the remedy.
@Suite("Served models", .enabled(if: Workplace.python != nil, "needs Python with PyTorch: set SMOOTHNESS_PYTHON"))
struct ServedModelTests {
    private let bench: Workbench
    private let python: String

    init() throws {
        bench = try Workbench()
        python = try #require(Workplace.python)
        try bench.succeed("bridge", "--output", "smoothness_bridge.py")
    }

    private static let models = Workplace.packageRoot.appending(path: "Tests/CommandLineTests/Twins/oracle_models.py")
        .path

    private func oracle(_ kind: String) -> String { "'\(python)' '\(Self.models)' \(kind)" }

    @Test(
        "gradients, weights and state are those of PyTorch: closures, sparse gradients, changing buffers, both precisions, labels that do not count, data without end"
    )
    func checks() throws {
        let printed = try bench.python("oracle_checks.py", [])
        #expect(printed.hasSuffix("\nall\n"), "\(printed)")
    }

    @Test("verify --oracle names what is wrong, and the remedy")
    func verified() throws {
        for (kind, code, texts) in [
            ("outer", 65, ["the loss does not use the model that it is given", "write loss(model, batch)"]),
            (
                "detached", 65,
                [
                    "the loss moves with e.weight, a.weight, a.bias, and no gradient reaches them",
                    "found e.weight, a.weight, a.bias move it", "requires_grad_(False)",
                ]
            ),
            ("half", 65, ["the gradient of every block is the derivative of the loss", "others in ", "a.weight"]),
            ("lambda", 0, ["float32 and float64", ": valid,"]),
            ("weighted", 0, ["float64 is not served, because the model or the loss does not run in it", ": valid,"]),
            ("float loss", 0, ["the losses are numbers of float32", ": valid,"]),
        ] as [(String, Int32, [String])] {
            let outcome = try bench.smoothness("verify", "--oracle", oracle("'\(kind)'"))
            #expect(outcome.exitCode == code, "\(kind): \(outcome.standardOutput)\(outcome.standardError)")
            for text in texts { #expect(outcome.standardOutput.contains(text), "\(kind): \(outcome.standardOutput)") }
        }
    }

    @Test("a model that does not run in float64 is estimated, with a note on rounding")
    func withoutDouble() throws {
        _ = try bench.python(script: Self.models, ["weighted", "record", "run.h5"])
        let outcome = try bench.succeed(
            "estimate", "run.h5", "--oracle", oracle("weighted"), "--subset", "1", "--delta", "0.5")
        for text in ["warning: the process says: float64 is not served", "rounding is taken from the machine epsilon"] {
            #expect(outcome.standardError.contains(text), "\(outcome.standardError)")
        }
    }
}
