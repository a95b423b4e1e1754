import Essentials
import ParameterSpace
import Testing

private func vector<Scalar: ParameterScalar>(_ count: Int, seed: UInt64, as: Scalar.Type) -> [Scalar] {
    var generator = SeededGenerator(seed: seed, purpose: "vector")
    return (0..<count).map { _ in Scalar(generator.normal()) }
}

/// Sums with compensation (Neumaier), the reference for what the kernels add up in lanes.
private func preciseSum(_ terms: some Sequence<Double>) -> Double {
    var sum = 0.0
    var compensation = 0.0
    for term in terms {
        let next = sum + term
        compensation += abs(sum) >= abs(term) ? (sum - next) + term : (term - next) + sum
        sum = next
    }
    return sum + compensation
}

@Suite struct ReductionTests {
    // Lengths around the 16 lanes, and one that is large.
    @Test(arguments: [0, 1, 15, 16, 17, 33, 1000, 100_003]) func reductionsAgreeWithPreciseSums(count: Int) {
        check(count, as: Float.self)
        check(count, as: Double.self)
    }

    /// A sum of n terms in 16 lanes and a tree of four levels is off by at most (n/16 + 5) units of rounding per term, plus
    /// the three roundings that make a term.
    private func expectClose(_ sum: Double, _ terms: [Double]) {
        let bound = (Double(terms.count) / 16 + 8) * 0x1p-53 * preciseSum(terms.map(abs))
        #expect(abs(sum - preciseSum(terms)) <= bound)
    }

    private func check<Scalar: ParameterScalar>(_ count: Int, as type: Scalar.Type) {
        let x = vector(count, seed: 1, as: type)
        let y = vector(count, seed: 2, as: type)
        let g = vector(count, seed: 3, as: Double.self)
        let base = vector(count, seed: 4, as: Double.self)
        let displacement = zip(x, y).map { Double($1) - Double($0) }
        let difference = zip(g, base).map { $0 - $1 }
        expectClose(Scalar.dot(x, y, in: 0..<count), zip(x, y).map { Double($0) * Double($1) })
        expectClose(Scalar.squaredDistance(x, y, in: 0..<count), displacement.map { $0 * $0 })
        let sums = Scalar.probeSums(gradient: g, base: base, probe: y, iterate: x, in: 0..<count)
        expectClose(sums.gradientSquared, g.map { $0 * $0 })
        expectClose(sums.differenceSquared, difference.map { $0 * $0 })
        expectClose(sums.differenceAlongStep, zip(difference, displacement).map { $0 * $1 })
        expectClose(sums.baseAlongStep, zip(base, displacement).map { $0 * $1 })
        expectClose(sums.displacementSquared, displacement.map { $0 * $0 })
    }

    @Test func rangesAreRespected() {
        let x = vector(100, seed: 5, as: Float.self)
        #expect(Float.squaredNorm(x, in: 20..<57) == Float.squaredNorm(Array(x[20..<57]), in: 0..<37))
    }

    @Test func vectorsAreTheSameToTheBit() {
        let x: [Float] = (0..<40).map { Float($0) - 20 }
        #expect(Float.isSame(x, x))
        #expect(!Float.isSame(x, Array(x.dropLast())))
        var other = x
        other[39].negate()
        #expect(!Float.isSame(x, other))
        #expect(!Double.isSame([0], [-0.0]))
        #expect(Double.isSame([.nan, 1], [.nan, 1]))
    }

    @Test func nonfiniteElementsAreCounted() {
        var x = vector(50, seed: 6, as: Double.self)
        x[3] = .nan
        x[40] = .infinity
        #expect(Double.nonfiniteCount(x, in: 0..<50) == 2)
        #expect(Double.nonfiniteCount(x, in: 4..<40) == 0)
    }
}

