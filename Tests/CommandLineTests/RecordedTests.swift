import Foundation
import HDF5
import TestSupport
import Testing

/// Run files with gradients on a fixed subset, written by h5py alone from docs/run-file.md, with numbers that are known in closed form.
@Suite(
    "Recorded gradients",
    .enabled(if: Workplace.python != nil, "needs Python with NumPy and h5py: set SMOOTHNESS_PYTHON"))
struct RecordedTests {
    private struct Row: Decodable {
        var gradient_norm: Double
        var step_norm: Double
        var cosine: Double
        var loss: Double
        var curve: [Double]
        var blocks: [Double]
        var gradient_norm_error: Double?
        var smoothness_error: Double?
    }

    /// Blocks that begin and end anywhere in the slices in which the file is read, and more than one slice.
    private static let blocks = #"[["w",[301,211]],["b",[7]],["s",[]],["v",[3,33333]],["z",[16]]]"#
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private func make(_ options: String, scalar: String, rows: Int = 4) throws -> [Row] {
        let text =
            #"{"rows":\#(rows),"scalar":"\#(scalar)","blocks":\#(Self.blocks)\#(options.isEmpty ? "" : ",")\#(options)}"#
        let script = Workplace.packageRoot.appending(path: "Tests/RunFilesTests/Twins/write_recorded_run.py").path
        _ = try bench.python(script: script, ["run.h5", text])
        return try JSONDecoder().decode([Row].self, from: bench.bytes("run.h5.json"))
    }

    private func column(_ name: String, _ file: String = "run.estimates.h5") throws -> [Double] {
        try HDF5.File.open(bench.path(file)).dataset("/estimates/\(name)").read(as: Double.self)
    }

    private func expectSame(_ a: [Double], _ b: [Double], _ what: String, _ tolerance: Double = 1e-11) {
        #expect(a.count == b.count && !a.isEmpty, "\(what)")
        expectAgreement(a, b, .relative(tolerance), what)
    }

    @Test(
        arguments: [
            #""shared":true"#, #""shared":false,"losses":true"#,
            #""shared":true,"losses":true,"gammas":[0.25,0.5],"groups":5"#,
            #""shared":false,"gammas":[0.125],"probes":true,"population":40,"groups":4,"components":8"#,
            #""shared":false,"groups":3"#,
        ], ["float32", "float64"])
    func givesTheNumbersOfTheTwin(options: String, scalar: String) throws {
        let expected = try make(options, scalar: scalar)
        #expect(try bench.succeed("verify", "run.h5").standardOutput.contains("valid"))
        try bench.succeed("estimate", "run.h5")
        #expect(try bench.succeed("verify", "run.estimates.h5").standardOutput.contains("valid"))
        expectSame(try column("gradient_norm"), expected.map(\.gradient_norm), "gradient norm")
        expectSame(try column("step_norm"), expected.map(\.step_norm), "step norm")
        expectSame(try column("curve/smoothness"), expected.flatMap(\.curve), "curve")
        expectSame(try column("smoothness"), expected.map { $0.curve.max() ?? .nan }, "smoothness")
        expectSame(try column("cosine"), expected.map(\.cosine), "cosine")
        if options.contains("losses") { expectSame(try column("loss"), expected.map(\.loss), "loss", 1e-6) }
        if !options.contains("gammas") {
            expectSame(try column("blocks/smoothness"), expected.flatMap(\.blocks), "blocks")
        }
        let errors = expected.compactMap(\.gradient_norm_error)
        if errors.isEmpty {
            #expect(try column("gradient_norm_error").allSatisfy(\.isNaN))
        } else {
            expectSame(try column("gradient_norm_error"), errors, "error of the gradient norm", 1e-6)
            let others = expected.compactMap(\.smoothness_error)
            if !others.isEmpty { expectSame(try column("smoothness_error"), others, "error of the smoothness", 1e-5) }
        }
    }

    /// The same file whatever the number of threads, in every bit but those that say so.
    @Test func doesNotDependOnThreads() throws {
        _ = try make(#""shared":true,"gammas":[0.5],"groups":3,"losses":true"#, scalar: "float32", rows: 21)
        for threads in ["1", "2", "3"] {
            try bench.succeed("estimate", "run.h5", "--threads", threads, "-o", "t\(threads).h5")
        }
        for name in [
            "smoothness", "gradient_norm", "smoothness_error", "curve/difference_along_step",
            "blocks/difference_squared",
        ] {
            let first = try column(name, "t1.h5").map(\.bitPattern)
            #expect(
                try first == column(name, "t2.h5").map(\.bitPattern) && first == column(name, "t3.h5").map(\.bitPattern)
            )
        }
    }

