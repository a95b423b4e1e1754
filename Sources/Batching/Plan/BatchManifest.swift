import Essentials
import Foundation
import Reporting
import RunFiles

/// The runs of one batch and the units that they are cut into, frozen when the plan is made: what a later look at the folder finds does not
/// change the batch, and a later plan keeps what is done.
public struct BatchManifest: Sendable, Equatable {
    /// One run as it was found: a line of `manifest.jsonl`.
    public struct Entry: Sendable, Codable, Equatable {
        /// Absolute.
        public var path: String
        /// What tells it from the others, as its path below the folder that was searched.
        public var name: String
        /// Why it is no run that can be measured; the rest is empty then.
        public var reason: String?
        public var runID = ""
        /// `RunFileReader.digest()` over the rows found.
        public var digest = ""
        /// Committed snapshots.
        public var rows = 0
        /// The first row of every unit, and the number of rows at the end.
        public var cuts: [Int] = []
        /// The names of the units, each of `BatchUnit.nameLength` digits, one after the other.
        var names = ""
        /// What a row is expected to take.
        public var secondsPerRow = 0.0
        /// The memory that a worker is expected to need.
        public var peakBytes = 0

        public var unitCount: Int { max(0, cuts.count - 1) }

        enum CodingKeys: String, CodingKey {
            case path, name, reason, digest, rows, cuts
            case names = "units"
            case runID = "run_id"
            case secondsPerRow = "seconds_per_row"
            case peakBytes = "peak_bytes"
        }
    }

    /// In the order of their paths.
    public var entries: [Entry]
    /// All units, those of a run one after the other.
    public let units: [BatchUnit]

    public init(_ entries: [Entry]) {
        self.entries = entries
        units = entries.enumerated().flatMap { index, entry in entry.units(run: index) }
    }

    /// Files that should be runs and are not.
    public var failures: [BatchFailure] {
        entries.compactMap { entry in entry.reason.map { BatchFailure(path: entry.path, reason: $0) } }
    }

    public func entry(of unit: BatchUnit) -> Entry { entries[unit.run] }

    public func save(in folder: PlanFolder) throws { try JSONLines.write(entries, to: folder.manifest) }

    public init(of folder: PlanFolder) throws {
        try folder.require()
        self.init(try JSONLines.read(folder.manifest))
    }
}

/// A range of rows of one run: what a worker takes in one piece.
public struct BatchUnit: Sendable, Hashable {
    /// In the manifest.
    public var run: Int
    public var rows: Range<Int>
    /// Follows from the content of the run's rows and from the configuration: the same unit of another plan has the same name.
    public var name: String
    /// What it is expected to take.
    public var expectedSeconds: Double

    static let nameLength = 32

    /// The name of these rows of a run.
    /// - Parameters:
    ///   - needsAll: whether every row of the run plays a part in every number, so that they all belong to the name.
    static func name(
        of rows: Range<Int>, snapshots: [SnapshotRecord], header: RunHeader, plannedRows: Int, configuration: String,
        needsAll: Bool
    ) -> String {
        // The row before, because a direction may be that of the step before.
        let covered = needsAll ? snapshots[...] : snapshots[max(0, rows.lowerBound - 1)..<rows.upperBound]
        let text =
            "smoothness unit 1\n\(configuration)\n\(header.digest(of: Array(covered)))\n\(header.scalarName)\n"
            + "\(rows.lowerBound) \(rows.upperBound) \(plannedRows)\n"
        return String(Digest(of: Array(text.utf8)).sha256.prefix(nameLength))
    }
}

extension BatchManifest.Entry {
    fileprivate func units(run: Int) -> [BatchUnit] {
        let digits = Array(names.utf8)
        return zip(cuts, cuts.dropFirst()).enumerated().map { index, cut in
            let start = index * BatchUnit.nameLength
            return BatchUnit(
                run: run, rows: cut.0..<cut.1,
                name: String(decoding: digits[start..<(start + BatchUnit.nameLength)], as: UTF8.self),
                expectedSeconds: Double(cut.1 - cut.0) * secondsPerRow)
        }
    }
}

/// A run that could not be measured, and why: a line of `failures.jsonl`.
public struct BatchFailure: Sendable, Codable, Equatable {
    public var path: String
    public var reason: String
    /// How many of its units failed; absent where the file is no run.
    public var units: Int?
    /// The log of the first of them.
    public var log: String?

    public init(path: String, reason: String, units: Int? = nil, log: String? = nil) {
        self.path = path
        self.reason = reason
        self.units = units
        self.log = log
    }
}
