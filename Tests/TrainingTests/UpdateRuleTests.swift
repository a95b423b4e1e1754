import Essentials
import ParameterSpace
import Testing
import Training

/// A rule over the configuration that every test here starts from: η = 0.5, clip norm 2.
func rule(
    _ algorithm: TrainingConfiguration.Algorithm = .clipping, learningRate: Double = 0.5,
    clipping: TrainingConfiguration.Clipping = .norm(2), beta: Double = 0, nu: Double = 0
) -> UpdateRule {
    UpdateRule(
        TrainingConfiguration(
            algorithm: algorithm, learningRate: learningRate, clipping: clipping, beta: beta, nu: nu, iterations: 1,
            save: SaveSchedule(every: 1)))
}

/// The iterates x₁, x₂, … that a rule makes from `start` and a sequence of gradients, and which steps it clipped.
func iterates<Scalar: ParameterScalar>(
    _ rule: UpdateRule, from start: [Scalar], _ gradients: [[Scalar]]
) -> (points: [[Scalar]], clipped: [Bool]) {
    let layout = ParameterLayout([("x", [start.count])])
    var (iterate, next) = (start, start)
    var memory = UpdateMemory<Scalar>(for: rule, parameterCount: start.count)
    var result: (points: [[Scalar]], clipped: [Bool]) = ([], [])
    for (iteration, gradient) in gradients.enumerated() {
        let clipped = rule.advance(
            from: iterate, gradient: gradient, gradientNorm: layout.norm(of: gradient), iteration: iteration,
            memory: &memory, into: &next, layout: layout)
        swap(&iterate, &next)
        result.points.append(iterate)
        result.clipped.append(clipped)
    }
    return result
}

/// Normal gradients whose norms spread over three decades, so that some are clipped and some are not.
func gradients(count: Int = 40, dimension: Int = 7, seed: UInt64 = 5) -> [[Double]] {
    var generator = SeededGenerator(seed: seed, purpose: "test gradients")
    return (0..<count).map { step in
        let size = [0.03, 0.3, 3, 30][step % 4]
        return (0..<dimension).map { _ in size * generator.normal() }
    }
}

let start = [0.5, -1.25, 2, 0, -0.125, 3, 1]

func largestDifference(_ first: [[Double]], _ second: [[Double]]) -> Double {
    zip(first, second).flatMap { zip($0, $1).map { abs($0 - $1) } }.max()!
}

@Suite("Update rules")
struct UpdateRuleTests {
    /// η = ½, γ = 1 (clip norm 2), β = ½ from x₀ = (1, −2) with g₀ = (3, 4), g₁ = (0, −1), by hand:
    /// m₁ = (1.5, 2), ‖m₁‖ = 2.5; m₂ = (0.75, 0.5), ‖m₂‖ = √0.8125 < 2; ‖g₀‖ = 5; ‖g₁‖ = 1.
    /// First step: both clipped, ⅖·m₁ = ⅕·g₀ = (0.6, 0.8). Second: ½ of m₂ and of g₁.
    @Test(arguments: [
        (0.0, [0.4, -2.3]),
        (0.7, [0.1375, -2.825]),
        (1.0, [0.025, -3.05]),
    ])
    func algorithmOneByHand(nu: Double, second: [Double]) {
        let result = iterates(rule(beta: 0.5, nu: nu), from: [1, -2], [[3, 4], [0, -1]])
        #expect(largestDifference(result.points, [[0.4, -2.8], second]) < 1e-15)
        #expect(result.clipped == [true, false])
    }

    /// One part clipped and the other not: ν = 0.7, β = 0.9, η = 1, γ = 2, g₀ = (6, 8): m₁ = (0.6, 0.8), ‖m₁‖ = 1 is left
    /// alone, ‖g₀‖ = 10 is cut to 2.
    @Test func onlyTheGradientIsClipped() {
        let result = iterates(
            rule(learningRate: 1, clipping: .gamma(2), beta: 0.9, nu: 0.7), from: [0, 0], [[6, 8]])
        #expect(largestDifference(result.points, [[-0.78, -1.04]]) < 1e-15)
        #expect(result.clipped == [true])
        // With ν = 1 the gradient itself has no part in the step.
        let momentumAlone = iterates(
            rule(learningRate: 1, clipping: .gamma(2), beta: 0.9, nu: 1), from: [0, 0], [[6, 8]])
        #expect(largestDifference(momentumAlone.points, [[-0.6, -0.8]]) < 1e-15)
        #expect(momentumAlone.clipped == [false])
    }

