// What docs/method.md and docs/benchmarks.md say of the fits, as measured:
//     fitting-benchmark coverage [RUNS]    the share of 95 % intervals that hold the true L0 and L1
//     fitting-benchmark speed [POINTS]     processor and wall-clock seconds of every method, and the largest memory
import Essentials
import Fitting
import Foundation

/// A first-order autoregression with mean 0 and the given standard deviation.
func autoregression(_ count: Int, _ memory: Double, _ spread: Double, _ generator: inout SeededGenerator) -> [Double] {
    var value = spread * generator.normal()
    return (0..<count).map { _ in
        value = memory * value + spread * (1 - memory * memory).squareRoot() * generator.normal()
        return value
    }
}

/// Autocorrelated points with E[L | g] = L0 + ½ g; gradient norms fall by a factor e along the run.
func trajectory(_ count: Int, L0: Double, memory: (g: Double, noise: Double), index: Int) -> SmoothnessPoints {
    var generator = SeededGenerator(seed: 77, purpose: "benchmark.coverage", index: index)
    let logs = autoregression(count, memory.g, 0.5, &generator)
    let noise = autoregression(count, memory.noise, 0.4, &generator)
    let g = (0..<count).map { exp(logs[$0] + 1 - Double($0) / Double(count)) }
    return SmoothnessPoints(
        iteration: Array(0..<count), gradientNorm: g,
        smoothness: (0..<count).map { (L0 + 0.5 * g[$0]) * exp(noise[$0] - 0.08) })
}

func coverage(runs: Int) throws {
    print("| n | φ of log g | φ of noise | true L0 | mean ℓ | L0 | L1 | L0, points | L1, points |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (count, memory) in [
        (100, (0.0, 0.0)), (100, (0.7, 0.7)), (200, (0.8, 0.8)), (300, (0, 0)), (300, (0.7, 0.7)), (300, (0.95, 0.9)),
        (1000, (0.7, 0.7)),
        (1000, (0.95, 0.9)),
    ] {
        for L0 in [1.0, 0] {
            var hits = [0, 0, 0, 0]
            var length = 0
            for index in 0..<runs {
                let points = trajectory(count, L0: L0, memory: memory, index: index)
                for (place, scheme) in [BootstrapScheme.movingBlocks, .points].enumerated() {
                    var options = FitOptions(replicates: 400)
                    options.scheme = scheme
                    let report = try fit(points, options: options)
                    if scheme == .movingBlocks { length += report.bootstrap.blockLength }
                    for (offset, pair) in [(report.leastSquares.intercept, L0), (report.leastSquares.slope, 0.5)]
                        .enumerated()
                    where pair.0.lower ?? .infinity <= pair.1 && pair.1 <= pair.0.upper ?? 0 {
                        hits[2 * place + offset] += 1
                    }
                }
            }
            let shares = hits.map { String(format: "%.0f %%", 100 * Double($0) / Double(runs)) }
            print(
                "| \(count) | \(memory.0) | \(memory.1) | \(Int(L0)) | \(length / runs) | "
                    + shares.joined(separator: " | ") + " |")
        }
    }
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
    measure("order") { orderLaw(gradientNorm: g, smoothness: l) }
    measure("loss gap") { gapLine(loss: g, smoothness: l) }
    measure("Pearson") { pearsonCorrelation(g, l) }
    measure("Spearman") { spearmanCorrelation(g, l) }
    measure("Kendall") { kendallCorrelation(g, l) }
    measure("Theil and Sen") { theilSenLine(gradientNorm: g, smoothness: l) }
    let thousand = trajectory(1000, L0: 1, memory: (0.9, 0.8), index: 0)
    measure("everything with 2,000 resamples of 1,000 points") { try? fit(thousand) }
    let peak = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8))?.split(separator: "\n")
        .first { $0.hasPrefix("VmHWM") }
    print(peak ?? "")
}

let arguments = CommandLine.arguments
switch arguments.dropFirst().first {
case "coverage": try coverage(runs: arguments.count > 2 ? Int(arguments[2]) ?? 500 : 500)
case "speed": speed(points: arguments.count > 2 ? Int(arguments[2]) ?? 10_000_000 : 10_000_000)
default: print("usage: fitting-benchmark coverage [RUNS] | speed [POINTS]")
}
