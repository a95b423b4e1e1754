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

    /// Writes the manifest and the configuration, which tells what the manifest is.
    ///
    /// Whenever this is stopped, the two that are there belong together.
    func save(in folder: PlanFolder, _ configuration: BatchConfiguration) throws {
        let data = Data(try JSONLines.text(entries).utf8)
        var configuration = configuration
        if let standing = try? BatchConfiguration(of: folder).manifests {
            configuration.manifests = [ManifestSeal(of: data)] + standing
            try configuration.save(in: folder)
        }
        try writeAtomically(data, to: folder.manifest)
        configuration.manifests = [ManifestSeal(of: data)]
        try configuration.save(in: folder)
    }

    /// - Throws: `SmoothnessError(.data)` with the line that cannot be one of a plan, and where the plan is another or has another number of lines.
    public init(of folder: PlanFolder) throws {
        try folder.require()
        var data = try BoundedFile(folder.manifest).contents(upTo: JSONLines.limit)
        var seals = try BatchConfiguration(of: folder).manifests
        if seals?.contains(ManifestSeal(of: data)) != true {
            // A plan may have been renewed between the two looks.
            data = try BoundedFile(folder.manifest).contents(upTo: JSONLines.limit)
            seals = try BatchConfiguration(of: folder).manifests
        }
        try self.init(data, of: folder)
        let found = ManifestSeal(of: data)
        guard seals?.contains(found) == true else {
            throw SmoothnessError(
                .data, "is not what was planned", file: folder.manifest,
                expected: seals?.first.map { "\($0)" } ?? "its SHA-256 in \(folder.configuration)",
                found: "\(found)", remedy: "Make the plan again: smoothness batch plan. What is done stays done.")
        }
    }

    /// The manifest as it is, whatever was planned.
    init(asFoundIn folder: PlanFolder) throws {
        try self.init(try BoundedFile(folder.manifest).contents(upTo: JSONLines.limit), of: folder)
    }

    private init(_ data: Data, of folder: PlanFolder) throws {
        try folder.require()
        var places: Set<String> = []
        self.init(
            try JSONLines.values(data, of: folder.manifest) { (entry: Entry) in
                if let flaw = entry.flaw { return flaw }
                guard entry.reason == nil, !places.insert(entry.estimatesName).inserted else { return nil }
                return JSONLines.Flaw(member: "name", expected: "another for every run", found: entry.name)
            })
    }
}

/// What tells one manifest from another.
struct ManifestSeal: Sendable, Codable, Hashable, CustomStringConvertible {
    var lines: Int
    var sha256: String

    init(of data: Data) {
        lines = data.count { $0 == UInt8(ascii: "\n") }
        sha256 = Digest(of: Array(data)).sha256
    }

    var description: String { "\(counted(lines, "line")) of SHA-256 \(sha256.prefix(16))…" }
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
    /// Of its estimates below the results.
    var estimatesName: String { RunScan.estimatesName(of: name) }

    /// What cannot be so in a plan.
    var flaw: JSONLines.Flaw? {
        func flaw(_ member: String, _ expected: String, _ found: String) -> JSONLines.Flaw {
            JSONLines.Flaw(member: member, expected: expected, found: found)
        }
        guard path.hasPrefix("/"), !path.unicodeScalars.contains("\0") else {
            return flaw("path", "an absolute path", path)
        }
        guard reason == nil else {
            return cuts.isEmpty && names.isEmpty ? nil : flaw("units", "none of a file that is no run", names)
        }
        if let fault = Self.fault(ofName: name) { return flaw("name", fault, name) }
        guard (1...Self.mostRows).contains(rows) else { return flaw("rows", "1 to \(Self.mostRows)", "\(rows)") }
        guard cuts.count >= 2, cuts.first == 0, cuts.last == rows, zip(cuts, cuts.dropFirst()).allSatisfy({ $0 < $1 })
        else { return flaw("cuts", "increasing, from 0 to \(rows)", "\(cuts.prefix(8))") }
        let expected = unitCount * BatchUnit.nameLength
        guard names.utf8.count == expected, names.utf8.allSatisfy(Self.isDigit) else {
            return flaw("units", "\(expected) hexadecimal digits", "\(names.utf8.count) characters")
        }
        guard digest.utf8.count == 64, digest.utf8.allSatisfy(Self.isDigit) else {
            return flaw("digest", "64 hexadecimal digits", digest)
        }
        guard (0...Self.mostSeconds).contains(secondsPerRow) else {
            return flaw("seconds_per_row", "0 to \(Self.mostSeconds)", "\(secondsPerRow)")
        }
        return peakBytes >= 0 ? nil : flaw("peak_bytes", "0 or more", "\(peakBytes)")
    }

    /// So that sums over a plan are numbers.
    private static let (mostRows, mostSeconds) = (1 << 40, 1e12)

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// Results lie below the plan by this name: it must not lead out of it, nor be a name of something else there.
    /// - Returns: what belongs there instead; `nil` where the name is right.
    static func fault(ofName name: String) -> String? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            return "no control characters"
        }
        guard parts.allSatisfy({ !["", ".", ".."].contains($0) }) else {
            return "a path inside of the plan, without '.' and '..'"
        }
        guard !parts.contains(where: { FileInTheMaking.isOne(String($0)) || $0.hasSuffix(ResumableOutput.ending) })
        else {
            return "no name of a file that is being made"
        }
        return nil
    }

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
        self.reason = Self.brief(reason)
        self.units = units
        self.log = log
    }

    /// A reason as long as a person reads it: it may hold a text of any length from the file.
    static func brief(_ reason: String) -> String {
        let scalars = reason.unicodeScalars
        guard scalars.count > mostScalars else { return reason }
        return String(String.UnicodeScalarView(scalars.prefix(mostScalars))) + "…"
    }

    private static let mostScalars = 2000
}
