import Foundation
import TestSupport
import Testing

/// Every stored gradient of runs on language models, against PyTorch: the twin has the run file and the text, nothing else.
@Suite(
    "Gradients of language models, against PyTorch",
    .enabled(if: Workplace.python != nil, "needs Python with PyTorch and h5py: set SMOOTHNESS_PYTHON"))
struct LanguageGradientTests {
    private struct Rows: Decodable {
        struct Row: Decodable {
            var iteration: Int
            var draw: Int
            var component: Int
            var loss: Double
            var storedLoss: Double
            var errors: [String: Double]
        }
        var rows: [Row]
    }

    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        var state: UInt64 = 1
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let lines = (0..<80).map { _ in
            (0..<(2 + next(9))).map { _ in next(10) == 0 ? "<unk>" : "wörd\(next(1 + next(40)))" }
                .joined(separator: " ")
        }
        try bench.write(lines.joined(separator: "\n") + "\n", to: "text.txt")
    }

    static let awd = [
        "--objective", "awd-lstm", "--layers", "3", "--hidden", "19", "--embedding", "14", "--batch-size", "3",
        "--sequence-length", "12", "--vocabulary", "30",
    ]
    static let gpt = [
        "--objective", "transformer", "--layers", "2", "--heads", "2", "--embedding", "16", "--batch-size", "3",
        "--sequence-length", "12", "--dropout", "0.2",
    ]

    static let runs: [[String]] = [
        awd,
        awd + ["--state", "carried", "--burn-in", "2", "--segment-lengths", "random", "--training-draws", "fresh"],
        awd + [
            "--tokens", "characters", "--no-tied", "--state", "carried", "--word-dropout", "0", "--activation", "0",
        ],
        gpt,
        gpt + ["--tokens", "bytes", "--training-draws", "fresh"],
    ]

    @Test("loss and the gradient of every block", arguments: runs.indices, [("float32", 1e-4), ("float64", 1e-8)])
    func agrees(_ index: Int, _ precision: (name: String, tolerance: Double)) throws {
        let arguments = Self.runs[index]
        let isShort = precision.name == "float32"
        try bench.succeed(
            [
                "train", "--data", "text.txt", "--threads", "1", "--order", "cyclic", "--store-gradients",
                "--learning-rate", "0.5", "--clip-norm", "0.25", "--objective-seed", "7", "--precision",
                precision.name, "-o", "run.h5", "--epochs", isShort ? "1" : "2", "--save",
                isShort ? "every=5" : "every=3",
            ] + arguments)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let answer = try bench.python("language_gradients.py", ["run.h5"])
        let rows = try decoder.decode(Rows.self, from: Data(answer.utf8)).rows
        #expect(rows.count >= 2)
        #expect(rows.contains { $0.draw > 0 } == (!isShort && arguments.contains("fresh")))
        for row in rows {
            #expect(
                abs(row.loss - row.storedLoss) <= precision.tolerance * row.loss,
                "iteration \(row.iteration): \(row.loss) and \(row.storedLoss)")
            for (block, error) in row.errors {
                #expect(error <= precision.tolerance, "iteration \(row.iteration), \(block): \(error)")
            }
        }
    }
}
