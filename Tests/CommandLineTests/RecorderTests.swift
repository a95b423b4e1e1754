import Foundation
import TestSupport
import Testing

/// The Recorder of the bridge, in the training loops that people have.
@Suite(
    "The recorder",
    .enabled(if: Workplace.python != nil, "needs Python with PyTorch and Lightning: set SMOOTHNESS_PYTHON"))
struct RecorderTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        try bench.succeed("bridge", "--output", "smoothness_bridge.py")
    }

    @Test(
        "what it saves is what the loop saw: 16 bits, GradScaler, accumulation, clipping, two distributed processes, compiled and resumed; and what it says"
    )
    func checks() throws {
        let printed = try bench.python("recorder_checks.py", [])
        #expect(printed.hasSuffix("\nall\n"), "\(printed)")
        let files = try bench.contents().keys.filter { $0.hasSuffix(".h5") }
        #expect(files.count == 26, "\(files)")
        for file in files {
            let outcome = try bench.smoothness("verify", file)
            #expect(outcome.exitCode == 0, "\(file): \(outcome.standardOutput)")
        }
        // Every iteration is saved, so that iterates and gradients stand there once.
        let rows = try bench.succeed("estimate", "consecutive.h5", "--format", "csv").standardOutput
        #expect(rows.split(separator: "\n").count == 6, "\(rows)")
    }

    @Test(
        "closures, SAM, schedule-free, averages, accelerate, several learning rates, exchanged tensors: recorded rightly or refused; what is not known is not recorded"
    )
    func optimizers() throws {
        let printed = try bench.python("recorder_optimizers.py", [])
        #expect(printed.hasSuffix("\nall\n"), "\(printed)")
        let files = try bench.contents().keys.filter { $0.hasSuffix(".h5") }
        #expect(files.count == 27, "\(files)")
        for file in files {
            let outcome = try bench.smoothness("verify", file)
            #expect(outcome.exitCode == 0, "\(file): \(outcome.standardOutput)")
        }
        let unknown = try bench.succeed("inspect", "unknown.h5").standardOutput
        for name in ["loss", "gradient norm"] {
            let line = name.padding(toLength: 16, withPad: " ", startingAt: 0) + "not recorded\n"
            #expect(unknown.contains(line), "\(unknown)")
        }
        #expect(!unknown.contains("% of the iterations"), "\(unknown)")
        let json = try bench.succeed("inspect", "unknown.h5", "--format", "json").standardOutput
        #expect(!json.contains("\"firstLoss\"") && !json.contains("\"clippedShare\""), "\(json)")
        #expect(json.contains("\"unrecorded\""), "\(json)")
        // Of these, some rows are known.
        let some = try bench.succeed("inspect", "sometimes.h5").standardOutput
        #expect(some.contains("loss            1 → 1\n"), "\(some)")
    }

    @Test("what is wrong with the components of serve is said")
    func components() throws {
        let python = try #require(Workplace.python)
        try bench.write(
            """
            import sys
            import numpy as np
            from smoothness_bridge import serve
            def gradient(x, batch):
                return float((x["x"] ** 2).sum()) * batch, {"x": 2 * batch * x["x"]}
            more = {"right": dict(components=[1.0, 2.0]), "none": {}, "empty": dict(components=[]),
                    "weights": dict(components=[1.0, 2.0], weights=[1, 0]), "function": dict(components=float),
                    "counted": dict(components=lambda i: 1.0 + i, count=2),
                    "unseeded": dict(components=list(np.random.rand(2)))}[sys.argv[1]]
            serve({"x": np.arange(3.0)}, gradient=gradient, **more)
            """, to: "serve.py")
        for (way, text) in [
            ("right", ": valid,"), ("counted", ": valid,"), ("none", "components are missing"),
            ("empty", "there are no components"), ("weights", "the weight of component 1 is 0.0"),
            ("function", "say how many there are, with count="),
            ("unseeded", "a new process serves the same function"),
        ] {
            let outcome = try bench.smoothness("verify", "--oracle", "'\(python)' serve.py \(way)")
            #expect(outcome.standardOutput.contains(text), "\(way): \(outcome.standardOutput)")
            #expect(outcome.exitCode == (text == ": valid," ? 0 : 65), "\(way)")
        }
    }
}
