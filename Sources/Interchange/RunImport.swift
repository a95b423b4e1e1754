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
    /// The blocks of the run, in its order: those of the files by name and shape, or what a flat vector is divided into.
    public var layout: ParameterLayout?
    /// k of row i is this times i; `nil` where the snapshots' own numbers are taken, and 1 or 2 where they have none.
    public var iterationsPerRow: Int?
    /// Whether the run file gets checksums.
    public var hasChecksums = true

    public init(
        iterates: SnapshotSeries, nextIterates: SnapshotSeries? = nil, gradients: SnapshotSeries? = nil,
        nextGradients: SnapshotSeries? = nil, losses: SnapshotSeries? = nil, subset: String, objective: String,
        layout: ParameterLayout? = nil, iterationsPerRow: Int? = nil
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

    /// How many bytes the run file takes.
    /// - Throws: `SmoothnessError(.data)` for series that do not go together.
    public func byteCount() throws -> Int {
        let count = try arrangement().layout.count
        return isDouble
            ? plan.byteCount(parameterCount: count, scalar: Double.self)
            : plan.byteCount(parameterCount: count, scalar: Float.self)
    }

    /// Writes the run file, row by row, and gives it its name when it is whole.
    /// - Throws: `SmoothnessError`: `.data` for series that do not go together; `.cannotCreate` as `RunFileWriter`. What stood at the place is
    ///   there then as it was.
    public func write(to path: String, isForced: Bool) throws {
        // Beside its place, because it is large.
        try StagedFile.make(path, byteCount: 0, isReplacing: isForced, environment: [:]) { staged in
            if isDouble {
                try write(to: staged, as: Double.self)
            } else {
                try write(to: staged, as: Float.self)
            }
        }
    }

    private func write<Scalar: ParameterScalar>(to path: String, as scalar: Scalar.Type) throws {
        try requireCounts()
        let arrangement = try arrangement()
        let layout = arrangement.layout
        let losses = try losses?.numbers()
        let iterations = iterations
        let isFromZero = nextIterates == nil && iterations.last == rowCount - 1
        let plan = plan
        let header = RunHeader(
            objective: objective, optimizer: #"{"algorithm":"unknown"}"#, layout: layout, scalar: scalar)
        var writer = try RunFileWriter<Scalar>(creating: path, header: header, plan: plan)
        var current = try point(0, arrangement, isNext: false, as: scalar)
        for row in 0..<rowCount {
            if nextIterates != nil { current = try point(row, arrangement, isNext: false, as: scalar) }
            var next = try point(
                nextIterates == nil ? row + 1 : row, arrangement, isNext: nextIterates != nil, as: scalar)
            let step = layout.distance(from: current.iterate, to: next.iterate)
            let record = IterationRecord(
                loss: .nan, gradientNorm: .nan, stepNorm: step, learningRate: .nan, clipped: false,
                status: step.isFinite ? (step == 0 ? .zeroStep : .ok) : .nonFinite)
            if isFromZero { try writer.record(record, at: row) }
            try writer.record(
                SnapshotRecord(iteration: iterations[row], record), iterate: current.iterate,
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

    private var plan: RunPlan {
        let iterations = iterations
        var plan = RunPlan(savedIterations: iterations, iterationCount: (iterations.last ?? 0) + 1)
        plan.unrecorded = ["loss", "gradient_norm", "learning_rate", "clipped"]
        plan.hasChecksums = hasChecksums
        plan.fixedSubset = gradients.map { _ in
            FixedSubset(
                subset: subset, hasLosses: losses != nil, sharesRows: nextIterates == nil && plan.isConsecutive)
        }
        return plan
    }

    /// k of each row: the iteration of the snapshot that it begins with.
    var iterations: [Int] {
        let own = iterationsPerRow == nil ? iterates.iterations : nil
        guard let own, nextIterates == nil || zip(own, own.dropFirst()).allSatisfy({ $1 - $0 > 1 }) else {
            return (0..<rowCount).map { $0 * (iterationsPerRow ?? (nextIterates == nil ? 1 : 2)) }
        }
        return Array(own.prefix(rowCount))
    }

    // MARK: - Blocks

    /// The blocks of the run, and where each series has them.
    private struct Arrangement {
        var layout: ParameterLayout
        var iterates: [Int]
        var nextIterates: [Int] = []
        var gradients: [Int] = []
        var nextGradients: [Int] = []
    }

    private func arrangement() throws -> Arrangement {
        let own = iterates.blocks
        if let layout, iterates.isFlat {
            guard layout.count == own[0].shape[0] else {
                throw SmoothnessError(
                    .data, "the layout has another number of parameters than the snapshots", file: iterates.name,
                    expected: "\(layout.count)", found: "\(own[0].shape[0])")
            }
        }
        let isDivided = layout != nil && iterates.isFlat
        let wanted =
            layout.map { isDivided ? own : $0.blocks.map { SnapshotSeries.Block(name: $0.name, shape: $0.shape) } }
            ?? own
        func places(_ series: SnapshotSeries?, _ what: String) throws -> [Int] {
            guard let series else { return [] }
            let isIterates = what == "the iterates"
            // What is left out of the iterates may be among the gradients.
            let leftOut = isIterates ? [] : Set(iterates.leftOut.map(\.name))
            return try SnapshotSeries.places(
                of: series.blocks, for: wanted, file: series.name, what: what,
                as: layout != nil && !isDivided ? "the layout" : "the iterates", isOptional: { leftOut.contains($0) }
            ).places
        }
        return Arrangement(
            layout: layout ?? ParameterLayout(own.map { ($0.name, $0.shape) }),
            iterates: try places(iterates, "the iterates"), nextIterates: try places(nextIterates, "the next iterates"),
            gradients: try places(gradients, "the gradients"),
            nextGradients: try places(nextGradients, "the next gradients"))
    }

    /// What is understood of the files, line by line, before anything is written.
    /// - Throws: `SmoothnessError(.data)` for series that do not go together.
    public func understanding() throws -> [String] {
        try requireCounts()
        _ = try arrangement()
        var lines = iterates.understanding
        for (what, series) in [
            ("next iterates", nextIterates), ("gradients", gradients), ("next gradients", nextGradients),
        ] {
            guard let series else { continue }
            lines += series.understanding.map { "\(what): \($0)" }
        }
        if let layout {
            lines.append(
                iterates.isFlat && layout.blocks.count > 1
                    ? "flat vectors, divided into the \(layout.blocks.count) blocks of the layout in its order"
                    : "blocks take the names and the order of the layout, matched by name and shape")
        }
        // To the last snapshot as well, with which no row begins.
        let numbers = iterates.iterations ?? []
        if nextIterates == nil, let most = zip(numbers, numbers.dropFirst()).map({ $1 - $0 }).max(), most > 1 {
            lines.append("a step leads from each snapshot to the next one, up to \(most) iterations later")
        }
        return lines
    }

    /// What belongs to one point.
    private struct Point<Scalar: ParameterScalar> {
        var iterate: [Scalar]
        var gradient: [Scalar]?
    }

    private func point<Scalar: ParameterScalar>(
        _ index: Int, _ arrangement: Arrangement, isNext: Bool, as scalar: Scalar.Type
    ) throws -> Point<Scalar> {
        let (vectors, gradients) = isNext ? (nextIterates, nextGradients) : (iterates, gradients)
        return Point(
            iterate: try vectors?.read(
                index, places: isNext ? arrangement.nextIterates : arrangement.iterates, as: scalar) ?? [],
            gradient: try gradients?.read(
                index, places: isNext ? arrangement.nextGradients : arrangement.gradients, as: scalar))
    }

    /// As many gradients as iterates, of the same blocks, and at least one step.
    private func requireCounts() throws {
        func require(_ series: SnapshotSeries?, _ what: String) throws {
            guard let series else { return }
            guard series.count == iterates.count else {
                throw SmoothnessError(
                    .data, "the \(what) do not go with the iterates", file: series.name,
                    expected: "\(iterates.count) snapshots", found: "\(series.count)")
            }
            guard let own = series.iterations, let others = iterates.iterations, own != others else { return }
            let place = zip(own, others).map { $0 != $1 }.firstIndex(of: true) ?? 0
            throw SmoothnessError(
                .data, "the \(what) are of other iterations than the iterates", file: series.name,
                expected: "iteration \(others[place])", found: "iteration \(own[place])")
        }
        guard rowCount > 0 else {
            throw SmoothnessError(
                .data, "holds no step", file: iterates.name, expected: "two snapshots or more",
                found: "\(iterates.count)",
                remedy: iterates.count == 1
                    ? "If the first axis of its tensors is time, say so: --stacked. Otherwise give several files" : nil)
        }
        guard iterates.blocks.contains(where: { !$0.shape.contains(0) }) else {
            throw SmoothnessError(
                .data, "holds no parameters", file: iterates.name, expected: "one number or more",
                found: iterates.blocks.prefix(6).map { "\($0.name) \($0.shape)" }.joined(separator: ", "))
        }
        try require(nextIterates, "next iterates")
        try require(gradients, "gradients")
        try require(nextGradients, "gradients at the next iterates")
        try require(losses, "losses")
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
