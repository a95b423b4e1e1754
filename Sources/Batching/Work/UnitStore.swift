import Essentials
import Estimation
import Foundation
import Reporting

/// What there is of units on disk. Every file is written beside its place and renamed, and never changed: whoever reads sees a whole one.
public struct UnitStore: Sendable {
    private static let rowsEnding = ".rows"
    private static let failureEnding = ".failed"
    private static let partEnding = ".part"
    static let claimEnding = ".claim"

    let folder: PlanFolder

    public init(_ folder: PlanFolder) { self.folder = folder }

    private func place(_ unit: String) -> String { "\(folder.units)/\(PlanFolder.shelf(of: unit))/\(unit)" }

    // MARK: - What is done

    public func isPublished(_ unit: BatchUnit) -> Bool {
        FileManager.default.fileExists(atPath: place(unit.name) + Self.rowsEnding)
    }

    /// The rows of a finished unit.
    /// - Returns: `nil` where there are none, or not these: a file that does not verify is garbage and is removed.
    public func published(_ unit: BatchUnit) -> EstimatedRows? {
        read(place(unit.name) + Self.rowsEnding, unit) { $0.nextRow == unit.rows.upperBound }
    }

    func publish(_ rows: EstimatedRows, of unit: BatchUnit) throws {
        try writeAtomically(try rows.data(), to: place(unit.name) + Self.rowsEnding, isDurable: false)
        unlink(place(unit.name) + Self.failureEnding)
        removeParts(of: unit)
    }

    // MARK: - What is begun

    /// Keeps the rows of a unit that are done so far.
    func keep(_ rows: EstimatedRows, of unit: BatchUnit) throws {
        try writeAtomically(
            try rows.data(), to: "\(place(unit.name)).\(rows.estimates.count)\(Self.partEnding)", isDurable: false)
    }

    /// The most rows that an earlier worker has left of a unit.
    func kept(of unit: BatchUnit) -> EstimatedRows? {
        parts(of: unit).sorted { $0.count > $1.count }.lazy.compactMap { part in
            read(part.path, unit) { $0.nextRow == unit.rows.lowerBound + part.count }
        }.first
    }

    private func removeParts(of unit: BatchUnit) { for part in parts(of: unit) { unlink(part.path) } }

    private func parts(of unit: BatchUnit) -> [(path: String, count: Int)] {
        // One look at the shelf instead of guesses at names.
        let shelf = "\(folder.units)/\(PlanFolder.shelf(of: unit.name))"
        return FolderListing.names(in: shelf).compactMap { name in
            guard name.hasPrefix(unit.name + "."), name.hasSuffix(Self.partEnding),
                let count = Int(name.dropFirst(unit.name.count + 1).dropLast(Self.partEnding.count))
            else { return nil }
            return (shelf + "/" + name, count)
        }
    }

    private func read(_ path: String, _ unit: BatchUnit, isRight: (EstimatedRows) -> Bool) -> EstimatedRows? {
        guard FileInTheMaking.isTaken(path) else { return nil }
        if let rows = try? EstimatedRows(path: path, identity: unit.name, of: unit.rows), isRight(rows) { return rows }
        unlink(path)
        return nil
    }

    // MARK: - What failed

    /// Why a unit cannot be measured.
    struct Failure: Codable, Equatable {
        var unit: String
        var path: String
        var reason: String
        var time: String
        var host: String
    }

    func fail(_ unit: BatchUnit, path: String, reason: String) throws {
        let failure = Failure(
            unit: unit.name, path: path, reason: BatchFailure.brief(reason), time: Date.now.ISO8601Format(),
            host: Host.name)
        try writeAtomically(
            Data((try JSONLines.line(failure) + "\n").utf8), to: place(unit.name) + Self.failureEnding, isDurable: false
        )
    }

    func failure(of unit: BatchUnit) -> Failure? {
        let path = place(unit.name) + Self.failureEnding
        guard FileInTheMaking.isTaken(path) else { return nil }
        let data = BoundedFile.contents(of: path, upTo: 1 << 20) ?? Data()
        return (try? JSONDecoder().decode(Failure.self, from: data))
            ?? Failure(unit: unit.name, path: "", reason: "failed without a reason", time: "", host: "")
    }

    func forgetFailure(of unit: BatchUnit) -> Bool { unlink(place(unit.name) + Self.failureEnding) == 0 }

    // MARK: - All together

    /// The names of units that are done and of those that failed, from a look at the folders.
    public func survey() -> (done: Set<String>, failed: Set<String>) {
        var (done, failed) = (Set<String>(), Set<String>())
        for shelf in PlanFolder.shelves {
            for name in FolderListing.names(in: "\(folder.units)/\(shelf)") {
                if name.hasSuffix(Self.rowsEnding) {
                    done.insert(String(name.dropLast(Self.rowsEnding.count)))
                } else if name.hasSuffix(Self.failureEnding) {
                    failed.insert(String(name.dropLast(Self.failureEnding.count)))
                }
            }
        }
        return (done, failed.subtracting(done))
    }

    /// How long units took, from some of those that are done.
    func sampleSeconds(_ units: [BatchUnit]) -> [(unit: BatchUnit, seconds: Double)] {
        units.compactMap { unit in
            guard let start = try? BoundedFile(place(unit.name) + Self.rowsEnding).head(1 << 20),
                let header = EstimatedRows.header(ofFirstBytes: start), header.seconds > 0
            else { return nil }
            return (unit, header.seconds)
        }
    }

    /// Removes what killed processes have left: files in the making, parts of units that are done, claims to them, and signs of workers.
    public func collectGarbage() {
        WorkerPresence.removeLeftovers(in: folder)
        for shelf in PlanFolder.shelves {
            let path = "\(folder.units)/\(shelf)"
            guard PlanFolder.isOwnFolder(path) else { continue }
            let names = FolderListing.names(in: path)
            let done = Set(names.filter { $0.hasSuffix(Self.rowsEnding) }.map { $0.dropLast(Self.rowsEnding.count) })
            for name in names where name.hasSuffix(Self.partEnding) || name.hasSuffix(Self.claimEnding) {
                if done.contains(name.prefix(BatchUnit.nameLength)) { unlink("\(path)/\(name)") }
            }
            if names.contains(where: FileInTheMaking.isOne) { FileInTheMaking.removeLeftovers(in: path) }
        }
    }
}

/// The names in a folder, straight from the directory: a plan has very many of them.
enum FolderListing {
    static func names(in path: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }
}

/// This machine.
enum Host {
    static let name = ProcessInfo.processInfo.hostName
}
