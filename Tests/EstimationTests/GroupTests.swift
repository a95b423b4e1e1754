import Essentials
import Estimation
import Evaluation
import ParameterSpace
import TestSupport
import Testing

@Suite("Error bars from groups of components")
struct GroupTests {
    /// 40 components of unequal weight over 6 parameters.
    let curvatures = (0..<40).map { normal(6, seed: 100 + UInt64($0)) }
    let weights = (0..<40).map { Double(1 + $0 % 3) }
    let path = (0..<4).map { normal(6, seed: 60 + UInt64($0)) }
    var objective: ClosureObjective<Double> {
        diagonalQuadratic(Double.self, curvatures: curvatures, weights: weights)
    }

    /// The mean gradient over a list of components.
    private func gradient(_ components: [Int], at x: [Double]) -> [Double] {
        let total = components.reduce(0) { $0 + weights[$1] }
        return x.indices.map { j in components.reduce(0) { $0 + weights[$1] * curvatures[$1][j] * x[j] } / total }
    }

    private func squared(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 } }

    @Test("errors and unbiased squares are those of leaving every group out, by brute force")
    func bruteForce() throws {
        let components = [3, 39, 7, 20, 11, 30, 31, 2, 5, 17, 23, 28, 9]
        let groupCount = 4
        let row = try estimates(
            of: MemorySteps(path: Array(path.prefix(2))), objective: objective, components: components,
            gammas: [0.5, 1], groupCount: groupCount)[0]
        let share = components.reduce(0) { $0 + weights[$1] } / weights.reduce(0, +)
        let members = (0..<groupCount).map { group in
            components.enumerated().filter { $0.0 % groupCount == group }.map(\.1)
        }
        func error(_ value: ([Int]) -> Double) -> Double {
            let replicates = members.indices.map { left in
                value(members.indices.filter { $0 != left }.flatMap { members[$0] })
            }
            let mean = replicates.reduce(0, +) / 4
            return ((1 - share) * 3 / 4 * replicates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }).squareRoot()
        }
        #expect(isClose(row.gradientNormError, error { euclidean(gradient($0, at: path[0])) }, 1e-9))
        let step = zip(path[1], path[0]).map { $0 - $1 }
        let lengths = [0.5, 1].map { $0 * euclidean(step) }
        func curve(_ components: [Int]) -> [Double] {
            zip([0.5, 1], lengths).map { gamma, length in
                let end = zip(path[0], step).map { $0 + gamma * $1 }
                return euclidean(zip(gradient(components, at: end), gradient(components, at: path[0])).map { $0 - $1 })
                    / length
            }
        }
        for index in 0..<2 {
            #expect(isClose(row.curve[index].smoothnessError, error { curve($0)[index] }, 1e-9))
        }
        #expect(isClose(row.smoothnessError, error { curve($0).max()! }, 1e-9))
        // U: the mean of products of different groups.
        func independent(_ groups: [[Int]], at x: [Double]) -> Double {
            var (products, pairs) = (0.0, 0.0)
            for a in groups.indices {
                for b in groups.indices where b != a {
                    let (v, w) = (
                        groups[a].reduce(0) { $0 + weights[$1] }, groups[b].reduce(0) { $0 + weights[$1] }
                    )
                    products +=
                        v * w
                        * zip(gradient(groups[a], at: x), gradient(groups[b], at: x)).reduce(0) { $0 + $1.0 * $1.1 }
                    pairs += v * w
                }
            }
            return products / pairs
        }
        let plain = squared(gradient(components, at: path[0]))
        let u = independent(members, at: path[0])
        #expect(isClose(row.unbiasedSquaredGradientNorm, share * plain + (1 - share) * u, 1e-10))
        #expect(isClose(row.gradientVariance, plain - u, 1e-9))
        let losses = components.map { component in
            (0..<6).reduce(0) { $0 + curvatures[component][$1] * path[0][$1] * path[0][$1] } / 2
        }
        let loss = Dictionary(uniqueKeysWithValues: zip(components, losses))
        func mean(_ components: [Int]) -> Double {
            components.reduce(0) { $0 + weights[$1] * loss[$1]! } / components.reduce(0) { $0 + weights[$1] }
        }
        #expect(isClose(row.lossError, error(mean), 1e-9))
        #expect(isClose(row.loss, mean(components), 1e-12))
    }

    @Test("of all components there is no sampling error and no bias")
    func everything() throws {
        for row in try estimates(of: MemorySteps(path: path), objective: objective) {
            #expect(row.gradientNormError == 0 && row.smoothnessError == 0 && row.lossError == 0)
            #expect(isClose(row.unbiasedSquaredGradientNorm, row.gradientNorm * row.gradientNorm, 1e-14))
            #expect(row.curve.allSatisfy { $0.smoothnessError == 0 })
            #expect(row.blocks.allSatisfy { $0.smoothnessError == 0 && $0.gradientNormError == 0 })
        }
    }

    @Test("one group has no error and says so by NaN; the values are those of many groups")
    func oneGroup() throws {
        let components = Array(0..<13)
        let one = try estimates(
            of: MemorySteps(path: path), objective: objective, components: components, groupCount: 1)
        let many = try estimates(
            of: MemorySteps(path: path), objective: objective, components: components, groupCount: 13)
        for (a, b) in try paired(one, many) {
            #expect(a.smoothnessError.isNaN && a.gradientNormError.isNaN && a.unbiasedSquaredGradientNorm.isNaN)
            #expect(isClose(a.smoothness, b.smoothness, 1e-12) && isClose(a.gradientNorm, b.gradientNorm, 1e-12))
            #expect(b.smoothnessError > 0 && b.gradientNormError > 0)
        }
    }

    @Test("the number of workers changes no bit", arguments: [2, 3, 4, 7])
    func workers(count: Int) throws {
        let path = path.map { $0.map { Float($0) } }
        let objective = diagonalQuadratic(Float.self, curvatures: curvatures, weights: weights)
        let components = [31, 4, 8, 15, 16, 23, 39, 0, 1, 2]
        let alone = try estimates(
            of: MemorySteps(path: path), objective: objective, components: components, groupCount: 7)
        let together = try estimates(
            of: MemorySteps(path: path), objective: objective, components: components, groupCount: 7,
            workerCount: count)
        #expect(identicalBits(alone, together))
    }

    @Test(
        "probes that are evaluated at the same time change no bit, in whatever number the memory lets them",
        arguments: [(2, 10, 0), (2, 10, 1), (2, 10, 2), (2, 3, 1 << 30), (4, 10, 3), (4, 1, 1 << 30), (7, 5, 1 << 30)])
    func probesTogether(workers: Int, groupCount: Int, others: Int) throws {
        let path = path.map { $0.map { Float($0) } }
        let inner = diagonalQuadratic(Float.self, curvatures: curvatures, weights: weights)
        let components = [31, 4, 8, 15, 16, 23, 39, 0, 1, 2]
        let gammas = [0.1, 0.3, 0.5, 0.7, 1]
        let alone = try estimates(
            of: MemorySteps(path: path), objective: inner, components: components, gammas: gammas,
            groupCount: groupCount)
        let objective = AddressNotingObjective(inner: inner)
        let together = try estimates(
            of: MemorySteps(path: path), objective: objective, components: components, gammas: gammas,
            groupCount: groupCount, workerCount: workers
        ) {
            // Point, mean and groups of one probe.
            let bytes = 6 * (4 + 8 + (groupCount > 1 ? groupCount : 0) * 4)
            $0.memoryBudget = others == 1 << 30 ? others : others * bytes
        }
        #expect(identicalBits(alone, together))
        // x_k, x_{k+1} and a probe; where several are evaluated at the same time, one for each of them, and the iterates of the next row.
        let parts = groupCount > 1 ? groupCount : components.count
        let most = min(gammas.count + 1, 1 + (2 * workers + parts - 1) / parts, others)
        let points = objective.addresses.counts.points
        #expect(most > 1 ? (4...(5 + most)).contains(points) : points == 3, "\(points) points, \(most) probes")
        // Those of the groups, which go round, and one a worker.
        let vectors = groupCount == components.count ? groupCount * (2 + (most > 1 ? most : 0)) : 0
        let gradients = objective.addresses.counts.gradients
        #expect(gradients <= vectors + workers, "\(gradients) gradients")
    }

    /// Evaluates pairs of components, each of them as the other objective does, and counts them; component 5 fails where it is told to.
    private struct Pairing: WrappingObjective {
        var inner: ClosureObjective<Float>
        var breaks = false
        let pairs = CallCounter()

        var prefersPairs: Bool { true }
        func gradient(ofComponent component: Int, at point: [Float], into gradient: inout [Float]) throws -> Double {
            if breaks && component == 5 { throw SmoothnessError(.data, "no gradient of component 5") }
            return inner.gradient(ofComponent: component, at: point, into: &gradient)
        }
        func gradients(
            ofComponents first: Int, _ second: Int, at point: [Float], into firstGradient: inout [Float],
            _ secondGradient: inout [Float]
        ) throws -> (Double, Double) {
            _ = pairs.next()
            return (
                try gradient(ofComponent: first, at: point, into: &firstGradient),
                try gradient(ofComponent: second, at: point, into: &secondGradient)
            )
        }
    }

    @Test(
        "components that are evaluated in pairs change no bit, one a group or several, alone or together",
        arguments: [(1, 11), (2, 11), (3, 11), (1, 4), (3, 4)])
    func pairs(workers: Int, groupCount: Int) throws {
        let path = path.map { $0.map { Float($0) } }
        let inner = diagonalQuadratic(Float.self, curvatures: curvatures, weights: weights)
        let components = [31, 4, 8, 15, 16, 23, 39, 0, 1, 2, 5]
        let alone = try estimates(
            of: MemorySteps(path: path), objective: inner, components: components, groupCount: groupCount)
        let objective = Pairing(inner: inner)
        let paired = try estimates(
            of: MemorySteps(path: path), objective: objective, components: components, groupCount: groupCount,
            workerCount: workers)
        #expect(identicalBits(alone, paired))
        #expect(objective.pairs.value > 0)
        #expect(throws: SmoothnessError.self) {
            try estimates(
                of: MemorySteps(path: path), objective: Pairing(inner: inner, breaks: true), components: components,
                groupCount: groupCount, workerCount: workers)
        }
    }

    @Test("an error in one of the workers' gradients is thrown, whoever meets it")
    func failure() throws {
        struct Broken: Error {}
        struct Failing: Objective {
            var inner: ClosureObjective<Double>
            var layout: ParameterLayout { inner.layout }
            var componentCount: Int { inner.componentCount }
            func weight(ofComponent component: Int) -> Double { inner.weight(ofComponent: component) }
            func initialPoint(seed: UInt64) -> [Double] { inner.initialPoint(seed: seed) }
            func loss(ofComponent component: Int, at point: [Double]) -> Double { 0 }
            func gradient(ofComponent component: Int, at point: [Double], into gradient: inout [Double]) throws
                -> Double
            {
                if component == 5 { throw Broken() }
                return inner.gradient(ofComponent: component, at: point, into: &gradient)
            }
        }
        for workers in [1, 3] {
            #expect(throws: Broken.self) {
                try estimates(of: MemorySteps(path: path), objective: Failing(inner: objective), workerCount: workers)
            }
        }
    }

    @Test("a subset that grows ends with the numbers of the subset it has grown to")
    func growth() throws {
        let steps = MemorySteps(path: path)
        let order = Array(0..<40).map { ($0 * 17) % 40 }
        let grown = try estimates(of: steps, objective: objective, components: order, groupCount: 4) {
            $0.targetError = 0.12
        }
        var sizes: Set<Int> = []
        for (index, row) in grown.enumerated() {
            #expect(row.smoothnessError <= 0.12 * row.smoothness || row.subsetSize == 40)
            sizes.insert(row.subsetSize)
            let direct = try estimates(
                of: steps, objective: objective, components: Array(order.prefix(row.subsetSize)), groupCount: 4)[index]
            #expect(isClose(row.smoothness, direct.smoothness, 1e-12))
            #expect(isClose(row.gradientNorm, direct.gradientNorm, 1e-12))
            #expect(abs(row.smoothnessError - direct.smoothnessError) <= 1e-9 * row.smoothness)
            // Growing at x_k and x_{k+1} evaluates nothing twice; the other two γ may be, when the maximum is there.
            #expect(row.componentGradientCount >= 4 * row.subsetSize)
        }
        #expect(sizes.contains { $0 < 40 } && sizes.allSatisfy { $0 >= 4 })
    }
}
