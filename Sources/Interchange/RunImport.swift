import Essentials
import ParameterSpace
import RunFiles

/// Snapshots of another program, as they are to become a run file.
public struct RunImport: Sendable {
    /// x_k; x_{k+1} is the next of them where `nextIterates` is `nil`.
    public var iterates: SnapshotSeries
    public var nextIterates: SnapshotSeries?
    /// ∇f_S at `iterates` on one fixed subset of the data.
    public var gradients: SnapshotSeries?
    /// At `nextIterates`.
    public var nextGradients: SnapshotSeries?
    /// f_S at `iterates`.
    public var losses: SnapshotSeries?
    /// What the subset is, in words.
    public var subset: String
    /// JSON for `/objective`.
    public var objective: String
    /// Another division into blocks than the files': the same number of elements, in their order.
    public var layout: ParameterLayout?
    /// k of row i is this times i.
    public var iterationsPerRow: Int

    public init(
        iterates: SnapshotSeries, nextIterates: SnapshotSeries? = nil, gradients: SnapshotSeries? = nil,
        nextGradients: SnapshotSeries? = nil, losses: SnapshotSeries? = nil, subset: String, objective: String,
        layout: ParameterLayout? = nil, iterationsPerRow: Int = 1
    ) {
        self.iterates = iterates
        self.nextIterates = nextIterates
        self.gradients = gradients
        self.nextGradients = nextGradients
        self.losses = losses
        self.subset = subset
        self.objective = objective
        self.layout = layout
        self.iterationsPerRow = iterationsPerRow
    }

    /// K
    public var rowCount: Int { nextIterates == nil ? iterates.count - 1 : iterates.count }
    public var isDouble: Bool {
        [iterates, nextIterates, gradients, nextGradients].contains { $0?.isDouble ?? false }
    }

    /// Writes the run file, row by row.
    /// - Throws: `SmoothnessError`: `.data` for series that do not go together; `.cannotCreate` as `RunFileWriter`.
    public func write(to path: String, isForced: Bool) throws {
        if isDouble {
            try write(to: path, isForced: isForced, as: Double.self)
        } else {
            try write(to: path, isForced: isForced, as: Float.self)
        }
    }

    private func write<Scalar: ParameterScalar>(to path: String, isForced: Bool, as scalar: Scalar.Type) throws {
        try requireCounts()
        let own = ParameterLayout(iterates.blocks)
        let layout = layout ?? own
        guard layout.count == own.count else {
            throw SmoothnessError(
                .data, "the layout has another number of parameters than the snapshots", file: iterates.name,
                expected: "\(layout.count)", found: "\(own.count)")
        }
        let losses = try losses?.numbers()
        let plan = RunPlan(
            savedIterations: (0..<rowCount).map { $0 * iterationsPerRow },
            iterationCount: (rowCount - 1) * iterationsPerRow + 1,
            fixedSubset: gradients.map { _ in
                FixedSubset(subset: subset, hasLosses: losses != nil, sharesRows: nextIterates == nil)
            }, unrecorded: ["loss", "gradient_norm", "learning_rate", "clipped"])
        let header = RunHeader(
            objective: objective, optimizer: #"{"algorithm":"unknown"}"#, layout: layout, scalar: scalar)
        var writer = try RunFileWriter<Scalar>(creating: path, replacing: isForced, header: header, plan: plan)
        let names = iterates.blocks.map(\.name)
        var current = try Point<Scalar>(self, 0, names)
        for row in 0..<rowCount {
            if nextIterates != nil { current = try Point(self, row, names) }
            var next =
                nextIterates == nil
                ? try Point<Scalar>(self, row + 1, names) : try Point<Scalar>(nextOf: self, row, names)
            let step = layout.distance(from: current.iterate, to: next.iterate)
            let record = IterationRecord(
                loss: .nan, gradientNorm: .nan, stepNorm: step, learningRate: .nan, clipped: false,
                status: step.isFinite ? (step == 0 ? .zeroStep : .ok) : .nonFinite)
            if iterationsPerRow == 1 { try writer.record(record, at: row) }
            try writer.record(
                SnapshotRecord(iteration: row * iterationsPerRow, record), iterate: current.iterate,
                nextIterate: next.iterate,
                fixedSubset: current.gradient.flatMap { gradient in
                    next.gradient.map {
                        FixedSubsetRow(
                            gradient: gradient, nextGradient: $0,
                            losses: losses.map {
                                FixedSubset.Losses(atIterate: $0[row], atNextIterate: $0[row + 1])
                            })
                    }
                })
            swap(&current, &next)
        }
        try writer.finish(.complete)
    }

    /// What belongs to one point.
    private struct Point<Scalar: ParameterScalar> {
        var iterate: [Scalar]
        var gradient: [Scalar]?

        init(_ source: RunImport, _ index: Int, _ names: [String]) throws {
            iterate = try source.iterates.read(index, blocks: names, as: Scalar.self)
            gradient = try source.gradients?.read(index, blocks: names, as: Scalar.self)
        }

        init(nextOf source: RunImport, _ index: Int, _ names: [String]) throws {
            iterate = try source.nextIterates?.read(index, blocks: names, as: Scalar.self) ?? []
            gradient = try source.nextGradients?.read(index, blocks: names, as: Scalar.self)
        }
    }

    /// As many gradients as iterates, of the same blocks, and at least one step.
    private func requireCounts() throws {
        func require(_ series: SnapshotSeries?, _ what: String, hasBlocks: Bool = true) throws {
            guard let series else { return }
            let shapes = Dictionary(
                iterates.blocks.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
            let sameBlocks =
                !hasBlocks || series.blocks.allSatisfy { shapes[$0.name] == $0.shape || shapes[$0.name] == nil }
            guard series.count == iterates.count, sameBlocks else {
                throw SmoothnessError(
                    .data, "the \(what) do not go with the iterates", file: series.name,
                    expected: "\(iterates.count) snapshots of "
                        + iterates.blocks.prefix(4).map { "\($0.name) \($0.shape)" }.joined(separator: ", "),
                    found: "\(series.count) of "
                        + series.blocks.prefix(4).map { "\($0.name) \($0.shape)" }.joined(separator: ", "))
            }
        }
        guard rowCount > 0 else {
            throw SmoothnessError(
                .data, "holds no step", file: iterates.name, expected: "two snapshots or more",
                found: "\(iterates.count)")
        }
        try require(nextIterates, "next iterates")
        try require(gradients, "gradients")
        try require(nextGradients, "gradients at the next iterates")
        try require(losses, "losses", hasBlocks: false)
        guard nextIterates == nil || losses == nil else {
            throw SmoothnessError(
                .usage, "losses are read where snapshots follow one another, not with --next-iterate",
                file: losses?.name)
        }
        guard (nextIterates == nil) == (nextGradients == nil) || gradients == nil else {
            throw SmoothnessError(
                .usage, "gradients at the next iterates belong to next iterates", expected: "both or none")
        }
    }
}
