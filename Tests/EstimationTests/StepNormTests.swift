import Essentials
import Estimation
import Foundation
import ParameterSpace
import TestSupport
import Testing

private func vector(_ count: Int, index: Int) -> [Double] {
    var generator = SeededGenerator(seed: 12, purpose: "test vector", index: index)
    return (0..<count).map { _ in generator.normal() }
}

private func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }

@Suite("Norms for steps and their duals") struct StepNormTests {
    static let layout = ParameterLayout([
        ("wide", [3, 7]), ("bias", [7]), ("scalar", []), ("tall", [9, 4]), ("kernel", [4, 2, 3, 3]), ("row", [1, 5]),
        ("column", [5, 1]),
    ])

    private struct ClosedForm {
        var norm: StepNorm
        /// Of the matrix and of the vector.
        var norms: [Double]
        var duals: [Double]
        var whole: Double
        var wholeDual: Double
    }

    /// A = [[3, 0], [4, 5]]: AᵀA = [[25, 20], [20, 25]], so σ = √45, √5; and v = (1, −2, 2).
    @Test("closed forms") func closedForms() throws {
        let layout = ParameterLayout([("matrix", [2, 2]), ("vector", [3])])
        let x: [Double] = [3, 0, 4, 5, 1, -2, 2]
        let (matrix, tail) = (layout.blocks[0], layout.blocks[1])
        func root(_ value: Double) -> Double { value.squareRoot() }
        let nuclear = root(45) + root(5)
        let cases: [ClosedForm] = [
            ClosedForm(
                norm: .euclidean, norms: [root(50), 3], duals: [root(50), 3], whole: root(59), wholeDual: root(59)),
            ClosedForm(
                norm: .rootMeanSquare, norms: [root(50) / 2, root(3)], duals: [root(50) * 2, 3 * root(3)],
                whole: root(59 / 7), wholeDual: root(59 * 7)),
            ClosedForm(
                norm: .spectral, norms: [root(45), 3], duals: [nuclear, 3], whole: root(45), wholeDual: nuclear + 3),
            ClosedForm(norm: .maximum, norms: [5, 2], duals: [12, 5], whole: 5, wholeDual: 17),
            ClosedForm(
                norm: .rowWise, norms: [root(41), 2], duals: [3 + root(41), 5], whole: root(41),
                wholeDual: 8 + root(41)),
        ]
        #expect(Set(cases.map(\.norm)) == Set(StepNorm.allCases))
        func near(_ found: Double, _ wanted: Double) -> Bool { abs(found - wanted) <= 1e-14 * wanted }
        for form in cases {
            let norm = form.norm
            #expect(near(try norm.norm(of: x, in: matrix), form.norms[0]), "\(norm)")
            #expect(near(try norm.norm(of: x, in: tail), form.norms[1]), "\(norm)")
            #expect(near(try norm.dualNorm(of: x, in: matrix), form.duals[0]), "\(norm)")
            #expect(near(try norm.dualNorm(of: x, in: tail), form.duals[1]), "\(norm)")
            #expect(near(try norm.norm(of: x, layout: layout), form.whole), "\(norm)")
            #expect(near(try norm.dualNorm(of: x, layout: layout), form.wholeDual), "\(norm)")
        }
    }

    @Test("⟨g, d⟩ ≤ ‖g‖*‖d‖, with equality for the maximiser", arguments: StepNorm.allCases)
    func duality(_ norm: StepNorm) throws {
        let layout = Self.layout
        for trial in 0..<20 {
            let (g, d) = (vector(layout.count, index: trial), vector(layout.count, index: 100 + trial))
            let bound = try norm.dualNorm(of: g, layout: layout) * norm.norm(of: d, layout: layout)
            #expect(dot(g, d) <= bound)
            let best = try norm.maximizer(of: g, layout: layout)
            #expect(abs(try norm.norm(of: best, layout: layout) - 1) < 1e-13)
            let dual = try norm.dualNorm(of: g, layout: layout)
            #expect(abs(dot(g, best) - dual) < 1e-13 * dual)
            for block in layout.blocks {
                let (part, step) = (Array(g[block.range]), Array(d[block.range]))
                let dual = try norm.dualNorm(of: g, in: block)
                #expect(dot(part, step) <= dual * (try norm.norm(of: d, in: block)) * (1 + 1e-14))
                let best = try norm.maximizer(of: g, in: block)
                #expect(abs(dot(part, best) - dual) < 1e-13 * dual)
                var whole = d
                whole.replaceSubrange(block.range, with: best)
                #expect(abs(try norm.norm(of: whole, in: block) - 1) < 1e-13)
            }
        }
    }

