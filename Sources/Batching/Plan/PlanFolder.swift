import Essentials
import Foundation
import Reporting

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

    /// Whether a folder is one.
    public static func isPlan(_ path: String) -> Bool {
        ["/configuration.json", "/manifest.jsonl"].allSatisfy { FileManager.default.fileExists(atPath: path + $0) }
    }

    /// Makes what is not there yet.
    /// - Throws: `SmoothnessError(.cannotCreate)`
    public func create() throws {
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
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func write<Value: Encodable>(_ values: [Value], to path: String) throws {
        try writeAtomically(try values.map { try line($0) + "\n" }.joined(), to: path)
    }

    /// - Throws: `SmoothnessError(.noInput)`, `.data` with the number of the line.
    static func read<Value: Decodable>(_ path: String, as _: Value.Type = Value.self) throws -> [Value] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SmoothnessError(.noInput, "cannot be read", file: path)
        }
        let decoder = JSONDecoder()
        return try Array(data).split(separator: UInt8(ascii: "\n")).enumerated().map { number, line in
            do {
                return try decoder.decode(Value.self, from: Data(line))
            } catch {
                throw SmoothnessError(
                    .data, "cannot be read", file: path, object: "line \(number + 1)", found: "\(error)",
                    remedy: "Make the plan again: smoothness batch plan.")
            }
        }
    }
}
