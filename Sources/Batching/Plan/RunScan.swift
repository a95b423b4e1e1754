import Essentials
import Estimation
import Foundation
import HDF5

/// The files of a search for runs.
enum RunScan {
    /// Files stand for themselves, a folder for those below it that match. Estimates, alignments and what lies in a plan are left out.
    /// - Returns: absolute paths with the names that tell them apart, in the order of the paths.
    /// - Throws: `SmoothnessError(.noInput)` where a path does not exist.
    static func files(_ paths: [String], pattern: String) throws -> [(path: String, name: String)] {
        var found: [String: String] = [:]
        let glob = PathPattern(pattern)
        for path in paths {
            let root = URL(filePath: path).standardizedFileURL.path
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: root, isDirectory: &isFolder) else {
                throw SmoothnessError(.noInput, "there is no such file or folder", file: root)
            }
            guard isFolder.boolValue else {
                found[root] = URL(filePath: root).lastPathComponent
                continue
            }
            for name in below(root, depth: glob.greatestDepth) where glob.matches(name) {
                found[root + "/" + name] = name
            }
        }
        return distinct(found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    /// Everything below a folder that is no folder, by its path from there; plans are passed over.
    private static func below(_ root: String, depth: Int, prefix: String = "") -> [String] {
        guard depth > 0, let names = try? FileManager.default.contentsOfDirectory(atPath: root) else { return [] }
        var found: [String] = []
        for name in names.sorted() where !name.hasPrefix(".") {
            let path = root + "/" + name
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                found.append(prefix + name)
                continue
            }
            // A folder with the name of a run is a mistake that is to be told.
            if name.hasSuffix(".h5") { found.append(prefix + name) }
            guard !PlanFolder.isPlan(path) else { continue }
            found += below(path, depth: depth - 1, prefix: prefix + name + "/")
        }
        return found
    }

    /// The name of the estimates of a run, beside or below its own.
    static func estimatesName(of name: String) -> String {
        String(EstimationJob.defaultOutput(forRun: "/" + name).dropFirst())
    }

    /// Names whose estimates would have the same name, as those from several roots, become the whole path, and where that does not help the
    /// ending is doubled.
    private static func distinct(_ files: [(path: String, name: String)]) -> [(path: String, name: String)] {
        func isAlone(_ files: [(path: String, name: String)]) -> (String) -> Bool {
            let counts = Dictionary(files.map { (estimatesName(of: $0.name), 1) }, uniquingKeysWith: +)
            return { counts[estimatesName(of: $0)] == 1 }
        }
        let isAloneBelow = isAlone(files)
        let longer = files.map { file in
            isAloneBelow(file.name) ? file : (path: file.path, name: String(file.path.dropFirst()))
        }
        let isAloneInAll = isAlone(longer)
        return longer.map { file in
            isAloneInAll(file.name) || !file.name.hasSuffix(".h5")
                ? file : (path: file.path, name: file.name + ".h5")
        }
    }

    /// Refuses what would be waited for without end, as a pipe.
    static func requireReadable(_ path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0, ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) else { return }
        throw SmoothnessError(.data, "is a pipe or a device, not a run file", file: path)
    }

    /// Whether a file that is no run is another of this program's files, which nobody means to measure.
    static func isOther(_ path: String) -> Bool {
        guard (try? requireReadable(path)) != nil, (try? HDF5.File.isHDF5(path)) == true,
            let file = try? HDF5.File.open(path),
            let format = try? file.attribute("format", as: String.self)
        else { return false }
        return format.hasPrefix("smoothness-") && format != "smoothness-run"
    }
}

/// A pattern of the shell over a path: `*`, `?` and `[…]` within a name, `**` for any number of folders.
public struct PathPattern: Sendable {
    private let parts: [String]

    public init(_ pattern: String) { parts = pattern.split(separator: "/").map(String.init) }

    /// How many folders deep a path that matches may lie.
    var greatestDepth: Int { parts.contains("**") ? 64 : max(1, parts.count) }

    public func matches(_ path: String) -> Bool {
        Self.matches(parts[...], path.split(separator: "/").map(String.init)[...])
    }

    private static func matches(_ parts: ArraySlice<String>, _ names: ArraySlice<String>) -> Bool {
        guard let part = parts.first else { return names.isEmpty }
        if part == "**" {
            return matches(parts.dropFirst(), names)
                || (!names.isEmpty && matches(parts, names.dropFirst()))
        }
        guard let name = names.first, fnmatch(part, name, 0) == 0 else { return false }
        return matches(parts.dropFirst(), names.dropFirst())
    }
}
