import Essentials
import Foundation
import HDF5

/// From where and how an analysis was called, as far as no number follows from it: what it takes to give the command again.
public struct AnalysisOrigin: Sendable, Equatable {
    /// The run file, relative to the folder of the analysis file.
    public var runPath: String?
    /// Where the data of the objective had moved to, relative to the same folder; `nil` where nothing was said.
    public var dataPath: String?
    /// Threads for tensor operations.
    public var threads: Int?

    static let attributeNames = ["run_path", "data_path", "threads"]

    init(output: String, run: String, data: String?, threads: Int?) {
        runPath = Self.path(to: run, from: output)
        dataPath = data.map { Self.path(to: $0, from: output) }
        self.threads = threads
    }

    init(of file: borrowing HDF5.File) throws {
        func text(_ name: String) throws -> String? {
            try file.hasAttribute(name) ? try file.attribute(name, as: String.self) : nil
        }
        runPath = try text("run_path")
        dataPath = try text("data_path")
        threads = try text("threads").flatMap { Int($0) }
    }

    func write(to file: borrowing HDF5.File) throws {
        for (name, value) in attributes { try file.setAttribute(name, to: value) }
    }

    private var attributes: [(name: String, value: String)] {
        [("run_path", runPath), ("data_path", dataPath), ("threads", threads.map { "\($0)" })]
            .compactMap { name, value in value.map { (name, $0) } }
    }

    /// The way from the folder of one file to another; both folders with their links resolved, as `..` means them.
    static func path(to target: String, from file: String) -> String {
        let folder = resolvedFolder(of: file)
        let goal = resolvedFolder(of: target) + [URL(filePath: target).standardizedFileURL.lastPathComponent]
        let shared = zip(folder, goal.dropLast()).prefix { $0 == $1 }.count
        return (folder.dropFirst(shared).map { _ in ".." } + goal.dropFirst(shared)).joined(separator: "/")
    }

    private static func resolvedFolder(of path: String) -> [String] {
        URL(filePath: path).standardizedFileURL.deletingLastPathComponent().resolvingSymlinksInPath().pathComponents
    }
}

extension AnalysisOrigin {
    /// What `--data` and `--threads` have to say again.
    /// - Parameter file: the analysis file.
    public func arguments(besideFile file: String) -> [String] {
        (dataPath.map { ["--data", Escaping.argument(path: Self.resolved($0, beside: file))] } ?? [])
            + (threads.map { ["--threads", "\($0)"] } ?? [])
    }

    /// Where the run is: where it was, or beside the analysis file where there is nothing any more.
    public func runPath(named name: String, besideFile file: String) -> String {
        let beside = Self.resolved(name, beside: file)
        guard let runPath, runPath != name else { return beside }
        let original = Self.resolved(runPath, beside: file)
        let isMoved =
            !FileManager.default.fileExists(atPath: original) && FileManager.default.fileExists(atPath: beside)
        return isMoved ? beside : original
    }

    /// A path relative to the folder of a file as the working folder sees it: relative below it, absolute elsewhere.
    static func resolved(_ path: String, beside file: String) -> String {
        guard path.utf8.contains(UInt8(ascii: "/")) else {
            let folder = URL(filePath: file).deletingLastPathComponent().relativePath
            return folder == "." ? path : folder + "/" + path
        }
        let absolute = resolvedFolder(of: file).dropFirst() + path.split(separator: "/").map(String.init)
        var parts: [String] = []
        for part in absolute {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        let here = resolvedFolder(of: "here").dropFirst()
        return parts.starts(with: here)
            ? parts.dropFirst(here.count).joined(separator: "/") : "/" + parts.joined(separator: "/")
    }
}