@Suite struct UpdateTests {
    @Test func aStepIsRoundedOnce() {
        let x = vector(1000, seed: 7, as: Float.self)
        let m = vector(1000, seed: 8, as: Float.self)
        let g = vector(1000, seed: 9, as: Float.self)
        var next = [Float](repeating: 0, count: 1000)
        Float.step(into: &next, from: x, 0.3, m, 0.7, g)
        for i in x.indices { #expect(next[i] == Float(Double(x[i]) - 0.3 * Double(m[i]) - 0.7 * Double(g[i]))) }
        Float.step(into: &next, from: x, 0, g, 0.7, g)
        for i in x.indices { #expect(next[i] == Float(Double(x[i]) - 0.7 * Double(g[i]))) }
        var precise = [0.0, 0.0]
        Double.step(into: &precise, from: [1, 2], 0.5, [1, 4], 0.25, [-4, 8])
        #expect(precise == [1.5, -2])
    }

    @Test func theEndOfTheSegmentIsTheNextIterateItself() {
        let from = vector(1000, seed: 7, as: Float.self)
        let to = vector(1000, seed: 8, as: Float.self)
        var point = from
        Float.pointAlong(into: &point, from: from, to: to, fraction: 1)
        #expect(point == to)
        Float.pointAlong(into: &point, from: from, to: to, fraction: 0)
        #expect(point == from)
        Float.pointAlong(into: &point, from: from, to: to, fraction: 0.25)
        for index in point.indices {
            let exact = Double(from[index]) + 0.25 * (Double(to[index]) - Double(from[index]))
            #expect(point[index] == Float(exact))
        }
    }

    @Test func combinationsRoundOnce() {
        let x = vector(77, seed: 9, as: Float.self)
        var y = vector(77, seed: 10, as: Float.self)
        let before = y
        Float.axpby(-0.3, x, 0.9, into: &y)
        for index in y.indices { #expect(y[index] == Float(-0.3 * Double(x[index]) + 0.9 * Double(before[index]))) }
        var sum = [Double](repeating: 1, count: 77)
        Float.accumulate(into: &sum, scale: 2, x)
        for index in y.indices { #expect(sum[index] == 1 + 2 * Double(x[index])) }
        scale(&sum, by: 0.5)
        for index in y.indices { #expect(sum[index] == 0.5 + Double(x[index])) }
    }
}

@Suite struct LayoutTests {
    let layout = ParameterLayout([("embedding", [10, 4]), ("weight", [3, 5]), ("bias", [7]), ("scale", [])])

    @Test func blocksFollowOneAnotherWithoutGaps() {
        #expect(layout.count == 40 + 15 + 7 + 1)
        #expect(layout.blocks.map(\.offset) == [0, 40, 55, 62])
        #expect(layout.block(named: "bias")?.range == 55..<62)
        #expect(layout.block(named: "absent") == nil)
    }

    @Test func blocksAddUpToTheWholeExactly() {
        let x = vector(layout.count, seed: 11, as: Float.self)
        let y = vector(layout.count, seed: 12, as: Float.self)
        #expect(layout.norm(of: x) == layout.squaredNorms(of: x).reduce(0, +).squareRoot())
        #expect(abs(layout.norm(of: x) - Float.squaredNorm(x, in: 0..<layout.count).squareRoot()) < 1e-14)
        #expect(
            abs(layout.distance(from: x, to: y) - Float.squaredDistance(x, y, in: 0..<layout.count).squareRoot())
                < 1e-14
        )
        #expect(abs(layout.dot(x, y) - Float.dot(x, y, in: 0..<layout.count)) < 1e-13)
        let g = x.map(Double.init)
        let base = y.map(Double.init)
        let whole = layout.probeSums(gradient: g, base: base, probe: y, iterate: x).reduce(ProbeSums(), +)
        #expect(whole.gradientSquared.squareRoot() == layout.norm(of: x))
        #expect(whole.displacementSquared.squareRoot() == layout.distance(from: x, to: y))
        #expect(whole.differenceAlongStep == -whole.displacementSquared)
    }
}
