import Essentials
import Foundation
import HDF5
import RunFiles

/// A kind of file that analysis writes beside a run file: rows over saved iterates under one commit counter.
struct AnalysisFormat: Sendable {
    /// The root attribute `format`.
    let name: String
    let version: String
    let majorVersion: Int
    /// As `an estimates file`.
    let noun: String
    /// The commit counter.
    let commit: String
    /// Why files of an older major version are not read; `nil` where there is none.
    var reasonAgainstOlder: String?
    var remedyForOlder: String?

    /// Refuses what is written in another major version.
    /// - Throws: `SmoothnessError(.data)`
    func requireVersion(_ found: String, file: String) throws {
        let major = Int(found.prefix { $0 != "." })
        guard major != majorVersion else { return }
        if let major, (1..<majorVersion).contains(major), let reasonAgainstOlder {
            throw SmoothnessError(
                .data, reasonAgainstOlder, file: file, object: "format_version", expected: version, found: found,
                remedy: remedyForOlder)
        }
        throw SmoothnessError(
            .data, "has a newer version of the format", file: file, object: "format_version", expected: version,
            found: found, remedy: "Use a newer smoothness.")
    }
}

/// The root attributes that every analysis file has: which run, written by what, in which state.
public struct AnalysisRoot: Sendable {
    public var formatVersion: String
    /// Of the run that was measured.
    public var runID: String
    /// `RunFileReader.digest(rows:)` of the run over the rows covered.
    public var runDigest: String
    /// The run file's name without its folder.
    public var runFile: String
    /// ISO 8601, UTC.
    public var created: String
    public var software: String
    public var softwareVersion: String
    public var hdf5Version: String
    public var state: RunState
    /// Optional attributes, from which no number follows.
    public var origin: AnalysisOrigin

    /// Of a file that is made now.
    init(_ format: AnalysisFormat, runID: String, runDigest: String, runPath: String, origin: AnalysisOrigin) {
        formatVersion = format.version
        self.runID = runID
        self.runDigest = runDigest
        runFile = URL(filePath: runPath).lastPathComponent
        created = Date.now.ISO8601Format()
        software = Software.name
        softwareVersion = Software.version
        hdf5Version = HDF5.File.libraryVersion
        state = .writing
        self.origin = origin
    }

    /// Of a file that is there.
    /// - Throws: `SmoothnessError(.data)` for another format or another major version.
    init(_ format: AnalysisFormat, of file: borrowing HDF5.File) throws {
        let name = try file.hasAttribute("format") ? try file.attribute("format", as: String.self) : nil
        guard name == format.name else {
            throw SmoothnessError(
                .data, "is HDF5 but not \(format.noun)", file: file.path, object: "format", expected: format.name,
                found: name ?? "none")
        }
        formatVersion = try file.attribute("format_version", as: String.self)
        try format.requireVersion(formatVersion, file: file.path)
        runID = try file.attribute("run_id", as: String.self)
        runDigest = try file.attribute("run_digest", as: String.self)
        runFile = try file.attribute("run_file", as: String.self)
        created = try file.attribute("created", as: String.self)
        software = try file.attribute("software", as: String.self)
        softwareVersion = try file.attribute("software_version", as: String.self)
        hdf5Version = try file.attribute("hdf5_version", as: String.self)
        state = StateAttribute.read(from: file)
        origin = try AnalysisOrigin(of: file)
    }

    /// All but the state, which `StateAttribute` writes.
    func write(_ format: AnalysisFormat, to file: borrowing HDF5.File) throws {
        for (name, value) in [
            ("format", format.name), ("format_version", formatVersion), ("run_id", runID), ("run_digest", runDigest),
            ("run_file", runFile), ("created", created), ("software", software), ("software_version", softwareVersion),
            ("hdf5_version", hdf5Version),
        ] { try file.setAttribute(name, to: value) }
        try origin.write(to: file)
    }

    /// Attributes that are written once, as the digest of a file's definition names them.
    static let definition: [String] =
        (attributeNames.filter { $0 != "state" } + AnalysisOrigin.attributeNames).map { "/@" + $0 }

    static let attributeNames = [
        "format", "format_version", "run_id", "run_digest", "run_file", "created", "software", "software_version",
        "hdf5_version", "state",
    ]
}

/// What stands at the place of an output.
public enum AnalysisDisposition: String, Sendable, Hashable, Codable {
    /// Nothing; a file is made.
    case create
    /// Something that is to be replaced.
    case replace
    /// An unfinished file of the same definition; it is continued.
    case resume
    /// A finished one; nothing is left to do.
    case complete
}
