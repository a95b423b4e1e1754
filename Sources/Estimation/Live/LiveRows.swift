import Essentials
import HDF5
import RunFiles

/// `/live`: what an estimates file says besides that was begun before its run was at its end. docs/estimates-file.md, section 7.
public struct LiveRows: Sendable, Hashable {
    public enum Maker: String, Sendable, Hashable {
        /// `estimate --follow`: the rows are those of the run.
        case follow
        /// `train --estimate`: the rows are of its own choice and need not be saved.
        case train
    }

    public var maker: Maker
    /// The iteration of every row that there is room for.
    public var iterations: [Int]
    /// `RunFileReader.digest(iterations:)` over those that are committed; means something only where the state is complete.
    public var digest: String = Self.noDigest

    static let noDigest = String(repeating: "0", count: 64)
}

extension LiveRows {
    static let group = "/live"
    static let iteration = "/live/iteration"
    static let digest = "/live/digest"
    /// The attribute that names the maker.
    static let maker = "maker"

    /// `nil` where the file was begun at the end of its run.
    init?(of file: borrowing HDF5.File) throws {
        guard try file.exists(Self.group) else { return nil }
        let name = try file.attribute(Self.maker, of: Self.group, as: String.self)
        guard let maker = Maker(rawValue: name) else {
            throw SmoothnessError(
                .data, "was made by something unknown", file: file.path, object: "\(Self.group)@\(Self.maker)",
                expected: "follow or train", found: name)
        }
        self.maker = maker
        iterations = try file.dataset(Self.iteration).read(as: Int64.self).map { Int($0) }
        digest = try file.dataset(Self.digest).read(as: UInt8.self).hexadecimal
    }

    func write(to file: borrowing HDF5.File) throws {
        try file.createGroup(Self.group).close()
        try file.setAttribute(Self.maker, of: Self.group, to: maker.rawValue)
        try AnalysisFile.writeValues(
            iterations.map { Int64($0) }, to: file, Self.iteration, "planned iterations",
            "the iteration of every row that there is room for, increasing")
        try AnalysisFile.writeValues(
            [UInt8](repeating: 0, count: 32), to: file, Self.digest, "digest of the rows",
            "SHA-256 as run_digest, over the iterations of the committed rows; means something only where the state is complete"
        )
    }

    /// Stores the digest; what is flushed after it may call the file complete.
    static func store(digest: String, in file: borrowing HDF5.File) throws {
        try file.dataset(Self.digest).write(all: Array(hexadecimal: digest) ?? [])
        try file.flush()
    }
}
