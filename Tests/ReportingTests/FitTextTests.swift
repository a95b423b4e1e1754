import Essentials
import Fitting
import Foundation
import Reporting
import Testing

@Suite struct FitTextTests {
    private let points = SmoothnessPoints(
        iteration: [0, 5, 10, 15, 20], gradientNorm: [1, 2, 3, 4, 0], smoothness: [3, 6, 7, 9, 1],
        effectiveLearningRate: [0.1, 0.1, 0.1, 0.1, 0.1], stepNorm: [0.1, 0.2, 0.3, 0.4, 0])

    @Test func printsGoldenText() throws {
        let report = try fit(points, options: FitOptions(replicates: 0))
        #expect(
            report.text() == """
                Smoothness against gradient norm: 4 of 5 points, iterations 0 to 15
                  gradient norm     g = ‖∇f(x_k)‖                          1.000 to 4.000, 0.602 decades
                  local smoothness  L = max_γ ‖∇f(x_k+γd) − ∇f(x_k)‖/‖γd‖  3.000 to 9.000
                  weights           all alike

                Least squares, L = L0 + L1 g with L0, L1 ≥ 0
                  L0 = 1.500
                  L1 = 1.900
                  R² = 0.9627, residual spread 0.5916, n = 4

                Theil and Sen's line, the median slope of all pairs; knows no bounds and no weights
                  L0 = 1.000
                  L1 = 2.000
                  points above 25.0 %

                Expectile τ = 0.857: squared error + 5.00 × squared undershoot, L0, L1 ≥ 0
                  L0 = 2.200
                  L1 = 1.760
                  points above 25.0 %

                Quantile τ = 0.950: 95.0 % of the points below the line, L0, L1 ≥ 0
                  L0 = 3.000
                  L1 = 1.500
                  points above 0 %

                Upper envelope, the line above all points with the least mean excess, L0, L1 ≥ 0
                  L0 = 3.000  (leaving out one block: 0 to 3.000)
                  L1 = 1.500  (leaving out one block: 1.500 to 3.000)
                  mean excess 0.5000, n = 4

                Power law, log L = a + ρ log g (natural logarithms)
                  ρ = 0.7725
                  a = 1.145
                  R² = 0.9741, residual spread of the logs 0.09266, n = 4
                  with errors in both variables, errors of log L 1.00 × those of log g
                  ρ = 0.7802
                  a = 1.138

                Constant, L = L0
                  L0 = 6.250

                Order ρ, L = L0 + Lρ g^ρ with L0, Lρ ≥ 0
                  L0 = 0
                  Lρ = 3.314
                  ρ  = 0.7187
                  R² = 0.9740

                Comparison on the scale of L: BIC less the least, and prediction error in blocks left out (constant = 1)
                  L = L0                                 13.2    undefined
                  L = L1 g                                4.6    undefined
                  L = L0 + L1 g                           1.5    undefined
                  L = c g^ρ                               0.0    undefined
                  L = L0 + Lρ g^ρ                         1.4    undefined
                  2 folds of consecutive points, 1 on both sides left out; BIC takes the points as independent

                Correlation of L and g
                  Pearson, of the logs  0.9870  (p = 0.0130 if independent)
                  Spearman, of ranks    1.000  (p = 0 if independent)
                  Kendall, of pairs     1.000  (p = 0.0833 if independent)

                Against the step size, η_eff = ‖d‖/‖∇f(x_k)‖, 4 points
                  L η_eff / 2: median 0.3240, spread of its log 0.4705 (of log L: 0.4705)

                Against the neighbourhood 1/L1, L1‖d‖ with L1 of least squares, 4 points
                  median 0.4750, largest 0.7600

                Intervals
                  none: no bootstrap replicates were asked for

                4 WARNINGS
                  ! 1 of 5 points were left out: 1 (the step is zero, x_{k+1} = x_k)
                  ! only 4 points: fewer than 20 say little about L0 and L1
                  ! the gradient norm spans 0.602 decades, less than one: L0 and L1 can hardly be told apart
                  ! 25.0 % of the points lie above the expectile line (τ = 0.857): it is no upper bound of the smoothness seen

                """)
    }

    @Test func showsIntervalsAndWarningsLast() throws {
        let report = try fit(points, options: FitOptions(replicates: 200))
        let text = report.text()
        #expect(text.contains("L0 = 1.500  [") && text.contains("ρ = 0.7725  ["))
        #expect(text.contains("200 resamples, circular moving blocks"))
        let lines = text.split(separator: "\n")
        #expect(lines.suffix(report.warnings.count).allSatisfy { $0.hasPrefix("  ! ") })
        #expect(lines.allSatisfy { $0.count <= 200 })
    }

    @Test func makesATableAndJSON() throws {
        let report = try fit(points, options: FitOptions(replicates: 200))
        let table = report.table()
        #expect(table.columns == ["model", "quantity", "value", "lower", "upper", "standard_error"])
        #expect(table.rows[1].prefix(2) == [.string("least_squares"), .string("L1")])
        guard case .number(let slope) = table.rows[1][2] else { throw CocoaError(.coderReadCorrupt) }
        #expect(abs(slope - 1.9) < 1e-12)
        let decoded = try JSONDecoder().decode(FitReport.self, from: Data(try report.json().utf8))
        #expect(decoded == report)
    }

    @Test func printsTheLineWithoutThePointThatDecidesItFirst() throws {
        var generator = SeededGenerator(seed: 4, purpose: "test.outlier")
        let g = (0..<60).map { _ in exp(0.5 * generator.normal()) }
        var points = SmoothnessPoints(
            iteration: Array(0..<60), gradientNorm: g,
            smoothness: g.map { (1 + 2 * $0) * exp(0.1 * generator.normal()) })
        points.smoothness[42] = 1e5
        let text = try fit(points, options: FitOptions(replicates: 200)).text()
        let places = try ["Least squares without iteration 42", "Theil and Sen's line", "Least squares, L ="].map {
            try #require(text.firstRange(of: $0)).lowerBound
        }
        #expect(places == places.sorted())
    }

    @Test func judgesASlopeOfZeroByItsInterval() throws {
        var options = AdviceOptions()
        options.line = .leastSquares
        options.fit.replicates = 300
        func advice(_ count: Int, noise: Double) throws -> String {
            var generator = SeededGenerator(seed: 7, purpose: "test.no-slope")
            let g = (0..<count).map { pow(10, 1 - 2 * Double($0) / Double(count)) }
            let points = SmoothnessPoints(
                iteration: Array(0..<count), gradientNorm: g,
                smoothness: g.map { (1 - 0.002 * $0) * exp(noise * generator.normal()) })
            return try advise(points, options: options).text()
        }
        let open = try advice(40, noise: 0.5)
        #expect(open.contains("not determined") && !open.contains("is not called for"))
        let settled = try advice(1000, noise: 0.01)
        #expect(settled.contains("clipping is not called for") && !settled.contains("not determined"))
    }
}
