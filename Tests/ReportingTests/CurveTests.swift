import Essentials
import Foundation
import Reporting
import TestSupport
import Testing

private let hasGnuplot = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .contains { FileManager.default.isExecutableFile(atPath: "\($0)/gnuplot") }

@Suite struct CurveTests {
    /// Three runs of each of several algorithms over 30 epochs, falling losses with noise, and one that breaks off.
    private func runs(algorithms: [String] = ["sgd", "clipping"], seeds: Int = 3) -> [RunCurve] {
        algorithms.enumerated().flatMap { number, algorithm in
            (0..<seeds).map { seed in
                var generator = SeededGenerator(seed: UInt64(seed), purpose: "curve of \(algorithm)")
                let last = number == 0 && seed == 2 ? 20 : 30
                let points = (1...last).map { epoch -> RunCurve.Point in
                    let loss = 6 * exp(-Double(epoch) / Double(8 + 4 * number)) + 0.1 * generator.uniform() + 0.2
                    return RunCurve.Point(
                        place: Double(epoch), trainingLoss: loss,
                        validationLoss: loss + 0.3 + 0.1 * generator.uniform(),
                        metric: exp(loss / 2))
                }
                return RunCurve(
                    file: "\(algorithm)-\(seed).h5",
                    settings: [
                        "algorithm": algorithm, "learning_rate": number == 0 ? "0.1" : "30", "clip_norm": "0.25",
                    ],
                    points: points)
            }
        }
    }

    private func plot(
        _ runs: [RunCurve], spread: CurvesPlot.Spread = .range, isLogarithmic: Bool = false, title: String = "title"
    ) throws -> CurvesPlot {
        try CurvesPlot(
            runs: runs, axis: "epoch", metricName: "perplexity", spread: spread, isLogarithmic: isLogarithmic,
            title: title)
    }

    @Test func statisticsAreThoseOfTheRunsThatAreThere() throws {
        let curves = [
            RunCurve(
                file: "a", settings: [:], points: [.init(place: 1, trainingLoss: 1), .init(place: 2, trainingLoss: 5)]),
            RunCurve(
                file: "b", settings: [:],
                points: [.init(place: 1, trainingLoss: 4), .init(place: 2, trainingLoss: .nan)]),
            RunCurve(
                file: "c", settings: [:],
                points: [.init(place: 1, trainingLoss: 7), .init(place: 3, trainingLoss: .infinity)]),
        ]
        let groups = CurveGroup.groups(of: curves)
        #expect(groups.count == 1)
        let statistics = groups[0].statistics(of: .trainingLoss)
        // Place 3 has no finite number.
        #expect(statistics.map(\.place) == [1, 2])
        #expect(statistics[0].mean == 4 && statistics[0].minimum == 1 && statistics[0].maximum == 7)
        #expect(statistics[0].deviation == 3 && statistics[0].count == 3 && statistics[0].notFinite == 0)
        #expect(statistics[1].mean == 5 && statistics[1].deviation == nil)
        #expect(statistics[1].count == 1 && statistics[1].notFinite == 1)
        #expect(groups[0].statistics(of: .validationLoss).isEmpty)
    }

