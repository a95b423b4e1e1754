import Essentials
import Estimation
import Fitting
import Foundation
import Reporting

/// What is done with every run of a batch; frozen in `configuration.json`.
public struct BatchConfiguration: Sendable, Codable, Equatable {
    /// How units are cut.
    public struct Sizing: Sendable, Codable, Equatable {
        /// About how long a unit is to take.
        public var seconds: Double
        /// How many rows a unit has, whatever they take.
        public var rows: Int?

        public init(seconds: Double = 300, rows: Int? = nil) {
            self.seconds = seconds
            self.rows = rows
        }
    }

    public var format = "smoothness-batch"
    public var version = 1
    /// Files and folders that were searched, absolute.
    public var paths: [String]
    /// Which files below a folder are meant.
    public var pattern: String
    public var estimation: EstimationConfiguration
    public var fit: FitOptions
    /// Where the data of the objectives is now, if it has moved.
    public var data: String?
    public var sizing: Sizing
    /// What `manifest.jsonl` is; while a plan is renewed, what it was as well.
    var manifests: [ManifestSeal]?

    public init(
        paths: [String], pattern: String = BatchConfiguration.standardPattern, estimation: EstimationConfiguration,
        fit: FitOptions = FitOptions(), data: String? = nil, sizing: Sizing = Sizing()
    ) {
        self.paths = paths.map { URL(filePath: $0).standardizedFileURL.path }
        self.pattern = pattern
        self.estimation = estimation
        self.fit = fit
        self.data = data
        self.sizing = sizing
    }

    public static let standardPattern = "**/*.h5"

    /// Of what every number of an estimate follows from, besides the run.
    public func digest() throws -> String { Digest(of: Array(try estimation.json().utf8)).sha256 }

    /// What is measured otherwise than by another configuration, here and there, as JSON.
    func difference(from other: BatchConfiguration) throws -> (own: String, other: String) {
        func parts(_ json: String) throws -> [String: String] {
            let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] ?? [:]
            return try object.mapValues {
                String(
                    decoding: try JSONSerialization.data(
                        withJSONObject: $0, options: [.sortedKeys, .withoutEscapingSlashes, .fragmentsAllowed]),
                    as: UTF8.self)
            }
        }
        let (own, others) = (try parts(estimation.json()), try parts(other.estimation.json()))
        let keys = Set(own.keys).union(others.keys).filter { own[$0] != others[$0] }.sorted()
        func text(_ parts: [String: String]) -> String {
            keys.map { "\($0) \(parts[$0] ?? "absent")" }.joined(separator: ", ")
        }
        return (text(own), text(others))
    }

    public func save(in folder: PlanFolder) throws {
        try writeAtomically(jsonDocument(self), to: folder.configuration)
    }

    /// - Throws: `SmoothnessError`: `.noInput` where there is none, `.data`.
    public init(of folder: PlanFolder) throws {
        try folder.require()
        let data = try BoundedFile(folder.configuration).contents(upTo: JSONLines.limit)
        self = try decodingJSON(data, what: "the configuration of the batch", file: folder.configuration)
        guard format == "smoothness-batch", version == 1 else {
            throw SmoothnessError(
                .data, "is of another format", file: folder.configuration, expected: "smoothness-batch 1",
                found: "\(format) \(version)")
        }
        try amendingErrors({ ($0.kind, $0.file) = (.data, folder.configuration) }, of: requireSense)
    }

    /// - Throws: `SmoothnessError(.usage)` for what no plan has.
    private func requireSense() throws {
        func require(_ isTrue: Bool, _ object: String, _ expected: String, _ found: String) throws {
            guard !isTrue else { return }
            throw SmoothnessError(.usage, "is out of range", object: object, expected: expected, found: found)
        }
        try estimation.validate()
        try require(
            sizing.seconds > 0 && sizing.seconds.isFinite, "sizing: seconds", "above 0", "\(sizing.seconds)")
        try require((sizing.rows ?? 1) >= 1, "sizing: rows", "1 or more", "\(sizing.rows ?? 1)")
        try require(
            (0...1_000_000).contains(fit.replicates), "fit: replicates", "0 to 1,000,000", "\(fit.replicates)")
        try require(
            fit.confidence > 0 && fit.confidence < 1, "fit: confidence", "between 0 and 1", "\(fit.confidence)")
        let paths = paths + [data].compactMap(\.self)
        for path in paths {
            try require(
                path.hasPrefix("/") && !path.unicodeScalars.contains("\0"), "paths", "absolute paths", path)
        }
    }
}