    /// A row without gradients says so, and the others are what they are.
    @Test func leavesOutRowsThatWereNotRecorded() throws {
        let expected = try make(#""shared":false,"unrecorded":[1]"#, scalar: "float64")
        try bench.succeed("estimate", "run.h5")
        let found = try column("smoothness")
        #expect(found[1].isNaN && found.count == 4)
        expectSame([found[0], found[2], found[3]], [0, 2, 3].map { expected[$0].curve[0] }, "the other rows")
        let status = try HDF5.File.open(bench.path("run.estimates.h5")).dataset("/estimates/status").read(
            as: UInt8.self)
        #expect(status == [0, 3, 0, 0])
    }

    /// Where a forged gradient stands: its dataset, its index in Python, its factor, and the place that must be named.
    private static let forgeries: [(dataset: String, index: String, factor: String, place: String)] = [
        ("gradient", "[2]", "1000", "/fixed_subset/gradient, row 2, block w"),
        ("gradient", "[2, 301 * 211:301 * 211 + 7]", "0", "/fixed_subset/gradient, row 2, block b"),
        ("next_gradient", "[1, -16:]", "1.01", "/fixed_subset/next_gradient, row 1, block z"),
        ("probe_gradient", "[3, 1]", "np.nan", "/fixed_subset/probe_gradient, row 3, γ = 0.5, block w"),
        ("group_gradient", "[0, 2]", "-1", "/fixed_subset/gradient, row 0, block w"),
        ("probe_group_gradient", "[3, 0, 1]", "np.nan", "/fixed_subset/probe_gradient, row 3, γ = 0.25, block w"),
    ]

    /// The mean of the groups is what is measured: a gradient that is not is neither valid nor measured.
    @Test(arguments: forgeries.indices)
    func gradientsAreTheMeansOfTheirGroups(index: Int) throws {
        let (dataset, place, factor, object) = Self.forgeries[index]
        _ = try make(#""shared":false,"gammas":[0.25,0.5],"groups":3,"losses":true"#, scalar: "float32")
        #expect(try bench.succeed("verify", "run.h5").standardOutput.contains(": valid"))
        try bench.write(
            """
            import h5py, numpy as np
            with h5py.File("run.h5", "r+") as file:
                data = file["fixed_subset/\(dataset)"]
                data\(place) = data\(place) * np.float32(\(factor))
            """, to: "forge.py")
        _ = try bench.python(script: bench.path("forge.py"), [])
        let report = try bench.smoothness("verify", "run.h5")
        #expect(report.exitCode == 65)
        #expect(
            report.standardOutput.contains("FAILED recorded gradients are the means of their groups: at \(object)"),
            "\(report.standardOutput)")
        let refused = try bench.smoothness("estimate", "run.h5")
        #expect(refused.exitCode == 65)
        #expect(
            refused.standardError.contains(
                "run.h5: \(object): a recorded gradient is not the mean of its groups (expected the mean of its groups, to "
            ),
            "\(refused.standardError)")
    }

    /// The means of gradients that were taken over all data at once differ from those of their groups by rounding.
    @Test(arguments: ["float32", "float64"])
    func toleratesAnotherOrderOfSums(scalar: String) throws {
        _ = try make(#""shared":true,"gammas":[0.5],"groups":4"#, scalar: scalar)
        try bench.write(
            """
            import h5py, numpy as np
            with h5py.File("run.h5", "r+") as file:
                data = file["fixed_subset/gradient"]
                noise = np.random.default_rng(1).normal(size=data.shape)
                data[...] = data[...] * (1 + 30 * np.finfo(data.dtype).eps * noise)
            """, to: "round.py")
        _ = try bench.python(script: bench.path("round.py"), [])
        try bench.succeed("verify", "run.h5")
        try bench.succeed("estimate", "run.h5")
    }

    /// With the run beside it, every number of an estimate is taken again.
    @Test func estimatesAreThoseOfTheRun() throws {
        _ = try make(#""shared":true,"gammas":[0.5],"groups":3,"losses":true"#, scalar: "float64")
        try bench.succeed("estimate", "run.h5", "--no-checksums")
        // In a scope of its own: the file is closed, and written, when the dataset is closed too.
        do {
            let file = try HDF5.File.open(bench.path("run.estimates.h5"), .readWrite)
            let dataset = try file.dataset("/estimates/blocks/smoothness_error")
            let values = try dataset.read(as: Double.self, start: [1, 0], count: [1, 1])
            try dataset.write(1.0001 * values[0], at: [1, 0])
        }
        let report = try bench.smoothness("verify", "run.estimates.h5")
        #expect(report.exitCode == 65)
        #expect(
            report.standardOutput.contains(
                "FAILED recorded gradients give these numbers: at /estimates/blocks/smoothness_error, row 1"),
            "\(report.standardOutput)")
    }

    @Test func refusesWhatIsNotThere() throws {
        try bench.succeed("train", "--objective", "quadratic", "--iterations", "2", "-o", "plain.h5")
        try bench.expectRefusal(
            ["estimate", "plain.h5", "--recorded"], code: 65,
            "@/plain.h5: /fixed_subset: holds no gradients on a fixed subset (expected the datasets gradient and next_gradient, found no "
                + "such group). Name an objective or a gradient process instead")
        _ = try make("", scalar: "float32")
        try bench.expectRefusal(
            ["estimate", "run.h5", "--mode", "gluon"], code: 64,
            "@/run.h5: recorded gradients are those of one function along the step (expected --mode zhang-paper, directional or h0h1, found "
                + "--mode gluon)")
        try bench.expectRefusal(
            ["estimate", "run.h5", "--mode", "h0h1"], code: 64,
            "@/run.h5: /fixed_subset/loss: this mode needs losses, and none were recorded (found --mode h0h1)")
    }

    /// Whoever wrote a run file does not choose what else is read.
    @Test func readsNoOtherFile() throws {
        _ = try make("", scalar: "float32")
        try bench.write(
            """
            import shutil, h5py
            shutil.copy("run.h5", "other.h5")
            with h5py.File("run.h5", "r+") as file:
                del file["fixed_subset/gradient"]
                file["fixed_subset/gradient"] = h5py.ExternalLink("other.h5", "/fixed_subset/gradient")
            """, to: "link.py")
        _ = try bench.python(script: bench.path("link.py"), [])
        try bench.expectRefusal(
            ["estimate", "run.h5"], code: 65,
            "@/run.h5: /fixed_subset/gradient: lies in another file, and links to other files are not followed. Copy it into this file: "
                + "h5copy -f ext"
        )
    }
}
