import Foundation
import TestSupport
import Testing

/// Residual networks and perceptrons by the program, against PyTorch and data made anew from the run file.
@Suite(
    "Image classifiers",
    .enabled(if: Workplace.python != nil, "needs Python with PyTorch, h5py and Pillow: set SMOOTHNESS_PYTHON"))
struct ImageClassifierTests {
    private struct Answer: Decodable {
        var parameters: Int
        var rows: Int
        var loss: Double
        var gradient: Double
        /// The block whose gradient differs most.
        var worst: String
        var validation_loss: Double
        var accuracy: Double
    }

    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private static func script(_ name: String) -> String {
        Workplace.packageRoot.appending(path: "Tests/ModelsTests/Twins/\(name)").path
    }

    private static let steps = [
        "--iterations", "7", "--order", "cyclic", "--save", "every=1", "--store-gradients", "--clip-norm", "inf",
        "--threads", "1", "-o", "run.h5",
    ]

    private func expectTwinAgrees(_ precision: String, _ arguments: [String]) throws {
        try bench.succeed(["train", "--precision", precision] + Self.steps + arguments)
        let answer = try JSONDecoder().decode(
            Answer.self, from: Data(try bench.python(script: Self.script("image_run.py"), ["run.h5"]).utf8))
        let tolerance = precision == "float32" ? 1e-4 : 1e-8
        // Float cannot always tell on which side of ReLU's kink it is.
        #expect(answer.rows >= (precision == "float32" ? 4 : 7), "\(arguments): \(answer)")
        #expect(
            answer.loss < tolerance && answer.gradient < tolerance && answer.validation_loss < tolerance
                && answer.accuracy == 0, "\(arguments): \(answer)")
    }

    private static let generated = ["--images", "60", "--batch-size", "16"]

    /// Every family, both shortcuts, every activation; odd sizes, ragged components, fresh and fixed draws.
    static let networks: [(String, [String])] = [
        (
            "float64",
            ["--architecture", "cifar-8", "--width", "4", "--image-size", "8", "--crop-padding", "1", "--flip"]
        ),
        (
            "float32",
            [
                "--architecture", "cifar-14", "--width", "3", "--image-size", "9", "--label-smoothing", "0.1",
                "--training-draws", "fixed",
            ]
        ),
        (
            "float64",
            [
                "--architecture", "cifar-8", "--shortcut", "identity", "--width", "5", "--image-size", "11",
                "--crop-padding", "2",
            ]
        ),
        (
            "float32",
            ["--architecture", "cifar-20", "--shortcut", "identity", "--width", "4", "--image-size", "8"]
        ),
        ("float64", ["--architecture", "cifar-resnet18", "--width", "3", "--image-size", "16"]),
        (
            "float64",
            ["--architecture", "imagenet-50", "--width", "2", "--image-size", "64", "--population-components", "2"]
        ),
        (
            "float64",
            [
                "--hidden-sizes", "9,7", "--activation-function", "gelu", "--image-size", "6", "--channels", "2",
                "--flip",
            ]
        ),
        ("float64", ["--hidden-sizes", "11", "--activation-function", "tanh", "--label-smoothing", "0.2"]),
        ("float32", ["--hidden-sizes", "11,5", "--activation-function", "relu"]),
        ("float64", ["--hidden-sizes", "none", "--classes", "3"]),
    ]

    @Test(arguments: networks) func networkAgainstPyTorch(precision: String, arguments: [String]) throws {
        let objective = arguments.contains("--hidden-sizes") ? "mlp" : "resnet"
        try expectTwinAgrees(precision, ["--objective", objective] + Self.generated + arguments)
    }

    /// Every published form, read by Python on the other side.
    static let forms: [[String]] = [
        ["--data", "cifar-10-batches-bin"],
        ["--data", "cifar-10-binary.tar.gz", "--training-draws", "fixed", "--images", "30"],
        ["--data", "cifar-10-batches-py", "--no-flip"],
        ["--data", "cifar-10-python.tar.gz", "--crop-padding", "0"],
        ["--data", "cifar-10-batches-bin/data_batch_2.bin", "--held-out", "0.3"],
        ["--data", "cifar-10-batches-bin/data_batch_1.bin", "--valid", "cifar-10-batches-bin/test_batch.bin"],
        ["--data", "mnist"],
        ["--data", "mnist/train-images-idx3-ubyte.gz", "--valid", "mnist/t10k-images-idx3-ubyte"],
    ]

    @Test func dataAgainstPython() throws {
        _ = try bench.python(script: Self.script("image_files.py"), ["."])
        for arguments in Self.forms {
            try expectTwinAgrees(
                "float64",
                [
                    "--objective", "mlp", "--hidden-sizes", "5", "--activation-function", "tanh", "--batch-size", "16",
                    "--force",
                ]
                    + arguments)
        }
        // Photographs of the size that is asked for, so that nothing is resized: decoding a PNG is exact.
        try expectTwinAgrees(
            "float64",
            [
                "--objective", "resnet", "--architecture", "cifar-8", "--width", "4", "--data", "photos",
                "--image-size",
                "20", "--resize", "20", "--batch-size", "8", "--force",
            ])
    }

    @Test(
        "inspect --config prints a command that makes the same bytes",
        arguments: networks.map(\.1) + [
            ["--data", "mnist", "--images", "20"], ["--data", "photos", "--image-size", "9"],
        ])
    func repeats(arguments: [String]) throws {
        if arguments.contains("--data") { _ = try bench.python(script: Self.script("image_files.py"), ["."]) }
        let isPerceptron = arguments.contains("--hidden-sizes") || arguments.contains("--data")
        let images = arguments.contains("--data") ? [] : Self.generated
        try bench.succeed(
            ["train", "--objective", isPerceptron ? "mlp" : "resnet", "--objective-seed", "5"] + images + Self.steps
                + arguments)
        let line = try bench.succeed("inspect", "--config", "run.h5").standardOutput
        let outcome = try bench.shell(line.replacing(" --output run.h5\n", with: " --output again.h5"))
        try #require(outcome.exitCode == 0, "\(line): \(outcome.standardError)")
        try bench.python(
            "same.py",
            ["run.h5", "again.h5", "/trajectory", "/history", "/parameters", "/objective", "/optimizer", "/commit"])
    }

    @Test("an interrupted run with fresh draws and accuracy ends in the bytes of one that is not") func resumes() throws
    {
        let arguments = [
            "train", "--objective", "resnet", "--architecture", "cifar-8", "--width", "2", "--images", "40",
            "--image-size", "8", "--batch-size", "8", "--crop-padding", "1", "--flip", "--beta", "0.9", "--clip-norm",
            "1", "--nu", "0.5", "--iterations", "600", "--save", "every=50", "--threads", "1",
        ]
        try bench.succeed(arguments + ["-o", "whole.h5"])
        var command = arguments + ["-o", "run.h5"]
        for _ in 0..<2 {
            let process = try RunningProcess(Workplace.program, command, directory: bench.place)
            while !process.standardErrorSoFar.contains("train: ") && process.isRunning { usleep(5_000) }
            usleep(200_000)
            process.send(signal: SIGTERM)
            let outcome = process.wait()
            #expect(outcome.exitCode == 75, "\(outcome.standardError)")
            command = ["train", "--resume", "run.h5"]
        }
        let last = try bench.succeed(command)
        #expect(last.standardOutput.contains("accuracy"))
        try bench.python(
            "same.py", ["whole.h5", "run.h5", "/trajectory", "/history", "/commit", "/objective", "/optimizer"])
    }

    @Test("an estimate on a residual network repeats itself exactly") func estimates() throws {
        try bench.succeed(
            ["train", "--objective", "resnet", "--architecture", "cifar-8", "--width", "4", "--image-size", "8"]
                + Self.generated + Self.steps)
        let table = try bench.succeed(
            "estimate", "run.h5", "--subset", "1", "--delta", "0.5", "--threads", "1", "--format", "csv")
        #expect(table.standardOutput.split(separator: "\n").count == 8)
        let again = try bench.succeed(
            "estimate", "run.h5", "--subset", "1", "--delta", "0.5", "--threads", "1", "--format", "csv", "-o",
            "again.h5")
        #expect(again.standardOutput == table.standardOutput)
    }

    @Test(
        "options that do not fit",
        arguments: [
            (["--objective", "resnet", "--hidden-sizes", "4"], "--hidden-sizes belongs to mlp, not to resnet"),
            (["--objective", "mlp", "--architecture", "cifar-20"], "--architecture belongs to resnet, not to mlp"),
            (["--objective", "lstm", "--flip"], "--flip belongs to resnet, mlp, not to lstm"),
            (["--objective", "resnet", "--dropout", "0.5"], "--dropout belongs to lstm, transformer, not to resnet"),
            (
                ["--objective", "resnet", "--channel-mean", "0,0,0"],
                "give both --channel-mean and --channel-deviation, or neither"
            ),
        ])
    func refusedOptions(arguments: [String], message: String) throws {
        let outcome = try bench.smoothness(["train", "-o", "run.h5"] + arguments)
        #expect(
            outcome.exitCode == 64 && outcome.standardError.hasPrefix("error: \(message)\n"), "\(outcome.standardError)"
        )
        #expect(try bench.contents().isEmpty)
    }

    @Test func refusedValues() throws {
        func refuse(_ arguments: [String], _ message: String) throws {
            try bench.expectRefusal(["train", "-o", "run.h5", "--images", "20"] + arguments, code: 64, message)
        }
        let range = "the objective's parameter is out of range"
        try refuse(
            ["--objective", "resnet", "--architecture", "cifar-21"],
            "depth: \(range) (expected 6n + 2 with n ≥ 1, found 21)")
        try refuse(
            ["--objective", "resnet", "--image-size", "7"],
            "image size: \(range) (expected at least 8 × 8 for this network, found 7 × 7)")
        try refuse(
            ["--objective", "mlp", "--held-out", "1.5"],
            "held_out_fraction: \(range) (expected more than 0, less than 1, found 1.5)")
        try refuse(
            ["--objective", "resnet", "--micro-batch", "4"],
            "micro_batch: a component cannot be evaluated in pieces: batch normalisation is over all of it (expected none, found "
                + "4). Use a smaller batch size")
        try refuse(
            ["--objective", "mlp", "--label-smoothing", "1"],
            "label_smoothing: \(range) (expected 0 ≤ s < 1, found 1.0)")
        try refuse(["--objective", "mlp", "--resize", "9"], "--resize goes with --data")
    }

    /// The bar of the project: MNIST's test images, a tenth of them held out.
    @Test(
        "ResNet-20 on MNIST images reaches 95 % on held-out ones",
        .enabled(
            if: ProcessInfo.processInfo.environment["SMOOTHNESS_LONG_TESTS"] == "1",
            "takes minutes: set SMOOTHNESS_LONG_TESTS=1"),
        .enabled(
            if: Workplace.sharedData("t10k-images-idx3-ubyte.gz") != nil,
            "needs ../shared/data/t10k-images-idx3-ubyte.gz"))
    func digits() throws {
        let data = try #require(Workplace.sharedData("t10k-images-idx3-ubyte.gz"))
        let outcome = try bench.succeed(
            "train", "--objective", "resnet", "--data", data, "--batch-size", "128", "--learning-rate", "0.1",
            "--clip-norm",
            "inf", "--epochs", "3", "--save", "every=71", "--format", "json", "-o", "run.h5")
        struct Summary: Decodable { var accuracy: Double }
        let summary = try JSONDecoder().decode([Summary].self, from: Data(outcome.standardOutput.utf8))
        #expect(summary[0].accuracy >= 0.95, "\(outcome.standardOutput)")
    }
}
