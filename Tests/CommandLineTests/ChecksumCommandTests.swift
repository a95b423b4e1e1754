import Foundation
import HDF5
import TestSupport
import Testing

/// `--checksums` of the commands that write rows, and what a changed row does to those that read them.
@Suite("Checksums of the commands")
struct ChecksumCommandTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        for name in Sample.allCases { try name.copy(to: bench.path(name.rawValue)) }
    }

    private func flip(_ file: String, _ dataset: String, row: Int) throws {
        var place = 0
        do {
            let open = try HDF5.File.open(bench.path(file))
            let stored = try open.dataset(dataset)
            let start = stored.byteOffset
            place = try #require(start) + row * (stored.storageSize / stored.shape[0])
        }
        var bytes = try bench.bytes(file)
        bytes[place] ^= 1
        try bytes.write(to: URL(filePath: bench.path(file)))
    }

    @Test("rows have checksums unless they are not wanted, and both kinds are valid")
    func option() throws {
        for (arguments, file, isDefault) in [
            (["train", "--objective", "quadratic", "--iterations", "8", "--save", "every=4"], "a.h5", true),
            (["train", "--objective", "quadratic", "--iterations", "8", "--save", "every=1"], "a.h5", false),
            (["estimate", "run.h5", "--subset", "1"], "a.estimates.h5", true),
            (["align", "run.h5"], "a.alignment.h5", true),
        ] {
            for (option, isThere) in [([], isDefault), (["--checksums"], true), (["--no-checksums"], false)] {
                try bench.succeed(arguments + option + ["--force", "-o", file])
                #expect(try HDF5.File.open(bench.path(file)).exists("/checksums") == isThere)
                try bench.succeed("verify", file)
            }
        }
    }

    @Test("a changed bit is found by verify and refused by what reads the row")
    func changes() throws {
        try bench.succeed(
            "train", "--objective", "quadratic", "--iterations", "10", "--save", "every=1", "--checksums", "--force",
            "-o", "run.h5")
        try bench.succeed("estimate", "run.h5", "--subset", "1", "--force")
        try flip("run.h5", "/trajectory/iterate", row: 5)
        let report = try bench.smoothness("verify", "run.h5")
        #expect(report.exitCode == 65)
        #expect(
            report.standardOutput.contains(
                "FAILED rows are what was written: at /trajectory/iterate, row 5, expected the checksum"),
            "\(report.standardOutput)")
        // Also where single precision is read as double, and not where double precision is rounded to single.
        for precision in ["float32", "float64"] {
            let refused = try bench.smoothness(
                "estimate", "run.h5", "--subset", "1", "--precision", precision, "-o", "\(precision).new.h5")
            #expect(refused.exitCode == 65)
            #expect(
                refused.standardError.contains(
                    "/trajectory/iterate, row 5: is not what was written: its checksum differs"),
                "\(refused.standardError)")
        }
        for precision in ["float32", "float64"] {
            try bench.succeed(
                "train", "--objective", "quadratic", "--iterations", "4", "--checksums", "--precision", precision, "-o",
                "\(precision).h5")
            for other in ["float32", "float64"] {
                try bench.succeed("estimate", "\(precision).h5", "--subset", "1", "--precision", other, "--force")
            }
        }
        try flip("run.estimates.h5", "/estimates/gradient_norm", row: 3)
        #expect(try bench.smoothness("verify", "run.estimates.h5").exitCode == 65)
        let fit = try bench.smoothness("fit", "run.estimates.h5")
        #expect(fit.exitCode == 65)
        #expect(fit.standardError.contains("/estimates/gradient_norm, row 3"), "\(fit.standardError)")
    }

    @Test(
        "what the Python recorder writes has them too",
        .enabled(if: Workplace.python != nil, "needs Python with NumPy and h5py: set SMOOTHNESS_PYTHON"))
    func recorder() throws {
        try bench.succeed("bridge", "-o", "smoothness_bridge.py")
        try bench.write(
            """
            import numpy as np
            from smoothness_bridge import Recorder
            for name, options in (("r.h5", dict(pairs=True)), ("s.h5", {})):
                x = {"w": np.linspace(0, 1, 12, dtype="f4").reshape(3, 4), "b": np.ones(5, "f4")}
                with Recorder(name, x, capacity=6, every=1, optimizer={"algorithm": "sgd", "learning_rate": 0.1}, **options) as recorder:
                    for k in range(6):
                        g = {key: value * (1 + k) for key, value in x.items()}
                        recorder.before_step(k, loss=1.0 / (k + 1), parameters=x, gradients=g)
                        x = {key: value - np.float32(0.1) * g[key] for key, value in x.items()}
                        recorder.after_step(parameters=x)
            """, to: "record.py")
        _ = try bench.python(script: bench.path("record.py"), [])
        for (file, dataset) in [("r.h5", "/trajectory/next_iterate"), ("s.h5", "/trajectory/iterate")] {
            #expect(try HDF5.File.open(bench.path(file)).exists("/checksums/trajectory"))
            let whole = try bench.succeed("verify", file)
            #expect(whole.standardOutput.contains(": valid"), "\(whole.standardOutput)")
            try flip(file, dataset, row: 4)
            let report = try bench.smoothness("verify", file)
            #expect(report.exitCode == 65)
            #expect(
                report.standardOutput.contains("FAILED rows are what was written: at \(dataset), row 4"),
                "\(report.standardOutput)")
        }
    }
}
