import Essentials
import RunFiles

/// Which rows of a run there are to estimate, and into how large a file.
struct RowsToEstimate {
    /// That are there, and have room.
    var available: Int
    /// K of the file.
    var capacity: Int
    /// That the run has planned.
    var planned: Int
    /// Rows of the run that do not fit into the standing file.
    var uncovered = 0
    /// Rows of the run that `run_digest` covers.
    var digestRows: Int
    /// Where the file is begun, or was, before its run is at its end.
    var live: LiveRows?
    /// How many rows make the estimate complete; more than there can be where the run goes on.
    var goal: Int

    /// - Throws: `SmoothnessError`: `.data` for a run without a step; `.cannotCreate` where the standing file has other rows or no room.
    init(of reader: borrowing RunFileReader, standing: StandingAnalysis?, isFollowing: Bool) throws {
        let iterations = reader.plan.savedIterations
        planned = iterations.count
        if let standing, let live = standing.live, live.iterations != iterations {
            self = try Self(measuredInLoop: standing, live)
            return
        }
        let hasEnded = try FollowedRun.hasEnded(reader)
        let count = reader.snapshotCount
        guard count > 0 || (isFollowing && !hasEnded && planned > 0) else {
            throw SmoothnessError(
                .data, "holds no step", file: reader.path, object: "/trajectory",
                expected: "an iterate and its next iterate", found: "no committed row",
                remedy: "Train for at least one iteration, and save at least one.")
        }
        // Room for what the run has planned, unless it is known what it came to.
        let isWhole = count == planned || !isFollowing
        capacity = standing?.rowCount ?? (isWhole ? count : planned)
        available = min(capacity, count)
        live = standing == nil ? (isWhole ? nil : LiveRows(maker: .follow, iterations: iterations)) : standing?.live
        digestRows = live == nil ? available : 0
        if isFollowing {
            let most = hasEnded ? count : planned
            guard capacity >= most else { throw Self.noRoom(standing, for: most) }
            goal = hasEnded ? available : capacity
        } else {
            uncovered = count - available
            goal = live == nil ? capacity : available
        }
    }

    /// An estimate of `train --estimate`, whose rows the run does not hold: there is nothing to do but to read it.
    private init(measuredInLoop standing: StandingAnalysis, _ live: LiveRows) throws {
        guard live.maker == .train, standing.state == .complete else {
            throw SmoothnessError(
                .cannotCreate, "the output exists and has other rows than the run", file: standing.path,
                object: LiveRows.iteration,
                remedy: live.maker == .train
                    ? "It goes on with its run: smoothness train --resume. Give another place with --output."
                    : "Replace it with --force or give another place with --output.")
        }
        (available, capacity, planned) = (standing.committedRows, standing.rowCount, live.iterations.count)
        (digestRows, goal) = (0, standing.committedRows)
        self.live = live
    }

    private static func noRoom(_ standing: StandingAnalysis?, for rows: Int) -> SmoothnessError {
        SmoothnessError(
            .cannotCreate, "the output exists and has no room for all rows of the run", file: standing?.path,
            object: EstimatesSchema.iteration, expected: "\(rows) rows", found: "\(standing?.rowCount ?? 0)",
            remedy: "Replace it with --force or give another place with --output.")
    }
}

extension StandingAnalysis {
    /// Refuses a complete live file whose rows are no longer the run's.
    func requireDigest(of reader: borrowing RunFileReader) throws {
        guard let live, state == .complete else { return }
        let digest = try reader.digest(iterations: Array(live.iterations.prefix(committedRows)))
        guard digest == live.digest else {
            throw SmoothnessError(
                .cannotCreate, "the output exists and is an estimate of other rows", file: path,
                object: LiveRows.digest,
                expected: digest, found: live.digest,
                remedy: "Replace it with --force or give another place with --output.")
        }
    }
}

extension EstimationConfiguration {
    /// Refuses what looks at other rows than its own, which may not be there yet.
    /// - Throws: `SmoothnessError(.usage)`
    func requireRowsOneByOne() throws {
        guard control == .permute else { return }
        throw SmoothnessError(
            .usage, "the permutation control takes the step of any other row, which must all be there",
            found: "--control permute", remedy: "Estimate the run when it is complete.")
    }
}