    /// β = ½, η = ½, clip norm 2: g₀ = (3, 4) enters as (1.2, 1.6); m₂ = (0.6, 0.8) + (0, −1).
    @Test func heavyBallByHand() {
        let result = iterates(rule(.heavyBall, beta: 0.5), from: [1, -2], [[3, 4], [0, -1]])
        #expect(largestDifference(result.points, [[0.4, -2.8], [0.1, -2.7]]) < 1e-15)
        #expect(result.clipped == [true, false])
    }

    @Test func plainSGDByHand() {
        let result = iterates(rule(.sgd, clipping: .none), from: [1, -2], [[3, 4], [0, -1]])
        #expect(result.points == [[-0.5, -4], [-0.5, -3.5]])
        #expect(result.clipped == [false, false])
    }

    @Test(arguments: [0, 0.5, 0.999]) func withoutNuTheMomentumChangesNothing(beta: Double) {
        let plain = iterates(rule(.sgd), from: start, gradients())
        let clipping = iterates(rule(beta: beta, nu: 0), from: start, gradients())
        #expect(clipping.points == plain.points)
        #expect(clipping.clipped == plain.clipped)
        #expect(plain.clipped.contains(true) && plain.clipped.contains(false))
    }

    @Test(arguments: [0, 0.3, 1]) func withoutBetaMomentumClippingIsGradientClipping(nu: Double) {
        #expect(
            iterates(rule(nu: nu), from: start, gradients()).points
                == iterates(rule(.sgd), from: start, gradients()).points)
    }

    /// β → 0 from above must arrive at the same step as β = 0, where m is not kept at all.
    @Test func theStepIsContinuousInBeta() {
        let limit = iterates(rule(beta: 0, nu: 1), from: start, gradients())
        let near = iterates(rule(beta: 1e-300, nu: 1), from: start, gradients())
        #expect(largestDifference(limit.points, near.points) == 0)
    }

    /// γ = ∞: x ← x − η (ν m + (1 − ν) g), quasi-hyperbolic momentum (Ma, Yarats 2019).
    @Test(arguments: [0.4, 1]) func withoutClippingItIsQuasiHyperbolicMomentum(nu: Double) {
        let (beta, learningRate) = (0.9, 0.5)
        var (x, m, expected) = (start, [Double](repeating: 0, count: start.count), [[Double]]())
        for gradient in gradients() {
            for i in x.indices {
                m[i] = beta * m[i] + (1 - beta) * gradient[i]
                x[i] -= learningRate * (nu * m[i] + (1 - nu) * gradient[i])
            }
            expected.append(x)
        }
        let result = iterates(rule(clipping: .none, beta: beta, nu: nu), from: start, gradients())
        #expect(largestDifference(result.points, expected) < 1e-12)
        #expect(!result.clipped.contains(true))
    }

    /// ν = 1 and γ = ∞ with η/(1 − β) is heavy ball with η, since its m is 1/(1 − β) times as long.
    @Test func unclippedMomentumIsHeavyBall() {
        let beta = 0.75
        let heavyBall = iterates(
            rule(.heavyBall, learningRate: 0.1, clipping: .none, beta: beta), from: start, gradients())
        let algorithmOne = iterates(
            rule(learningRate: 0.1 / (1 - beta), clipping: .none, beta: beta, nu: 1), from: start, gradients())
        #expect(largestDifference(heavyBall.points, algorithmOne.points) < 1e-12)
    }

    @Test func heavyBallWithoutMomentumIsSGD() {
        #expect(
            largestDifference(
                iterates(rule(.heavyBall), from: start, gradients()).points,
                iterates(rule(.sgd), from: start, gradients()).points) < 1e-13)
    }

    @Test(arguments: [TrainingConfiguration.Algorithm.clipping, .sgd, .heavyBall])
    func gammaAndClipNormAreTwoNamesOfOneNumber(algorithm: TrainingConfiguration.Algorithm) {
        let (beta, nu) = algorithm == .sgd ? (0, 0) : (0.5, algorithm == .clipping ? 0.7 : 0)
        let byNorm = iterates(rule(algorithm, clipping: .norm(2), beta: beta, nu: nu), from: start, gradients())
        let byGamma = iterates(rule(algorithm, clipping: .gamma(1), beta: beta, nu: nu), from: start, gradients())
        #expect(byNorm.points == byGamma.points)
        // A clip norm that nothing reaches is no clipping.
        let large = iterates(rule(algorithm, clipping: .norm(1e9), beta: beta, nu: nu), from: start, gradients())
        let none = iterates(rule(algorithm, clipping: .none, beta: beta, nu: nu), from: start, gradients())
        #expect(large.points == none.points)
        #expect(byNorm.points != none.points)
    }

    /// The step is a convex combination of two vectors of length at most γ.
    @Test(arguments: [0, 0.7, 1]) func noStepIsLongerThanGamma(nu: Double) {
        let layout = ParameterLayout([("x", [start.count])])
        let points = [start] + iterates(rule(clipping: .gamma(0.2), beta: 0.9, nu: nu), from: start, gradients()).points
        let lengths = zip(points, points.dropFirst()).map { layout.distance(from: $0, to: $1) }
        #expect(lengths.allSatisfy { $0 <= 0.2 * (1 + 1e-12) })
        #expect(lengths.contains { $0 > 0.2 * (1 - 1e-12) } == (nu < 0.5 || nu == 1))
    }

    /// η → ∞ with ν = 1: normalised momentum, every step as long as γ.
    @Test func hugeLearningRateNormalises() {
        let layout = ParameterLayout([("x", [start.count])])
        let points =
            [start]
            + iterates(rule(learningRate: 1e300, clipping: .gamma(0.25), beta: 0.9, nu: 1), from: start, gradients())
            .points
        for (first, second) in zip(points, points.dropFirst()) {
            #expect(abs(layout.distance(from: first, to: second) - 0.25) < 1e-13)
        }
    }

    /// f ↦ s f with η ↦ η/s and the same γ makes the same iterates; for s a power of 2, the same bits.
    @Test(arguments: [0, 0.7, 1]) func scalingTheObjectiveScalesTheLearningRate(nu: Double) {
        let scaled = gradients().map { $0.map { 8 * $0 } }
        let plain = iterates(rule(learningRate: 0.5, clipping: .gamma(1), beta: 0.5, nu: nu), from: start, gradients())
        let other = iterates(rule(learningRate: 0.0625, clipping: .gamma(1), beta: 0.5, nu: nu), from: start, scaled)
        #expect(plain.points == other.points)
    }

    @Test func aZeroGradientTakesNoStep() {
        for rule in [rule(beta: 0.5, nu: 0.7), rule(.sgd), rule(.heavyBall, beta: 0.5)] {
            #expect(iterates(rule, from: start, [[Double](repeating: 0, count: start.count)]).points == [start])
        }
    }

    /// In Float each of m and x is rounded once from Double: x₁ is the Float nearest to the Double step.
    @Test func floatIsRoundedOnce() {
        let floats = gradients(count: 1).map { $0.map(Float.init) }
        let origin = start.map(Float.init)
        let single = iterates(rule(.sgd), from: origin, floats).points
        let double = iterates(rule(.sgd), from: origin.map(Double.init), floats.map { $0.map(Double.init) }).points
        #expect(single == double.map { $0.map(Float.init) })
    }

    @Test func momentumIsKeptOnlyWhereItMatters() {
        #expect(rule(beta: 0.9, nu: 0.1).keepsMomentum)
        #expect(rule(.heavyBall, beta: 0.9).keepsMomentum)
        for rule in [rule(beta: 0.9, nu: 0), rule(beta: 0, nu: 1), rule(.sgd), rule(.heavyBall)] {
            #expect(!rule.keepsMomentum)
        }
    }
}
