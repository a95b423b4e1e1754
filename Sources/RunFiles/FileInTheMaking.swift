import Essentials
import Foundation

/// The name of a file while it is made: beside the final one, with the process in it, so that what a killed process left can
/// be told from what a living one is at.
package enum FileInTheMaking {
    private static let mark = ".creating-"

    /// A name that no other call gives, in this process or in one with the same number.
    package static func name(for path: String) -> String {
        "\(path)\(mark)\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0...(.max)))"
    }

    /// Refuses a place where a file cannot be put, or would take away a device or a pipe from everybody.
    /// - Throws: `SmoothnessError(.cannotCreate)`
    package static func requireOrdinaryPlace(_ path: String) throws {
        switch PlaceKind(path) {
        case .free, .file: return
        case .folder: throw SmoothnessError(.cannotCreate, "is a folder", file: path, remedy: "Name a file")
        case .special:
            throw SmoothnessError(
                .cannotCreate, "is a pipe or a device, which a file would replace", file: path, remedy: "Name a file")
        }
    }

    /// Removes what processes left that were killed while they made this very file: the process is gone and the file
    /// older than any creation takes, so that a process of another machine is not disturbed.
    package static func removeLeftovers(of path: String) {
        let place = URL(filePath: path)
        let folder = place.deletingLastPathComponent()
        let prefix = place.lastPathComponent + mark
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names where name.hasPrefix(prefix) {
            let leftover = folder.appending(path: name).path
            let changed = try? FileManager.default.attributesOfItem(atPath: leftover)[.modificationDate] as? Date
            guard let process = name.dropFirst(prefix.count).split(separator: "-").first.flatMap({ pid_t($0) }),
                kill(process, 0) != 0, errno == ESRCH, let changed, changed.timeIntervalSinceNow < -60
            else { continue }
            unlink(leftover)
        }
    }
}
