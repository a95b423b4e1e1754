import Essentials
import Estimation
import Foundation
import RunFiles

/// Makes and renews plans.
public struct BatchPlanner: Sendable {
    public let configuration: BatchConfiguration
    private let digest: String
    private let needsAll: Bool

    public init(_ configuration: BatchConfiguration) throws {
        try configuration.estimation.validate()
        if let rows = configuration.sizing.rows, rows < 1 {
            throw SmoothnessError(.usage, "a unit has at least one row", found: "\(rows)")
        }
        self.configuration = configuration
        digest = try configuration.digest()
        needsAll = configuration.estimation.control == .permute
    }

    /// Freezes what is there: looks for runs, cuts them into units and writes configuration and manifest.
    ///
    /// Where a plan of the same configuration stands in the folder, its cuts are kept, so that what is done stays done; rows that runs have
    /// gained since become units of their own.
    /// - Parameter isForced: makes another plan in the place of one that stands there, which is thrown away, with everything in it, when the new one is
    ///   whole.
    /// - Throws: `SmoothnessError`: `.noInput` where nothing is found; `.cannotCreate` where a plan of another configuration stands.
    public func plan(
        in folder: PlanFolder, isForced: Bool = false, note: (String) -> Void = { _ in }
    ) throws -> BatchManifest {
        FileInTheMaking.removeLeftovers(of: folder.path)
        guard isForced, PlanFolder.isPlan(folder.path) else { return try makePlan(in: folder, note: note) }
        let beside = PlanFolder(FileInTheMaking.name(for: folder.path))
        defer { try? FileManager.default.removeItem(atPath: beside.path) }
        let manifest = try makePlan(in: beside, note: note)
        try beside.takePlace(of: folder)
        return manifest
    }

    private func makePlan(in folder: PlanFolder, note: (String) -> Void) throws -> BatchManifest {
        let standing = try standingManifest(in: folder)
        let files = try RunScan.files(configuration.paths, pattern: configuration.pattern)
        let known = Dictionary((standing?.entries ?? []).map { ($0.path, $0) }, uniquingKeysWith: { $1 })
        var costs = CostPrediction(configuration)
        var entries: [BatchManifest.Entry] = []
        for file in files {
            if let entry = try entry(path: file.path, name: file.name, known: known[file.path], &costs) {
                entries.append(entry)
            }
        }
        guard !entries.isEmpty else {
            throw SmoothnessError(
                .noInput, "holds no run", file: configuration.paths.joined(separator: ", "),
                expected: "at least one file that matches \(configuration.pattern)")
        }
        let found = Set(entries.map(\.path))
        let gone = (standing?.entries ?? []).filter { $0.reason == nil && !found.contains($0.path) }
        if let first = gone.first {
            note("\(gone.count) runs of the plan are there no more and are left out of it, as \(first.path)")
        }
        tellTwins(entries, note)
        try folder.create()
        let manifest = BatchManifest(entries)
        try manifest.save(in: folder, configuration)
        if costs.guessed > 0 {
            note("the cost of \(costs.guessed) runs follows from \(costs.rehearsed) others that were rehearsed")
        }
        return manifest
    }

    /// Copies and links of one run are no independent runs.
    private func tellTwins(_ entries: [BatchManifest.Entry], _ note: (String) -> Void) {
        let twins = Dictionary(grouping: entries.filter { $0.reason == nil }, by: { "\($0.runID) \($0.digest)" })
            .values.filter { $0.count > 1 }
        guard let first = twins.min(by: { $0[0].path < $1[0].path }) else { return }
        let copies = twins.reduce(0) { $0 + $1.count - 1 }
        note("\(copies) runs are copies of others and count twice, as \(first[1].path) of \(first[0].path)")
    }

