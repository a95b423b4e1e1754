import Essentials

/// Plain loops of the papers' rules, in Double. A step size is a function of the gradient's norm.
enum Descent {
    static func norm(_ x: [Double]) -> Double {
        if x.count == 1 { return abs(x[0]) }
        var sum = 0.0
        for value in x { sum += value * value }
        return sum.squareRoot()
    }

    /// x − h·g
    static func moved(_ x: [Double], by h: Double, along g: [Double]) -> [Double] {
        var result = x
        move(&result, by: h, along: g)
        return result
    }

    static func move(_ x: inout [Double], by h: Double, along g: [Double]) {
        for index in x.indices { x[index] -= h * g[index] }
    }

    /// T_ε = inf {t : ‖∇f(x_t)‖ ≤ ε} of x_{t+1} = x_t − h(‖g‖)g ([Z] eq. 7); `nil` if it is above the limit, infinity if the
    /// iterates leave the finite numbers.
    ///
    /// g = ∇f + n with E n = 0 and ‖n‖ = `noise`: n is ± that with equal odds in one dimension and that times a uniform direction in
    /// more. The step size sees ‖g‖; the stopping rule sees ‖∇f‖.
    static func iterations(
        _ instance: Instance, untilGradient epsilon: Double, limit: Int, noise: Double = 0,
        generator: inout SeededGenerator, stepSize: (Double) -> Double
    ) -> Double? {
        var x = instance.start
        var gradient = x
        for iteration in 0...limit {
            instance.gradient(x, &gradient)
            var length = norm(gradient)
            guard length.isFinite else { return .infinity }
            if length <= epsilon { return Double(iteration) }
            if noise > 0 {
                addNoise(noise, to: &gradient, &generator)
                length = norm(gradient)
            }
            move(&x, by: stepSize(length), along: gradient)
        }
        return nil
    }

    /// The same without noise.
    static func iterations(
        _ instance: Instance, untilGradient epsilon: Double, limit: Int, stepSize: (Double) -> Double
    ) -> Double? {
        var unused = SeededGenerator(seed: 0, purpose: "no noise")
        return iterations(
            instance, untilGradient: epsilon, limit: limit, generator: &unused, stepSize: stepSize)
    }

    static func addNoise(_ size: Double, to gradient: inout [Double], _ generator: inout SeededGenerator) {
        guard size > 0 else { return }
        if gradient.count == 1 {
            gradient[0] += generator.next() >> 63 == 0 ? size : -size
            return
        }
        let direction = gradient.map { _ in generator.normal() }
        let length = norm(direction)
        for index in gradient.indices { gradient[index] += size * direction[index] / length }
    }

    /// Algorithm 1 of [I] with m₀ = ∇F(x₀): the mean of ‖∇F(x_t)‖ over t = 1 … T.
    static func meanGradientOfAlgorithmOne(
        _ instance: Instance, eta: Double, gamma: Double, beta: Double, nu: Double, iterations: Int, noise: Double,
        generator: inout SeededGenerator
    ) -> Double {
        var x = instance.start
        var gradient = x
        instance.gradient(x, &gradient)
        var momentum = gradient
        var sum = 0.0
        for _ in 0..<iterations {
            addNoise(noise, to: &gradient, &generator)
            for index in momentum.indices { momentum[index] = beta * momentum[index] + (1 - beta) * gradient[index] }
            let (a, b) = (nu * min(eta, gamma / norm(momentum)), (1 - nu) * min(eta, gamma / norm(gradient)))
            for index in x.indices { x[index] -= a * momentum[index] + b * gradient[index] }
            instance.gradient(x, &gradient)
            sum += norm(gradient)
        }
        return sum / Double(iterations)
    }
}
