import Essentials
import Foundation
import ParameterSpace
import Testing

private func matrix(_ count: Int, _ length: Int, seed: UInt64) -> [[Double]] {
    var generator = SeededGenerator(seed: seed, purpose: "test matrix")
    return (0..<count).map { _ in (0..<length).map { _ in generator.normal() } }
}

private func symmetric(_ count: Int, seed: UInt64) -> [[Double]] {
    let rows = matrix(count, count, seed: seed)
    return (0..<count).map { row in (0..<count).map { rows[row][$0] + rows[$0][row] } }
}

private func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }

private func largestDifference(_ x: [Double], _ y: [Double]) -> Double {
    x.count == y.count ? zip(x, y).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
}

@Suite("Eigenvalues of symmetric matrices") struct SymmetricEigenTests {
    /// −x″ on n points has the eigenvalues 2 − 2cos(kπ/(n + 1)).
    @Test("second differences have their eigenvalues in closed form", arguments: [1, 2, 3, 50])
    func secondDifferences(count: Int) {
        let rows = (0..<count).map { row in (0..<count).map { $0 == row ? 2.0 : abs($0 - row) == 1 ? -1 : 0 } }
        let exact = (1...count).map { 2 - 2 * cos(Double($0) * .pi / Double(count + 1)) }
        #expect(largestDifference(symmetricEigenvalues(of: rows), exact) < 1e-14)
        #expect(largestDifference(symmetricEigen(of: rows).values, exact) < 1e-14)
    }

    @Test("diagonal, repeated, zero and empty") func special() {
        #expect(symmetricEigenvalues(of: [[3, 0, 0], [0, -7, 0], [0, 0, 0]]) == [-7, 0, 3])
        #expect(symmetricNorm(of: [[3, 0], [0, -7]]) == 7)
        let ones = [[Double]](repeating: [1, 1, 1, 1], count: 4)
        #expect(largestDifference(symmetricEigenvalues(of: ones), [0, 0, 0, 4]) < 1e-15)
        #expect(symmetricEigenvalues(of: [[0, 0], [0, 0]]) == [0, 0])
        #expect(symmetricEigenvalues(of: []).isEmpty)
        #expect(symmetricNorm(of: []) == 0)
    }

    @Test("trace, sum of squares, residuals and orthogonality", arguments: [2, 7, 60])
    func invariants(count: Int) {
        let rows = symmetric(count, seed: 5)
        let (values, vectors) = symmetricEigen(of: rows)
        let norm = symmetricNorm(of: rows)
        let tolerance = 4e-15 * norm * Double(count).squareRoot()
        #expect(values == values.sorted())
        #expect(largestDifference(values, symmetricEigenvalues(of: rows)) <= tolerance)
        let trace = (0..<count).reduce(0.0) { $0 + rows[$1][$1] }
        #expect(abs(values.reduce(0, +) - trace) < Double(count) * tolerance)
        let squares = rows.reduce(0) { $0 + dot($1, $1) }
        #expect(abs(dot(values, values) - squares) < 1e-13 * squares)
        for index in 0..<count {
            let image = rows.map { dot($0, vectors[index]) }
            let multiple = vectors[index].map { values[index] * $0 }
            #expect(largestDifference(image, multiple) < tolerance)
            for other in 0..<count {
                #expect(abs(dot(vectors[index], vectors[other]) - (index == other ? 1 : 0)) < 1e-14)
            }
        }
    }

    @Test("a power of two scales the values and changes nothing else", arguments: [900, -900])
    func scaling(exponent: Int) {
        let rows = symmetric(6, seed: 8)
        let factor = Double(sign: .plus, exponent: exponent, significand: 1)
        let scaled = symmetricEigen(of: rows.map { $0.map { factor * $0 } })
        let (values, vectors) = symmetricEigen(of: rows)
        #expect(scaled.values == values.map { factor * $0 })
        #expect(scaled.vectors == vectors)
    }

    @Test("what is not finite gives no number", arguments: [Double.nan, .infinity])
    func nonfinite(value: Double) {
        let values = symmetricEigenvalues(of: [[1, value], [value, 1]])
        #expect(values.count == 2 && values.allSatisfy(\.isNaN))
        #expect(symmetricNorm(of: [[1, value], [value, 1]]).isNaN)
    }
}

@Suite("Singular values") struct SingularValueTests {
    @Test("closed forms") func closedForms() {
        // AᵀA = [[25, 20], [20, 25]].
        #expect(
            largestDifference(singularValues(of: [[3, 0], [4, 5]]), [sqrt(45), sqrt(5)]) < 1e-15)
        #expect(singularValues(of: [[0, 0, 0], [0, 0, 0]]) == [0, 0])
        #expect(singularValues(of: [[3, 4]]) == [5])
        #expect(singularValues(of: []).isEmpty)
        // Rank one: (1, 2, 2)ᵀ(3, 4).
        let values = singularValues(of: [[3, 6, 6], [4, 8, 8]])
        #expect(abs(values[0] - 15) < 1e-14 && values[1] < 1e-14)
    }

    /// x ↦ ∫₀ᵗ x on n points, a triangle of ones, has the singular values 1/(2 sin((2k − 1)π/(4n + 2))).
    @Test("a triangle of ones has its singular values in closed form", arguments: [2, 5, 40])
    func summation(count: Int) {
        let rows = (0..<count).map { row in (0..<count).map { $0 <= row ? 1.0 : 0 } }
        let exact = (1...count).map { 1 / (2 * sin(Double(2 * $0 - 1) * .pi / Double(4 * count + 2))) }
        #expect(largestDifference(singularValues(of: rows), exact) < 4e-15 * exact[0])
    }

    @Test("squares are the eigenvalues of the Gram matrix", arguments: [(1, 9), (7, 7), (7, 40), (30, 31)])
    func gram(count: Int, length: Int) {
        let rows = matrix(count, length, seed: 3)
        let values = singularValues(of: rows)
        let gram = rows.map { row in rows.map { dot(row, $0) } }
        let squares = Array(symmetricEigenvalues(of: gram).reversed())
        #expect(values.count == count && values == values.sorted(by: >))
        #expect(largestDifference(values.map { $0 * $0 }, squares) < 1e-13 * squares[0])
    }

    @Test("sizes whose squares leave the range of Double", arguments: [900, -900])
    func scaling(exponent: Int) {
        let rows = matrix(4, 6, seed: 2)
        let factor = Double(sign: .plus, exponent: exponent, significand: 1)
        let scaled = singularValues(of: rows.map { $0.map { factor * $0 } })
        #expect(scaled == singularValues(of: rows).map { factor * $0 })
    }

    @Test("the polar factor is orthogonal and attains the sum of the singular values", arguments: [(7, 7), (5, 23)])
    func polar(count: Int, length: Int) {
        let rows = matrix(count, length, seed: 4)
        let factor = polarFactor(of: rows)
        for (index, row) in factor.enumerated() {
            for (other, column) in factor.enumerated() {
                #expect(abs(dot(row, column) - (index == other ? 1 : 0)) < 1e-14)
            }
        }
        let sum = singularValues(of: rows).reduce(0, +)
        #expect(factor.count == count)
        let product = zip(rows, factor).reduce(0.0) { $0 + dot($1.0, $1.1) }
        #expect(abs(product - sum) < 1e-14 * Double(count) * sum)
    }
}
