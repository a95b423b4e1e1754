import Essentials
import Evaluation
import Formulas
import ParameterSpace
import TestSupport
import Testing

/// Numbers of a whole objective in Double, for checks that hold for every objective.
struct Whole {
    let objective: any TwiceDifferentiableObjective<Double>

    init(_ objective: any TwiceDifferentiableObjective<Double>) { self.objective = objective }

    func loss(_ x: [Double]) throws -> Double { try objective.subsetLoss(over: 0..<objective.componentCount, at: x) }

    func gradient(_ x: [Double]) throws -> [Double] {
        var scratch = x
        var gradient = x
        _ = try objective.subsetGradient(over: 0..<objective.componentCount, at: x, scratch: &scratch, into: &gradient)
        return gradient
    }
}

/// The slope of each component's loss along a direction, by central differences, against its gradient.
///
/// With h = 1e-5 the truncation is about h²|f‴|/6 and the rounding about 1e-16·|f|/h: both under 1e-8 of the scale of
/// the functions tested here.
func expectGradientMatchesLoss(
    _ objective: any Objective<Double>, at x: [Double], scale: Double, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let step = 1e-5
    for component in 0..<objective.componentCount {
        for trial in 0..<3 {
            let direction = randomVector(x.count, index: trial)
            var gradient = x
            let loss = try objective.gradient(ofComponent: component, at: x, into: &gradient)
            #expect(try objective.loss(ofComponent: component, at: x) == loss, sourceLocation: sourceLocation)
            let ahead = try objective.loss(ofComponent: component, at: moved(x, step, direction))
            let behind = try objective.loss(ofComponent: component, at: moved(x, -step, direction))
            let slope = (ahead - behind) / (2 * step)
            #expect(
                abs(slope - dot(gradient, direction)) < 1e-7 * scale * norm(direction),
                "component \(component): \(slope) against \(dot(gradient, direction))", sourceLocation: sourceLocation)
        }
    }
}

/// ∇²f·v against the central difference of the whole gradient, and ‖∇²f‖ against power iteration with ∇²f·v.
func expectHessianMatchesGradient(
    _ objective: any TwiceDifferentiableObjective<Double>, at x: [Double], scale: Double,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let whole = Whole(objective)
    let step = 1e-5
    for trial in 0..<3 {
        let direction = randomVector(x.count, index: 10 + trial)
        let product = objective.hessianProduct(at: x, with: direction)
        let change = difference(
            try whole.gradient(moved(x, step, direction)), try whole.gradient(moved(x, -step, direction)))
        #expect(
            norm(difference(product, change.map { $0 / (2 * step) })) < 1e-7 * scale * norm(direction),
            sourceLocation: sourceLocation)
    }
    var vector = randomVector(x.count, index: 20)
    var largest = 0.0
    // Two products a round: eigenvalues of opposite sign and equal size do no harm.
    for _ in 0..<2000 {
        vector = vector.map { [length = norm(vector)] in $0 / length }
        let image = objective.hessianProduct(at: x, with: vector)
        largest = norm(image)
        guard largest > 0 else { break }
        vector = objective.hessianProduct(at: x, with: image)
        if norm(vector) == 0 { break }
    }
    let exact = objective.hessianNorm(at: x)
    #expect(abs(exact - largest) <= 1e-9 * exact, "\(exact) against \(largest)", sourceLocation: sourceLocation)
}

/// On segments: the supremum is at least ‖∇²f‖ at every inner point, no L̂(γ) exceeds it, and L̂(γ) → ‖∇²f·d‖/‖d‖.
/// - Returns: the largest ratio of a sampled ‖∇²f‖ to the supremum: 1 where the supremum is exact and the grid fine.
@discardableResult
func expectSupremumBoundsSegments(
    _ objective: any TwiceDifferentiableObjective<Double>, from start: [Double], to end: [Double],
    sourceLocation: SourceLocation = #_sourceLocation
) throws -> Double {
    let whole = Whole(objective)
    let supremum = objective.hessianNormSupremum(from: start, to: end)
    #expect(objective.hessianNormSupremum(from: end, to: start) == supremum, sourceLocation: sourceLocation)
    let step = difference(end, start)
    let base = try whole.gradient(start)
    var largest = 0.0
    for index in 0...200 {
        let fraction = Double(index) / 200
        let point = moved(start, fraction, step)
        largest = max(largest, objective.hessianNorm(at: point))
        guard index > 0 else { continue }
        let smoothness = norm(difference(try whole.gradient(point), base)) / (fraction * norm(step))
        #expect(smoothness <= supremum * (1 + 1e-9) + 1e-9, "γ = \(fraction)", sourceLocation: sourceLocation)
    }
    #expect(largest <= supremum * (1 + 1e-12), sourceLocation: sourceLocation)
    let small = 1e-6
    let smoothness = norm(difference(try whole.gradient(moved(start, small, step)), base)) / (small * norm(step))
    let limit = norm(objective.hessianProduct(at: start, with: step)) / norm(step)
    #expect(
        abs(smoothness - limit) <= 1e-4 * max(supremum, 1e-3), "\(smoothness) → \(limit)",
        sourceLocation: sourceLocation)
    return largest / supremum
}
