import Essentials
import Estimation
import Foundation
import RunFiles

/// The runs of one batch, frozen when it begins: what a later look at the folder finds does not change the batch.
public struct BatchManifest: Sendable, Codable, Equatable {
    /// One run as it was found.
    public struct Entry: Sendable, Codable, Equatable {
        /// Absolute.
        public var path: String
        public var runID: String
        /// `RunFileReader.digest()` over the rows found.
        public var digest: String
        /// Committed snapshots.
        public var rows: Int

        enum CodingKeys: String, CodingKey {
            case path, digest, rows
            case runID = "run_id"
        }
    }

    /// In the order of their paths.
    public var entries: [Entry]
    /// Files that should be runs and are not.
    public var failures: [BatchFailure]

    /// Looks for run files: a file stands for itself, a folder for every `.h5` below it that is not an estimates file.
    ///
    /// A file that cannot be read as a run becomes a failure with its reason, and the others go on.
    /// - Throws: `SmoothnessError(.noInput)` where nothing is found, or a path does not exist.
    public init(scanning paths: [String]) throws {
        entries = []
        failures = []
        for path in try Self.candidates(paths) {
            do {
                let reader = try RunFileReader(path)
                entries.append(
                    Entry(
                        path: path, runID: reader.header.runID, digest: try reader.digest(), rows: reader.snapshotCount)
                )
            } catch {
                failures.append(BatchFailure(path: path, reason: "\(error)"))
            }
        }
        guard !entries.isEmpty || !failures.isEmpty else {
            throw SmoothnessError(
                .noInput, "holds no run", file: paths.joined(separator: ", "), expected: "at least one .h5 file")
        }
    }

    private static func candidates(_ paths: [String]) throws -> [String] {
        var found: Set<String> = []
        for path in paths {
            let root = URL(filePath: path).standardizedFileURL.path
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: root, isDirectory: &isFolder) else {
                throw SmoothnessError(.noInput, "there is no such file or folder", file: root)
            }
            guard isFolder.boolValue else {
                found.insert(root)
                continue
            }
            let below = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
            for name in below where name.hasSuffix(".h5") && !isEstimates(root + "/" + name) {
                found.insert(root + "/" + name)
            }
        }
        return found.sorted()
    }

    private static func isEstimates(_ path: String) -> Bool { (try? EstimatesFileReader(path)) != nil }
}

/// A run that could not be measured, and why.
public struct BatchFailure: Sendable, Codable, Equatable {
    public var path: String
    public var reason: String
}