    @Test("norms: homogeneous, subadditive, zero at zero", arguments: StepNorm.allCases)
    func axioms(_ norm: StepNorm) throws {
        let layout = Self.layout
        let (x, y) = (vector(layout.count, index: 200), vector(layout.count, index: 201))
        let zero = [Double](repeating: 0, count: layout.count)
        for of in [norm.norm(of:layout:), norm.dualNorm(of:layout:)] {
            #expect(try of(zero, layout) == 0)
            #expect(abs(try of(x.map { -3 * $0 }, layout) - 3 * of(x, layout)) < 1e-12 * (try of(x, layout)))
            #expect(try of(zip(x, y).map { $0 + $1 }, layout) <= of(x, layout) + of(y, layout))
            // What is not finite does not pass for a number.
            for index in [0, 25, layout.count - 1] {
                var broken = x
                broken[index] = .nan
                #expect(try of(broken, layout).isNaN)
                broken[index] = .infinity
                #expect(try !of(broken, layout).isFinite)
            }
        }
        #expect(try norm.maximizer(of: zero, layout: layout) == zero)
    }

    /// Rank one: U·Vᵀ of the one direction there is.
    @Test("the spectral maximiser leaves directions without gradient alone") func rankDeficient() throws {
        let layout = ParameterLayout([("matrix", [3, 2])])
        // (1, 2, 2)ᵀ(3, 4): singular value 3·5.
        let g: [Double] = [3, 4, 6, 8, 6, 8]
        let best = try StepNorm.spectral.maximizer(of: g, layout: layout)
        expectAgreement(best, g.map { $0 / 15 }, .absolute(1e-14))
        #expect(abs(try StepNorm.spectral.dualNorm(of: g, layout: layout) - 15) < 1e-13)
    }

    private struct Answer: Decodable {
        var norms: [Double]
        var duals: [Double]
        var norm: Double
        var dual: Double
    }

    @Test(
        "NumPy finds the same norms",
        .enabled(if: Workplace.python != nil, "needs Python with NumPy: set SMOOTHNESS_PYTHON"))
    func numpyAgrees() throws {
        let layout = Self.layout
        let x = vector(layout.count, index: 300).map { $0 * $0 * $0 }
        let folder = try TemporaryFolder()
        let request = "{\"shapes\": \(layout.blocks.map(\.shape)), \"x\": \(x)}"
        try Data(request.utf8).write(to: URL(filePath: folder.path("request.json")))
        let script = Workplace.packageRoot.appending(path: "Tests/EstimationTests/Twins/step_norms.py").path
        let outcome = try run(try #require(Workplace.python), [script, folder.path("request.json")])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let answers = try JSONDecoder().decode([String: Answer].self, from: Data(outcome.standardOutput.utf8))
        #expect(Set(answers.keys) == Set(StepNorm.allCases.map(\.rawValue)))
        for norm in StepNorm.allCases {
            let answer = try #require(answers[norm.rawValue])
            let found =
                try norm.norms(of: x, layout: layout) + norm.dualNorms(of: x, layout: layout) + [
                    norm.norm(of: x, layout: layout), norm.dualNorm(of: x, layout: layout),
                ]
            for (ours, theirs) in try paired(found, answer.norms + answer.duals + [answer.norm, answer.dual]) {
                #expect(abs(ours - theirs) <= 1e-13 * theirs, "\(norm): \(ours) and \(theirs)")
            }
        }
    }
}
