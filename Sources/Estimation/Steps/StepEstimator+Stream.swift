import Evaluation
import ParameterSpace

/// A probe that has been begun: its vectors, and its evaluation.
struct BegunProbe<Scalar: ParameterScalar> {
    var row: Int
    var held: HeldProbe<Scalar>
    var evaluation: SubsetEvaluation<Scalar>
}

/// Several probes at the same time: the next ones are begun before the first is waited for, also those of the next row, so that nobody waits
/// between them. The numbers are those of one after the other.
extension StepEstimator {
    /// Evaluates ∇f_S(x_k) into `base`; the first probe of the row is begun meanwhile.
    mutating func streamBase(_ place: RowPlace, size: Int) throws {
        gradientCount += 1
        componentGradientCount += size
        let evaluation = evaluator.begin(
            subsetProbe(
                .base, place, 0..<size, at: workspace.iterate, workspace.base.taken(), isFollowed: options.canLookAhead)
        )
        if options.canLookAhead, ahead == nil {
            ahead = beginRow(place, from: workspace.iterate, to: workspace.next, size: size)
        }
        do {
            workspace.base = try evaluator.finish(evaluation)
        } catch {
            evaluation.abandon()
            workspace.base = evaluation.takeValue()
            throw error
        }
    }

    /// Probes all γ of the grid; the last of them stays in `gradient`.
    /// - Returns: where γ = 1 is on the grid, the cosine between the gradients at both ends.
    mutating func streamGrid<Source: StepSource & ~Copyable>(
        _ place: RowPlace, of source: inout Source, into estimate: inout StepEstimate
    ) throws -> Double? where Source.Scalar == Scalar {
        gradientCount += gammas.count
        componentGradientCount += gammas.count * estimate.subsetSize
        var begun: [BegunProbe<Scalar>] = []
        if let known = ahead.take() { begun.append(known) }
        defer {
            // All of them before one is waited for.
            for probe in begun { probe.evaluation.abandon() }
            if !begun.isEmpty { ahead?.evaluation.abandon() }
            for probe in begun { giveUp(probe) }
        }
        var next = begun.count
        beginMore(&next, &begun, place, of: &source, estimate.subsetSize)
        var cosine: Double?
        for index in gammas.indices {
            try finish(begun.removeFirst())
            // Before what follows from it is computed.
            beginMore(&next, &begun, place, of: &source, estimate.subsetSize)
            try record(index, beside: begun, into: &estimate)
            if gammas[index] == 1 { cosine = self.cosine(atEnd: index, of: estimate) }
        }
        return cosine
    }

    /// Begins as many probes as there are vectors for.
    /// - Parameter next: the index of the first γ that has not been begun.
    private mutating func beginMore<Source: StepSource & ~Copyable>(
        _ next: inout Int, _ begun: inout [BegunProbe<Scalar>], _ place: RowPlace, of source: inout Source, _ size: Int
    ) where Source.Scalar == Scalar {
        while next < gammas.count, let spare = workspace.spares.popLast() {
            begun.append(
                begin(
                    next, place, spare, from: workspace.iterate, to: workspace.next, size: size,
                    isFollowed: place.isFollowed || next + 1 < gammas.count))
            next += 1
        }
        if next == gammas.count { beginNextRow(after: place, of: &source, size) }
    }

    /// By this thread alone where the others have something else to do.
    func pieces(beside begun: [BegunProbe<Scalar>]) -> PieceSums {
        let isBusy = !(ahead?.evaluation.isComplete ?? true) || begun.contains { !$0.evaluation.isComplete }
        return isBusy ? pieces.alone : pieces
    }

    /// Gives the vectors of the first probe of the next row back.
    mutating func giveUpAhead() {
        if let probe = ahead.take() { giveUp(probe) }
        workspace.upcoming.row = nil
    }

    private func begin(
        _ index: Int, _ place: RowPlace, _ spare: consuming HeldProbe<Scalar>, from iterate: [Scalar],
        to next: [Scalar], size: Int, isFollowed: Bool
    ) -> BegunProbe<Scalar> {
        var held = spare
        let point = EstimationWorkspace.point(&held, at: gammas[index], from: iterate, to: next)
        let evaluation = evaluator.begin(
            subsetProbe(
                .gamma(index), place, 0..<size, at: point, held.gradient.taken(), isFollowed: isFollowed))
        return BegunProbe(row: place.row, held: held, evaluation: evaluation)
    }

    /// Begins the first probe of the next row, where there is one and its vectors are to be had. What is wrong with that row is found when it is
    /// its turn.
    private mutating func beginNextRow<Source: StepSource & ~Copyable>(
        after place: RowPlace, of source: inout Source, _ size: Int
    ) where Source.Scalar == Scalar {
        guard place.isFollowed, workspace.upcoming.row == nil, !workspace.spares.isEmpty else { return }
        var upcoming = UpcomingRow<Scalar>()
        swap(&upcoming, &workspace.upcoming)
        defer { swap(&upcoming, &workspace.upcoming) }
        if upcoming.iterate.isEmpty {
            (upcoming.iterate, upcoming.next) = (Scalar.zeros(layout.count), Scalar.zeros(layout.count))
        }
        let row = place.row + 1
        do {
            try source.readIterate(ofRow: row, into: &upcoming.iterate)
            try source.readNextIterate(ofRow: row, into: &upcoming.next)
        } catch { return }
        upcoming.row = row
        ahead = beginRow(
            RowPlace(row: row, iteration: source.iterations[row]), from: upcoming.iterate, to: upcoming.next, size: size
        )
    }

    /// Begins the first probe of a row.
    /// - Returns: `nil` for a row that will not come to its probes.
    private mutating func beginRow(
        _ place: RowPlace, from iterate: [Scalar], to next: [Scalar], size: Int
    ) -> BegunProbe<Scalar>? {
        let all = 0..<layout.count
        guard Scalar.nonfiniteCount(iterate, in: all) == 0, Scalar.nonfiniteCount(next, in: all) == 0,
            !Scalar.isSame(iterate, next)
        else { return nil }
        return begin(0, place, workspace.spares.removeLast(), from: iterate, to: next, size: size, isFollowed: true)
    }

    /// Waits for a probe and makes it the last one.
    private mutating func finish(_ probe: BegunProbe<Scalar>) throws {
        var held = probe.held
        do {
            held.gradient = try evaluator.finish(probe.evaluation)
        } catch {
            giveUp(probe)
            throw error
        }
        workspace.take(held)
    }

    /// Gives its vectors back.
    private mutating func giveUp(_ probe: BegunProbe<Scalar>) {
        var held = probe.held
        probe.evaluation.abandon()
        // It has failed, if only for this.
        _ = try? evaluator.finish(probe.evaluation)
        held.gradient = probe.evaluation.takeValue()
        workspace.spares.append(held)
    }
}