    private func standingManifest(in folder: PlanFolder) throws -> BatchManifest? {
        guard PlanFolder.isPlan(folder.path) else { return nil }
        let standing = try BatchConfiguration(of: folder)
        guard try standing.digest() == digest else {
            let (wanted, found) = try configuration.difference(from: standing)
            throw SmoothnessError(
                .cannotCreate, "is a plan of another configuration", file: folder.path, object: "configuration.json",
                expected: wanted, found: found,
                remedy: "Name another folder, or replace the plan with --force.")
        }
        return try BatchManifest(asFoundIn: folder)
    }

    /// - Returns: `nil` for what nobody means to measure.
    private func entry(
        path: String, name: String, known: BatchManifest.Entry?, _ costs: inout CostPrediction
    ) throws -> BatchManifest.Entry? {
        do {
            if let fault = BatchManifest.Entry.fault(ofName: name) {
                throw SmoothnessError(
                    .data, "has a name that results cannot have", file: path, expected: fault, found: name,
                    remedy: "Rename it.")
            }
            try RunScan.requireReadable(path)
            let reader = try RunFileReader(path)
            let snapshots = try reader.snapshots()
            guard !snapshots.isEmpty else {
                throw SmoothnessError(
                    .data, "holds no step", file: path, object: "/trajectory",
                    expected: "an iterate and its next iterate", found: "no committed row",
                    remedy: "Train for at least one iteration, and save at least one.")
            }
            return try entry(path: path, name: name, reader, snapshots, known: known, &costs)
        } catch {
            guard !RunScan.isOther(path) else { return nil }
            return BatchManifest.Entry(path: path, name: name, reason: BatchFailure.brief("\(error)"))
        }
    }

    private func entry(
        path: String, name: String, _ reader: borrowing RunFileReader, _ snapshots: [SnapshotRecord],
        known: BatchManifest.Entry?, _ costs: inout CostPrediction
    ) throws -> BatchManifest.Entry {
        let header = reader.header
        var entry = BatchManifest.Entry(
            path: path, name: name, runID: header.runID, digest: header.digest(of: snapshots), rows: snapshots.count)
        var cuts = [0]
        if let known, known.rows > 0, known.runID == header.runID, known.rows <= snapshots.count, !needsAll,
            header.digest(of: Array(snapshots.prefix(known.rows))) == known.digest
        {
            cuts = known.cuts
            (entry.secondsPerRow, entry.peakBytes) = (known.secondsPerRow, known.peakBytes)
        } else {
            let cost = try costs.cost(of: path, header, rows: snapshots.count)
            (entry.secondsPerRow, entry.peakBytes) = (cost.secondsPerRow, cost.peakBytes)
        }
        let step = rowsPerUnit(entry)
        while let last = cuts.last, last < snapshots.count { cuts.append(min(snapshots.count, last + step)) }
        entry.cuts = cuts
        let planned = reader.plan.snapshotCount
        entry.names = zip(cuts, cuts.dropFirst()).map { first, end in
            BatchUnit.name(
                of: first..<end, snapshots: snapshots, header: header, plannedRows: planned, configuration: digest,
                needsAll: needsAll)
        }.joined()
        return entry
    }

    /// As many rows as take about the time that is asked for, in pieces of one size; but at least four, because the first row of a unit takes
    /// a gradient more than the others.
    private func rowsPerUnit(_ entry: BatchManifest.Entry) -> Int {
        if let rows = configuration.sizing.rows { return rows }
        guard entry.secondsPerRow > 0 else { return max(1, entry.rows) }
        let most = max(4, Int(min(1e9, configuration.sizing.seconds / entry.secondsPerRow)))
        let pieces = (entry.rows + most - 1) / most
        return max(1, (entry.rows + pieces - 1) / pieces)
    }

    /// The name that a unit's rows have now, to be held against that of the plan.
    func name(of unit: BatchUnit, in path: String) throws -> String {
        let reader = try RunFileReader(path)
        let snapshots = try reader.snapshots()
        guard snapshots.count >= unit.rows.upperBound else { return "" }
        return BatchUnit.name(
            of: unit.rows, snapshots: snapshots, header: reader.header, plannedRows: reader.plan.snapshotCount,
            configuration: digest, needsAll: needsAll)
    }
}
