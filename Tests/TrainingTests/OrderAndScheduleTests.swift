import Essentials
import Testing
import Training

@Suite("Order of the components")
struct ComponentOrderTests {
    private func components(_ kind: ComponentOrder.Kind, seed: UInt64 = 3, of count: Int, iterations: Int) -> [Int] {
        var order = ComponentOrder(kind, seed: seed, componentCount: count)
        return (0..<iterations).map { order.component(at: $0) }
    }

    @Test func cyclicCounts() {
        #expect(components(.cyclic, of: 3, iterations: 8) == [0, 1, 2, 0, 1, 2, 0, 1])
    }

    @Test(arguments: [1, 2, 7, 100]) func everyReshuffledEpochIsAPermutation(count: Int) {
        let order = components(.reshuffle, of: count, iterations: 20 * count)
        let epochs = stride(from: 0, to: order.count, by: count).map { Array(order[$0..<($0 + count)]) }
        for epoch in epochs { #expect(epoch.sorted() == Array(0..<count)) }
        if count == 100 { #expect(Set(epochs).count == 20) }
    }

    /// Over 40,000 epochs of 4 components each of the 24 orders has 1667 ± 5 standard deviations (40).
    @Test func allPermutationsAreEquallyLikely() {
        let order = components(.reshuffle, of: 4, iterations: 160_000)
        var counts: [[Int]: Int] = [:]
        for epoch in stride(from: 0, to: order.count, by: 4) {
            counts[Array(order[epoch..<(epoch + 4)]), default: 0] += 1
        }
        #expect(counts.count == 24)
        let tolerance = 5 * (40_000.0 * 1 / 24 * 23 / 24).squareRoot()
        for (_, count) in counts { #expect(abs(Double(count) - 40_000.0 / 24) < tolerance) }
    }

    /// 70,000 draws of 7: each 10,000 ± 5 standard deviations; a draw does not depend on the one before (49 pairs).
    @Test func drawsWithReplacementAreUniformAndIndependent() {
        let draws = components(.withReplacement, of: 7, iterations: 70_001)
        let pairs = Dictionary(zip(draws, draws.dropFirst()).map { ([$0, $1], 1) }, uniquingKeysWith: +)
        #expect(pairs.count == 49)
        let expected = 70_000.0 / 49
        let tolerance = 5 * expected.squareRoot()
        for (_, count) in pairs { #expect(abs(Double(count) - expected) < tolerance) }
    }

    @Test(arguments: [ComponentOrder.Kind.reshuffle, .withReplacement])
    func theSeedDecides(kind: ComponentOrder.Kind) {
        let first = components(kind, of: 50, iterations: 200)
        #expect(first == components(kind, of: 50, iterations: 200))
        #expect(first != components(kind, seed: 4, of: 50, iterations: 200))
    }

    /// A resumed run asks from the middle, and an estimator might ask in any order.
    @Test(arguments: ComponentOrder.Kind.allCases) func anyIterationCanBeAskedFirst(kind: ComponentOrder.Kind) {
        let expected = components(kind, of: 9, iterations: 40)
        var order = ComponentOrder(kind, seed: 3, componentCount: 9)
        for iteration in (0..<40).reversed() { #expect(order.component(at: iteration) == expected[iteration]) }
    }
}

@Suite("Save schedule")
struct SaveScheduleTests {
    @Test(arguments: [
        ("every=1", 4, [0, 1, 2, 3]),
        ("every=5", 12, [0, 5, 10]),
        ("every=5", 10, [0, 5]),
        ("every=5", 3, [0]),
        ("every=5,first=11", 100, [0, 5, 10]),
        ("every=5,first=10", 100, [0, 5]),
        ("first=200,every=2", 5, [0, 2, 4]),
        ("none", 5, []),
    ])
    func savedIterations(text: String, iterations: Int, expected: [Int]) throws {
        let schedule = try SaveSchedule(parsing: text)
        #expect(schedule.savedIterations(of: iterations) == expected)
        #expect((0..<iterations).filter(schedule.saves) == expected)
        #expect(schedule.savedCount(of: iterations) == expected.count)
        #expect(try SaveSchedule(parsing: schedule.description) == schedule)
    }

    @Test(arguments: [
        "", "5", "every", "every=", "every=0", "every=-1", "every=x", "first=3", "every=1,every=2",
        "every=1,last=3", "every=1,", "None", "none,every=1", "every=1,first=0", "every=1.5",
    ])
    func refuses(text: String) {
        let error = #expect(throws: SmoothnessError.self) { try SaveSchedule(parsing: text) }
        #expect(error?.kind == .usage)
        #expect(error?.found == "“\(text)”")
    }
}
