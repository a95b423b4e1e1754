import ParameterSpace

/// Which γ are probed, and on how many components.
extension StepEstimator {
    /// Probes the row's curve, on a subset that grows first where a target error is asked for.
    /// - Returns: the cosine between the gradients at both ends, where γ = 1 was probed.
    mutating func probeCurve<Source: StepSource & ~Copyable>(
        _ place: RowPlace, of source: inout Source, into estimate: inout StepEstimate
    ) throws -> Double? where Source.Scalar == Scalar {
        guard let target = options.targetError else {
            return try search(place, known: 0, of: &source, into: &estimate)
        }
        var known = 0
        while true {
            known = try growAtEnd(known, to: target, place, &estimate)
            let cosine = try search(place, known: known, of: &source, into: &estimate)
            var outcome = estimate
            // Whatever the floors are.
            var context = context(of: estimate)
            context.floors = .none
            outcome.conclude(cosine: cosine, context)
            let error = outcome.smoothnessError / outcome.smoothness
            guard error > target, estimate.subsetSize < groups.components.count else { return cosine }
            // Another γ than 1 attains the maximum and is known less well.
            try grow(from: estimate.subsetSize, error: error, target: target, place, &estimate)
        }
    }

    /// Adds components at x_k and at γ = 1 until L̂(1) is known to the target.
    /// - Returns: how many components `end` holds.
    private mutating func growAtEnd(
        _ known: Int, to target: Double, _ place: RowPlace, _ estimate: inout StepEstimate
    ) throws -> Int {
        let last = gammas.count - 1
        guard gammas[last] == 1 else { return known }
        var known = known
        while true {
            try probe(last, place, known: known, into: &estimate)
            known = estimate.subsetSize
            let point = estimate.curve[last]
            let error = point.smoothnessError / point.smoothness
            guard error > target, known < groups.components.count else { return known }
            try grow(from: known, error: error, target: target, place, &estimate)
        }
    }

    /// Enlarges the subset to where the error, which falls with its root, should be at the target: by a tenth more, and by at least
    /// one component a group.
    private mutating func grow(
        from size: Int, error: Double, target: Double, _ place: RowPlace, _ estimate: inout StepEstimate
    ) throws {
        let wanted = 1.1 * Double(size) * (error / target) * (error / target)
        let most = groups.components.count
        let next = wanted < Double(most) ? min(most, max(size + groups.count, Int(wanted))) : most
        try evaluateBase(size..<next, place)
        estimate.subsetSize = next
        recordBase(in: &estimate)
        try recordNormedEnds(in: &estimate)
    }

    /// - Parameter known: how many components of the gradient at γ = 1 are evaluated already.
    private mutating func search<Source: StepSource & ~Copyable>(
        _ place: RowPlace, known: Int, of source: inout Source, into estimate: inout StepEstimate
    ) throws -> Double? where Source.Scalar == Scalar {
        switch options.search {
        case .grid:
            return try searchGrid(place, known: known, of: &source, into: &estimate)
        case .coarseToFine(let tolerance):
            return try searchCoarseToFine(tolerance: tolerance, place, known: known, into: &estimate)
        }
    }

    private mutating func searchGrid<Source: StepSource & ~Copyable>(
        _ place: RowPlace, known: Int, of source: inout Source, into estimate: inout StepEstimate
    ) throws -> Double? where Source.Scalar == Scalar {
        guard workspace.spares.isEmpty else { return try streamGrid(place, of: &source, into: &estimate) }
        var cosine: Double?
        for index in gammas.indices {
            cosine = try probe(index, place, known: gammas[index] == 1 ? known : 0, into: &estimate) ?? cosine
        }
        return cosine
    }

    private mutating func searchCoarseToFine(
        tolerance: Double, _ place: RowPlace, known: Int, into estimate: inout StepEstimate
    ) throws -> Double? {
        var cosine: Double?
        var search = CoarseToFineSearch(gammas: gammas, tolerance: tolerance)
        // On a smaller subset others may have been probed.
        for index in gammas.indices { estimate.skipProbe(index) }
        while let index = search.next(values: estimate.curve.map(\.smoothness)) {
            search.mark(index)
            cosine = try probe(index, place, known: gammas[index] == 1 ? known : 0, into: &estimate) ?? cosine
        }
        return cosine
    }
}

/// Which γ of a grid to probe next, so that the largest value on the grid is found to a tolerance without probing all.
///
/// First about √G of the G values, evenly spread and with both ends. Then the neighbourhood of the largest value so far: midway to the
/// probed neighbours on either side, until the neighbours are next to it on the grid, or until the parabola through it and
/// its probed neighbours promises no more than the tolerance. The parabola is trusted where the curve is smooth on the scale of
/// what was probed; a narrower peak elsewhere is missed, which is what the grid does too on its own scale.
public struct CoarseToFineSearch: Sendable {
    private let gammas: [Double]
    private let tolerance: Double
    private var probed: Set<Int> = []

    public init(gammas: [Double], tolerance: Double) {
        self.gammas = gammas
        self.tolerance = tolerance
    }

    public mutating func mark(_ index: Int) { probed.insert(index) }

    /// The index of the next γ; `nil` when the largest value is known.
    /// - Parameter values: one a γ; only those of probed ones are looked at.
    public func next(values: [Double]) -> Int? {
        if let index = coarse.first(where: { !probed.contains($0) }) { return index }
        let known = probed.sorted().filter { values[$0].isFinite }
        guard known.count == probed.count, let place = known.map({ values[$0] }).indexOfMaximum else { return nil }
        let best = known[place]
        let left = place > 0 ? known[place - 1] : nil
        let right = place + 1 < known.count ? known[place + 1] : nil
        let candidates = [left, right].compactMap { $0 }.filter { abs($0 - best) > 1 }
        guard let widest = candidates.max(by: { abs($0 - best) < abs($1 - best) }) else { return nil }
        // A neighbour whose gap is open decides; three points are needed to see how much there is to gain.
        if known.count >= 3, gain(around: place, known, values) <= tolerance { return nil }
        return (best + widest) / 2
    }

    /// Every ~√G-th index, with both ends.
    private var coarse: [Int] {
        let count = gammas.count
        guard count > 2 else { return Array(0..<count) }
        let pieces = max(2, Int(Double(count).squareRoot().rounded()))
        return (0...pieces).map { $0 * (count - 1) / pieces }
    }

    /// By which share the parabola through three probed points exceeds the largest value between the neighbours of it.
    private func gain(around place: Int, _ known: [Int], _ values: [Double]) -> Double {
        let first = min(max(place - 1, 0), known.count - 3)
        let x = (0..<3).map { gammas[known[first + $0]] }
        let y = (0..<3).map { values[known[first + $0]] }
        let largest = values[known[place]]
        // Newton's divided differences.
        let slope = (y[1] - y[0]) / (x[1] - x[0])
        let curvature = ((y[2] - y[1]) / (x[2] - x[1]) - slope) / (x[2] - x[0])
        guard largest > 0 else { return 0 }
        guard curvature < 0 else { return 0 }
        let top = (x[0] + x[1]) / 2 - slope / (2 * curvature)
        guard top > x[0], top < x[2] else { return 0 }
        let height = y[0] + (top - x[0]) * (slope + (top - x[1]) * curvature)
        return height / largest - 1
    }
}
