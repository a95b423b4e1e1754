import Essentials
import Fitting
import Foundation
import Reporting
import Testing

/// A law that is in the list is everywhere.
@Suite struct LawListTests {
    private func report() throws -> FitReport {
        var generator = SeededGenerator(seed: 11, purpose: "test.laws")
        let g = (0..<40).map { _ in exp(generator.normal()) }
        let points = SmoothnessPoints(
            iteration: Array(0..<40), gradientNorm: g,
            smoothness: g.map { (1 + $0) * exp(0.2 * generator.normal()) }, loss: g.map { 1 + $0 * $0 },
            segmentGradientNorm: g.map { 1.5 * $0 })
        return try fit(points, options: FitOptions(replicates: 20))
    }

    @Test func writesEveryLawInEveryFormat() throws {
        let report = try report()
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: Any])
        let rows = Set(report.table().rows.map { Array($0.prefix(2)) })
        let (text, latex) = (report.text(), report.latex())
        for law in Law.all where !law.quantities.isEmpty {
            let fit = try #require(report[law], "\(law.name)")
            #expect(json[law.key] is [String: Any], "\(law.name)")
            for quantity in law.quantities {
                #expect(rows.contains([.string(law.name), .string(quantity.column)]), "\(law.name) \(quantity.column)")
            }
            let lines = law.text(fit, report, NumberStyle(digits: 4, hasIntervals: true)).filter { !$0.isEmpty }
            #expect(!lines.isEmpty && lines.allSatisfy(text.contains), "\(law.name)")
            #expect(latex.contains(law.latex(fit)), "\(law.name)")
        }
    }

    @Test func givesEveryLawNamesOfItsOwn() {
        #expect(Set(Law.all.map(\.key)).count == Law.all.count)
        #expect(Set(Law.all.map(\.name)).count == Law.all.count)
        #expect(Set(Correlation.all.map(\.key)).count == Correlation.all.count)
        #expect(Set(FitWarning.Code.all).count == FitWarning.Code.all.count)
        #expect(Set(AdviceLine.allCases.map(\.rawValue)).count == AdviceLine.allCases.count)
    }
}
