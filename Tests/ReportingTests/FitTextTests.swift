import Fitting
import Foundation
import Reporting
import Testing

@Suite struct FitTextTests {
    private let points = SmoothnessPoints(
        iteration: [0, 5, 10, 15, 20], gradientNorm: [1, 2, 3, 4, 0], smoothness: [3, 5, 7, 9, 1],
        effectiveLearningRate: [0.1, 0.1, 0.1, 0.1, 0.1], stepNorm: [0.1, 0.2, 0.3, 0.4, 0])

    @Test func printsGoldenText() throws {
        let report = try fit(points, options: FitOptions(replicates: 0))
        #expect(
            report.text() == """
                Smoothness against gradient norm: 4 of 5 points, iterations 0 to 15
                  gradient norm     g = ‖∇f(x_k)‖                          1.000 to 4.000, 0.602 decades
                  local smoothness  L = max_γ ‖∇f(x_k+γd) − ∇f(x_k)‖/‖γd‖  3.000 to 9.000

                Least squares, L = L0 + L1 g with L0, L1 ≥ 0
                  L0 = 1.000
                  L1 = 2.000
                  R² = 1.000, residual spread 0, n = 4

                Upper envelope, the line above all points with the least mean excess, L0, L1 ≥ 0
                  L0 = 1.000  (leaving out one block: 1.000 to 1.000)
                  L1 = 2.000  (leaving out one block: 2.000 to 2.000)
                  mean excess 0, n = 4

                Power law, log L = a + ρ log g (natural logarithms)
                  ρ = 0.7874
                  a = 1.081
                  R² = 0.9954, residual spread of the logs 0.03989, n = 4

                Correlation of L and g
                  Pearson, of the logs  0.9977
                  Spearman, of ranks    1.000

                Against the step size, η_eff = ‖d‖/‖∇f(x_k)‖, 4 points
                  L η_eff / 2: median 0.2958, spread of its log 0.4724 (of log L: 0.4724)

                Against the neighbourhood 1/L1, L1‖d‖ with L1 of least squares, 4 points
                  median 0.5000, largest 0.8000

                Intervals
                  none: no bootstrap replicates were asked for

                3 WARNINGS
                  ! 1 of 5 points were left out: 1 (gradient norm is zero)
                  ! only 4 points: fewer than 20 say little about L0 and L1
                  ! the gradient norm spans 0.602 decades, less than one: L0 and L1 can hardly be told apart

                """)
    }

    @Test func showsIntervalsAndWarningsLast() throws {
        let report = try fit(points, options: FitOptions(replicates: 200))
        let text = report.text()
        #expect(text.contains("L0 = 1.000  [") && text.contains("ρ = 0.7874  ["))
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
        #expect(abs(slope - 2) < 1e-12)
        let decoded = try JSONDecoder().decode(FitReport.self, from: Data(try report.json().utf8))
        #expect(decoded == report)
    }
}
