import Essentials
import Foundation
import Interprocess
import Reporting
import RunFiles

/// Where everything of a plan lies. docs/cluster.md, "What is in a plan".
public struct PlanFolder: Sendable, Hashable {
    /// Absolute, without the trailing slash.
    public let path: String

    public init(_ path: String) { self.path = Self.absolute(path) }

    private static func absolute(_ path: String) -> String {
        let full = URL(filePath: path).standardizedFileURL.path
        return full.count > 1 && full.hasSuffix("/") ? String(full.dropLast()) : full
    }

    public var configuration: String { path + "/configuration.json" }
    public var manifest: String { path + "/manifest.jsonl" }
    public var failures: String { path + "/failures.jsonl" }
    public var submissions: String { path + "/submissions.jsonl" }
    public var jobScript: String { path + "/job.sh" }
    public var mergeScript: String { path + "/merge.sh" }
    public var units: String { path + "/units" }
    public var logs: String { path + "/logs" }
    public var workers: String { path + "/workers" }
    public var results: String { path + "/results" }
    /// Its time of change says when the batch was last called off.
    public var cancellation: String { path + "/cancelled" }

    /// Units are spread over 256 folders by the first two digits of their names, so that no folder has very many entries.
    public static func shelf(of unit: String) -> String { String(unit.prefix(2)) }
    public static let shelves = (0..<256).map { String(format: "%02x", $0) }

    public func log(of unit: String) -> String { "\(logs)/\(Self.shelf(of: unit))/\(unit).log" }

    // MARK: - Nothing leads out of it

    /// Refuses a plan whose folders are links, which would let results, logs or what is removed be somewhere else.
    /// - Throws: `SmoothnessError(.data)`
    func requireOwnFolders() throws {
        for folder in [units, logs, workers, results] { try Self.requireOwnFolder(folder) }
    }

    /// The same of the folders that a unit's files lie in.
    func requireOwnShelf(of unit: String) throws {
        for folder in [units, logs] { try Self.requireOwnFolder("\(folder)/\(Self.shelf(of: unit))") }
    }

    /// - Throws: `SmoothnessError(.data)` where there is something else than a folder.
    static func requireOwnFolder(_ path: String) throws {
        guard FileInTheMaking.isTaken(path), !isOwnFolder(path) else { return }
        throw SmoothnessError(
            .data, "leads out of the plan, or is no folder", file: path, expected: "a folder in the plan itself",
            remedy: "Remove it, or make the plan again in another place.")
    }

    static func isOwnFolder(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether a folder is one.
    public static func isPlan(_ path: String) -> Bool {
        ["/configuration.json", "/manifest.jsonl"].allSatisfy { FileManager.default.fileExists(atPath: path + $0) }
    }

    /// Makes what is not there yet.
    /// - Throws: `SmoothnessError(.cannotCreate)`
    public func create() throws {
        try requireOwnFolders()
        // The last one that is made.
        guard !FileManager.default.fileExists(atPath: results) else { return }
        do {
            for folder in [units, logs] {
                for shelf in Self.shelves {
                    try FileManager.default.createDirectory(
                        atPath: "\(folder)/\(shelf)", withIntermediateDirectories: true)
                }
            }
            for folder in [workers, results] {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            }
        } catch {
            throw SmoothnessError(.cannotCreate, "cannot be created: \(error.localizedDescription)", file: path)
        }
    }

    /// Changes places with another folder, in one step where the file system knows how.
    /// - Throws: `SmoothnessError(.cannotCreate)`
    func takePlace(of other: PlanFolder) throws {
        if exchangeNames(path, other.path) { return }
        let aside = FileInTheMaking.name(for: other.path)
        guard rename(other.path, aside) == 0, rename(path, other.path) == 0 else {
            let reason = String(cString: strerror(errno))
            // Where it was the second that failed.
            rename(aside, other.path)
            throw SmoothnessError(.cannotCreate, "cannot be replaced: \(reason)", file: other.path)
        }
        rename(aside, path)
    }

    /// - Throws: `SmoothnessError(.noInput)` where there is no plan.
    public func require() throws {
        guard !Self.isPlan(path) else { return }
        throw SmoothnessError(
            .noInput, "is no plan of a batch", file: path, expected: "configuration.json and manifest.jsonl in it",
            remedy: "Make one: smoothness batch plan RUNS -o \(Escaping.shell(path))")
    }
}

/// What moves lines of JSON into files and back.
enum JSONLines {
    static func line<Value: Encodable>(_ value: Value) throws -> String {
        try jsonLine(value)
    }

    static func text<Value: Encodable>(_ values: [Value]) throws -> String {
        try values.map { try line($0) + "\n" }.joined()
    }

    static func write<Value: Encodable>(_ values: [Value], to path: String) throws {
        try writeAtomically(try text(values), to: path)
    }

    /// - Throws: `SmoothnessError(.noInput)`, `.data` with the number of the line.
    /// - Parameter check: says what is wrong with a value, and what belongs there; `nil` where nothing is.
    static func read<Value: Decodable>(
        _ path: String, as _: Value.Type = Value.self, check: (Value) -> Flaw? = { _ in nil }
    ) throws -> [Value] {
        try values(try BoundedFile(path).contents(upTo: limit), of: path, check: check)
    }

    /// The values of the lines of a file that was read.
    static func values<Value: Decodable>(
        _ data: Data, of path: String, as _: Value.Type = Value.self, check: (Value) -> Flaw? = { _ in nil }
    ) throws -> [Value] {
        let decoder = JSONDecoder()
        let lines = Array(data).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return try lines.enumerated().filter { !$1.isEmpty }.map { number, line in
            func damage(_ message: String, expected: String? = nil, found: String) -> SmoothnessError {
                SmoothnessError(
                    .data, message, file: path, object: "line \(number + 1)", expected: expected, found: found,
                    remedy: "Make the plan again: smoothness batch plan.")
            }
            let value: Value
            do {
                value = try decoder.decode(Value.self, from: Data(line))
            } catch let error as DecodingError {
                let known = SmoothnessError(decoding: error, what: "the line")
                throw damage(known.message, expected: known.expected, found: known.found ?? "something else")
            }
            if let flaw = check(value) {
                throw damage("\(flaw.member) is wrong", expected: flaw.expected, found: flaw.found)
            }
            return value
        }
    }

    /// What is wrong with a value that was read.
    struct Flaw {
        var member: String
        var expected: String
        var found: String
    }

    /// No plan is longer, in bytes.
    static let limit = 256 << 20
}
