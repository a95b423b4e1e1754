// What docs/method.md and docs/benchmarks.md say of the fits, as measured:
//     fitting-benchmark coverage [RUNS [FIRST [LAST]]]    the share of 95 % intervals that hold the true value, law by law; some rows
//     fitting-benchmark speed [POINTS]     processor and wall-clock seconds of every method, and the largest memory
import Essentials
import Fitting
import FittingFixture
import Foundation

func coverage(runs: Int, rows: ClosedRange<Int>) throws {
    let truths = try [1.0, 0].map { ($0, try CoverageStudy.truth(intercept: $0)) }
    let rivals = CoveredNumber.allCases.filter { $0 != .leastSquaresL0 && $0 != .leastSquaresL1 }
    func percent(_ share: Double?) -> String { share.map { String(format: "%.1f", 100 * $0) } ?? "" }
    func row(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
    func head(_ cells: [String]) -> [String] { [row(cells), row(cells.map { _ in "---" })] }
    let names = ["n", "φ of log g", "φ of noise", "true L0"]
    var lines = head(names + ["mean ℓ", "L0", "L1", "L0, points", "L1, points"])
    var others = head(names + rivals.map(\.rawValue))
    for setting in CoverageSetting.documented.enumerated().filter({ rows.contains($0.offset + 1) }).map(\.element) {
        let truth = truths.first { $0.0 == setting.intercept }?.1 ?? [:]
        let blocks = try CoverageStudy(setting, runs: runs, truth: truth)
        let points = try CoverageStudy(
            setting, runs: setting.count < 1000 ? runs : min(runs, 400), scheme: .points,
            truth: CoverageStudy.leastSquaresTruth(intercept: setting.intercept))
        let start = [
            "\(setting.count)", "\(setting.memory.gradient)", "\(setting.memory.noise)", "\(Int(setting.intercept))",
        ]
        let least: [CoveredNumber] = [.leastSquaresL0, .leastSquaresL1]
        lines.append(
            row(
                start + [String(format: "%.0f", blocks.meanBlockLength)] + least.map { percent(blocks.shares[$0]) }
                    + least.map { percent(points.shares[$0]) }))
        others.append(row(start + rivals.map { percent(blocks.shares[$0]) }))
        // Long runs show how far they are.
        FileHandle.standardError.write(Data("\(lines.last ?? "")\n\(others.last ?? "")\n".utf8))
    }
    print((lines + [""] + others).joined(separator: "\n"))
}

func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}

func measure(_ name: String, _ work: () -> Any?) {
    let (processor, wall) = (seconds(CLOCK_PROCESS_CPUTIME_ID), seconds(CLOCK_MONOTONIC))
    let result = work()
    print(
        "\(name): \(String(format: "%.2f s of processor time, %.2f s", seconds(CLOCK_PROCESS_CPUTIME_ID) - processor, seconds(CLOCK_MONOTONIC) - wall))"
            + (result == nil ? ", no result" : ""))
}

func speed(points count: Int) {
    var generator = SeededGenerator(seed: 1, purpose: "benchmark.speed")
    let g = (0..<count).map { _ in exp(generator.normal()) }
    let l = g.map { (1 + 0.5 * $0) * exp(0.4 * generator.normal()) }
    measure("non-negative least squares") { nonNegativeLeastSquares(gradientNorm: g, smoothness: l) }
    measure("expectile") { expectileLine(gradientNorm: g, smoothness: l) }
    measure("quantile") { quantileLine(gradientNorm: g, smoothness: l) }
    measure("upper envelope") { upperEnvelope(gradientNorm: g, smoothness: l) }
    measure("power law") { powerLaw(gradientNorm: g, smoothness: l) }
    measure("power law, errors in both") { powerLawWithErrors(gradientNorm: g, smoothness: l) }
    let errors = g.indices.map { 0.05 + 0.05 * Double($0 % 7) }
    measure("power law, errors of every point") {
        powerLawWithErrors(gradientNorm: g, smoothness: l, gradientNormError: errors, smoothnessError: errors)
    }
    measure("order") { orderLaw(gradientNorm: g, smoothness: l) }
    measure("loss gap") { gapLine(loss: g, smoothness: l) }
    measure("Pearson") { pearsonCorrelation(g, l) }
    measure("Spearman") { spearmanCorrelation(g, l) }
    measure("Kendall") { kendallCorrelation(g, l) }
    measure("Theil and Sen") { theilSenLine(gradientNorm: g, smoothness: l) }
    let thousand = Simulation.trajectory(
        1000, intercept: 1, slope: 0.5, gradientMemory: 0.9, noiseMemory: 0.8, seed: 77, index: 0)
    measure("everything with 2,000 resamples of 1,000 points") { try? fit(thousand) }
    var weighted = thousand
    weighted.smoothnessError = thousand.smoothness.indices.map { thousand.smoothness[$0] * errors[$0] }
    weighted.gradientNormError = thousand.gradientNorm.indices.map { thousand.gradientNorm[$0] * errors[$0] }
    var options = FitOptions()
    options.isWeighted = true
    measure("the same, weighted") { try? fit(weighted, options: options) }
    let peak = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8))?.split(separator: "\n")
        .first { $0.hasPrefix("VmHWM") }
    print(peak ?? "")
}

let arguments = CommandLine.arguments
switch arguments.dropFirst().first {
case "coverage":
    func number(_ place: Int, _ otherwise: Int) -> Int {
        arguments.count > place ? Int(arguments[place]) ?? otherwise : otherwise
    }
    let first = number(3, 1)
    try coverage(runs: number(2, 1000), rows: first...max(number(4, 16), first))
case "speed": speed(points: arguments.count > 2 ? Int(arguments[2]) ?? 10_000_000 : 10_000_000)
default: print("usage: fitting-benchmark coverage [RUNS [FIRST [LAST]]] | speed [POINTS]")
}
