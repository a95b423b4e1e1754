import Essentials
import Evaluation
import ParameterSpace

/// The function that gradient processes serve. Points and gradients go through shared memory; a point goes once to each process.
struct GradientProcessObjective<Scalar: ParameterScalar>: Objective {
    let pool: GradientProcessPool
    var draw: UInt64 = 0
    /// The number of the point that all calls are about; `nil`: every call has its own.
    var pointID: Int?

    var layout: ParameterLayout { pool.layout }
    var componentCount: Int { pool.weights.count }

    func weight(ofComponent component: Int) -> Double { pool.weights[component] }

    func loss(ofComponent component: Int, at point: [Scalar]) throws -> Double {
        try pool.lend { worker in
            try worker.begin([component], at: point, pointID: pointID ?? pool.newPointID(), slot: nil, draw: draw)
            return try worker.finish()[0]
        }
    }

    func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) throws -> Double {
        try pool.lend { worker in
            try worker.begin([component], at: point, pointID: pointID ?? pool.newPointID(), slot: 0, draw: draw)
            let loss = try worker.finish()[0]
            worker.read(slot: 0, into: &gradient)
            return loss
        }
    }

    var sharesWorkOfComponents: Bool { true }

    /// Asks for as many components at a time as make a request worth its while, and for the next ones before it reads the gradient
    /// of the last: the process need not wait.
    func addGradients(
        of components: [Int], at point: [Scalar], scratch: inout [Scalar], into sum: inout [Double],
        isCancelled: () -> Bool
    ) throws -> Double {
        let pieces = stride(from: 0, to: components.count, by: pieceLength).map {
            Array(components[$0..<min($0 + pieceLength, components.count)])
        }
        let pointID = pointID ?? pool.newPointID()
        return try pool.lend { worker in
            do {
                return try add(pieces, worker, at: point, pointID, scratch: &scratch, into: &sum, isCancelled)
            } catch {
                // Requests may be under way that nobody waits for any more.
                worker.abandon()
                throw error
            }
        }
    }

    private func add(
        _ pieces: [[Int]], _ worker: GradientWorker, at point: [Scalar], _ pointID: Int, scratch: inout [Scalar],
        into sum: inout [Double], _ isCancelled: () -> Bool
    ) throws -> Double {
        func begin(_ index: Int) throws {
            guard index < pieces.count else { return }
            try worker.begin(
                pieces[index], at: point, pointID: pointID, slot: index % SharedVectors.slotCount, draw: draw)
        }
        var loss = 0.0
        try begin(0)
        for (index, piece) in pieces.enumerated() {
            guard !isCancelled() else { throw SmoothnessError(.interrupted, "stopped between two gradients") }
            try begin(index + 1)
            let losses = try worker.finish()
            worker.read(slot: index % SharedVectors.slotCount, into: &scratch)
            let weights = piece.map { pool.weights[$0] }
            Scalar.accumulate(into: &sum, scale: weights.reduce(0, +), scratch)
            loss += zip(weights, losses).reduce(0) { $0 + $1.0 * $1.1 }
        }
        return loss
    }

    /// Components of one request: a vector that is long takes longer to add up there than a line takes to be read. A function of P
    /// alone, on which rounding depends.
    private var pieceLength: Int { max(1, min(64, (1 << 20) / layout.count)) }

    func initialPoint(seed: UInt64) -> [Scalar] {
        (try? pool.startingPoint(as: Scalar.self)) ?? Scalar.zeros(layout.count)
    }

    func redrawn(_ draw: UInt64) -> any Objective<Scalar> {
        var other = self
        other.draw = draw
        return other
    }

    func focused(on point: [Scalar]) -> any Objective<Scalar> {
        var other = self
        other.pointID = pool.newPointID()
        return other
    }
}
