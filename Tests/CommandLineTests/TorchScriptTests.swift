import Foundation
import TestSupport
import Testing

/// Scripted modules that were exported in training mode, and such as are no function or do not fit.
@Suite("Scripted modules", .enabled(if: Workplace.python != nil, "needs Python with PyTorch: set SMOOTHNESS_PYTHON"))
struct TorchScriptTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        try bench.python("scripted_modules.py", [])
    }

    private static let data = ["--data", "batches.h5", "--batch-size", "8"]

    private func train(_ kind: String) -> [String] {
        ["train", "--objective", "torchscript", "--module", "\(kind).pt"] + Self.data + [
            "--iterations", "4", "--learning-rate", "0.1", "--save", "every=1", "-o", "\(kind).h5",
        ]
    }

    private func rows(_ kind: String, module: String? = nil, _ more: String...) throws -> String {
        try bench.succeed(
            [
                "estimate", "\(kind).h5", "--objective", "torchscript", "--module", "\(module ?? kind).pt", "--subset",
                "1",
                "--gammas", "1", "--format", "csv", "--force",
            ] + Self.data + more
        ).standardOutput
    }

    @Test("dropout draws the same masks whenever it is asked, and none with --masks off, as if exported after eval()")
    func dropout() throws {
        try bench.succeed(train("dropout"))
        let first = try rows("dropout")
        #expect(first.split(separator: "\n").count == 5)
        #expect(try rows("dropout") == first)
        let off = try rows("dropout", "--masks", "off")
        #expect(off != first)
        #expect(try rows("dropout", module: "dropout-eval") == off)
    }

    @Test("batch normalisation in training mode takes the statistics of the batch, as PyTorch does")
    func batchNormalization() throws {
        try bench.succeed(train("norm"))
        let table = try rows("norm")
        try bench.write(table, to: "rows.csv")
        let printed = try bench.python("scripted_modules.py", ["check", "norm", "norm.h5", "rows.csv"])
            .split(separator: " ")
        #expect(printed.first == "4")
        let worst = try #require(Double(printed[1].trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(worst < 1e-4)
        #expect(try rows("norm", module: "norm-eval") != table)
        #expect(try rows("norm", module: "norm-eval") == rows("norm", "--masks", "off"))
    }

    @Test("what is no function, and what does not fit, is refused in a line")
    func refusals() throws {
        for kind in ["noise", "count"] {
            try bench.expectRefusal(
                train(kind), code: 65,
                "\(kind).pt: forward: the module is not the same function when it is evaluated again (expected one loss and one "
                    + "gradient of a batch at a point, found losses *). Export it after model.eval(), without random numbers of its own and "
                    + "without state that forward changes")
        }
        try bench.expectRefusal(
            train("vector"), code: 65,
            "vector.pt: TorchScript module: forward failed: forward must return the mean loss of the batch, one number; it returned a "
                + "tensor of 8 (found component 0: inputs [8, 5], targets [8, 1])")
        try bench.expectRefusal(
            train("wrong"), code: 65,
            "wrong.pt: TorchScript module: forward failed: RuntimeError: mat1 and mat2 shapes cannot be multiplied (8x5 and 4x8) (found "
                + "component 0: inputs [8, 5], targets [8, 1])")
        let bytes = try bench.bytes("batches.h5")
        try bytes.prefix(bytes.count / 2).write(to: URL(filePath: bench.path("batches.h5")))
        try bench.expectRefusal(
            train("plain"), code: 65,
            "batches.h5: is truncated: truncated file: * (File has been truncated). Copy it again from where it was written"
        )
    }
}