    @Test func groupsAreNamedByWhatDiffers() {
        func groups(_ settings: [[String: String]]) -> [String] {
            CurveGroup.groups(of: settings.map { RunCurve(file: "", settings: $0, points: []) }).map(\.label)
        }
        #expect(
            groups([
                ["algorithm": "sgd", "learning_rate": "30.0", "gamma": "7.5", "clip_norm": "0.25", "beta": "0"],
                ["algorithm": "sgd", "learning_rate": "2", "beta": "0"],
                ["algorithm": "sgd", "learning_rate": "2", "beta": "0"],
            ]) == ["η 30, c 0.25", "η 2, unclipped"])
        #expect(
            groups([["nu": "0.7", "schedule cosine last": "0"], ["nu": "1"]])
                == ["ν 0.7, schedule cosine last 0", "ν 1"])
        #expect(groups([["algorithm": "adam", "learning_rate": "0.001", "beta": "0.9"]]) == ["adam, η 0.001"])
        #expect(groups([["a": "1"], [:]]) == ["a 1", "others without these settings"])
    }

    @Test func nothingToDrawIsRefused() {
        for runs in [[], [RunCurve(file: "a", settings: [:], points: [.init(place: 1, trainingLoss: .nan)])]] {
            let error = #expect(throws: SmoothnessError.self) { try plot(runs) }
            #expect(error?.kind == .data)
        }
    }

    @Test(.enabled(if: hasGnuplot, "needs gnuplot"), arguments: ["svg", "png", "pdf"]) func drawsPictures(
        ending: String
    ) throws {
        let folder = try TemporaryFolder()
        let marker = folder.path("executed")
        let title = "5 % < \"run\" & `touch \(marker)` '; system('touch \(marker)')"
        for (spread, isLogarithmic) in [(CurvesPlot.Spread.range, false), (.deviation, true)] {
            let path = folder.path("curves-\(spread).\(ending)")
            try plot(runs(), spread: spread, isLogarithmic: isLogarithmic, title: title).write(to: path)
            let data = try Data(contentsOf: URL(filePath: path))
            #expect(data.count > 5_000)
            guard ending == "svg" else { continue }
            let text = String(decoding: data, as: UTF8.self)
            for label in [
                "sgd, η 0.1 (3 runs)", "clipping, η 30 (3 runs)", "training loss", "validation loss", "perplexity",
                "epoch", spread == .range ? "from the smallest to the largest run" : "one standard deviation",
            ] {
                #expect(text.contains(label), "\(label)")
            }
        }
        // Text of a title is shown and never executed; nothing but the pictures is left.
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).count == 2)
    }

    /// One run, one point, many groups, numbers far from 1, a constant.
    @Test(.enabled(if: hasGnuplot, "needs gnuplot")) func drawsUnusualData() throws {
        let folder = try TemporaryFolder()
        try plot(runs(algorithms: ["sgd"], seeds: 1)).write(to: folder.path("one.svg"))
        try plot(runs(algorithms: (1...11).map { "algorithm \($0)" }, seeds: 2)).write(to: folder.path("many.svg"))
        for (name, value) in [("point", 3.0), ("zero", 0), ("large", 1e200), ("small", 1e-200), ("negative", -2)] {
            let run = RunCurve(file: "", settings: [:], points: [.init(place: 1, trainingLoss: value)])
            try plot([run]).write(to: folder.path("\(name).svg"))
            guard value > 0 else { continue }
            try plot([run], isLogarithmic: true).write(to: folder.path("\(name)-log.svg"))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).count == 10)
    }

    @Test func leavesScriptAndDataWithoutGnuplot() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: SmoothnessError.self) {
            try plot(runs()).write(to: folder.path("c.svg"), gnuplot: "/nowhere/gnuplot")
        }
        #expect(error?.kind == .cannotCreate)
        #expect(
            Set(try FileManager.default.contentsOfDirectory(atPath: folder.url.path)) == ["c.svg.gnuplot", "c.svg.dat"])
    }

    @Test func vegaLiteHoldsItsData() throws {
        let data = Data(try plot(runs()).vegaLite().utf8)
        let specification = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let views = try #require(specification["hconcat"] as? [[String: Any]])
        #expect(views.count == 3)
        for (view, name) in try paired(views, ["training_loss", "validation_loss", "metric"]) {
            let source = try #require(view["data"] as? [String: Any])
            #expect(source["name"] as? String == name)
            let values = try #require(source["values"] as? [[String: Any]])
            #expect(values.count == 60)
            for value in values {
                let (low, mean, high) = (value["low"] as? Double, value["mean"] as? Double, value["high"] as? Double)
                #expect(low ?? 9 <= mean ?? 0 && mean ?? 9 <= high ?? 0)
            }
        }
    }
}
