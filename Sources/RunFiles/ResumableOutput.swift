import Essentials
import Foundation

/// Where a file is made that takes long and that a later call continues: at its place, where anybody can follow it, unless something stands
/// there that is to be replaced. That stays until the new file is whole: the work lies beside it until then, as `NAME.unfinished`, where the
/// same command goes on.
public struct ResumableOutput: Sendable, Hashable {
    public static let ending = FileInTheMaking.unfinished

    /// The place of the finished file.
    public let path: String
    /// The place of the work.
    public let place: String

    public var isBeside: Bool { place != path }

    /// - Parameter isForced: whether what stands at the place is to be replaced.
    public init(_ path: String, isForced: Bool) {
        let (isTaken, isBegun) = (FileInTheMaking.isTaken(path), FileInTheMaking.isTaken(path + Self.ending))
        self.init(path, isBeside: isForced ? isTaken || isBegun : !isTaken && isBegun)
    }

    public init(_ path: String, isBeside: Bool) {
        self.path = path
        place = isBeside ? path + Self.ending : path
    }

    /// The place of the finished file for the place of the work.
    public static func finalPath(of place: String) -> String {
        place.hasSuffix(ending) ? String(place.dropLast(ending.count)) : place
    }

    /// Refuses places where no file can be put, and those of files that another process is writing.
    /// - Throws: `SmoothnessError(.cannotCreate)`
    public func requirePlaces() throws {
        for path in Set([path, place]) { try FileInTheMaking.requireOrdinaryPlace(path) }
        if isBeside { try StagedFile.refuseLiveFile(path) }
    }

    /// Gives the finished work its place.
    /// - Throws: `SmoothnessError(.cannotCreate)`; the work stays then.
    public func publish() throws {
        guard isBeside else { return }
        try requirePlaces()
        FileInTheMaking.removeLeftovers(of: path)
        try FileInTheMaking.publish(place, as: path, isReplacing: true)
    }
}
