import Foundation
import HDF5
import TestSupport
import Testing

/// The whole instrument against PyTorch: run and estimates are made by the program, the twin reads the text and the files.
@Suite(
    "A language model, against PyTorch",
    .enabled(if: Workplace.python != nil, "needs Python with PyTorch and h5py: set SMOOTHNESS_PYTHON"))
struct LanguageModelTwinTests {
    private struct Curves: Decodable {
        struct Row: Decodable {
            var iteration: Int
            var loss: Double
            var gradientNorm: Double
            var curve: [Double]
            var smoothness: Double
        }
        var rows: [Row]
    }

    private let bench: Workbench

    init() throws { bench = try Workbench() }

    /// Lines of a few words each, from a vocabulary with a long tail, with what tokenisers trip over.
    private func writeText() throws {
        let odd = ["know't", "well-known", "No!", "ah...", "Ünder", "3rd", "--", "<unk>", "O'er"]
        var state: UInt64 = 1
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let lines = (0..<1500).map { _ in
            (0..<(2 + next(12))).map { _ in
                next(10) == 0 ? odd[next(odd.count)] : "word\(next(1 + next(600)))"
            }.joined(separator: " ")
        }
        try bench.write(lines.joined(separator: "\n") + "\n", to: "text.txt")
    }

    private func expectSame(_ a: [Double], _ b: [Double], _ tolerance: Double, _ what: String) {
        #expect(a.count == b.count && !a.isEmpty, "\(what)")
        expectAgreement(a, b, .relative(tolerance), what)
    }

    private func expectTwinAgrees(_ tolerance: Double) throws {
        let script = Workplace.packageRoot.appending(path: "Tests/EstimationTests/Twins/lstm_curve_twin.py").path
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let twin = try decoder.decode(
            Curves.self, from: Data(try bench.python(script: script, ["run.h5", "run.estimates.h5"]).utf8))
        let file = try HDF5.File.open(bench.path("run.estimates.h5"))
        func column(_ name: String) throws -> [Double] {
            try file.dataset("/estimates/\(name)").read(as: Double.self)
        }
        #expect(try file.dataset("/estimates/iteration").read(as: Int64.self) == twin.rows.map { Int64($0.iteration) })
        expectSame(try column("loss"), twin.rows.map(\.loss), tolerance, "loss")
        expectSame(try column("gradient_norm"), twin.rows.map(\.gradientNorm), tolerance, "gradient norm")
        expectSame(try column("smoothness"), twin.rows.map(\.smoothness), tolerance, "smoothness")
        expectSame(try column("curve/smoothness"), twin.rows.flatMap(\.curve), tolerance, "curve")
    }

    @Test(arguments: [("float32", 1e-4, true), ("float64", 1e-8, true), ("float64", 1e-8, false)])
    func reproducesLossGradientNormAndCurve(precision: String, tolerance: Double, tied: Bool) throws {
        try writeText()
        try bench.succeed(
            "train", "--threads", "1", "--data", "text.txt", "--tokens", "words", "--vocabulary", "400", "--batch-size",
            "8", "--sequence-length", "20", "--layers", "2", "--hidden", tied ? "64" : "48", "--embedding", "64",
            tied ? "--tied" : "--no-tied", "--dropout", tied ? "0" : "0.3", "--learning-rate", "5", "--clip-norm",
            "0.25", "--beta", "0.5", "--iterations", "9", "--save", "every=4", "--precision", precision, "-o", "run.h5")
        try bench.succeed(
            "estimate", "run.h5", "--threads", "1", "--subset", "0.05", "--subset-seed", "2", "--delta", "0.25")
        try expectTwinAgrees(tolerance)
    }

    /// Wider than a model that can be taken for correct by luck: over a million parameters, on real text.
    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["SMOOTHNESS_LONG_TESTS"] == "1",
            "takes minutes: set SMOOTHNESS_LONG_TESTS=1"),
        .enabled(if: Workplace.sharedData("tinyshakespeare.txt") != nil, "needs ../shared/data/tinyshakespeare.txt"),
        arguments: [("float32", 1e-4), ("float64", 1e-8)])
    func reproducesAMillionParametersOnRealText(precision: String, tolerance: Double) throws {
        let text = try #require(Workplace.sharedData("tinyshakespeare.txt"))
        try bench.succeed(
            "train", "--threads", "1", "--data", text, "--tokens", "words", "--vocabulary", "5000", "--layers", "2",
            "--hidden", "200", "--embedding", "200", "--learning-rate", "10", "--clip-norm", "0.25", "--iterations",
            "41",
            "--save", "every=20", "--precision", precision, "-o", "run.h5")
        #expect(
            try HDF5.File.open(bench.path("run.h5")).dataset("/trajectory/iterate").shape[1] > 1_000_000)
        try bench.succeed("estimate", "run.h5", "--threads", "1", "--components", "0,100,200", "--delta", "0.1")
        try expectTwinAgrees(tolerance)
    }
}
