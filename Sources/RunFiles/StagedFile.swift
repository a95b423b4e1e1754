import Essentials
import Foundation

/// A file that is made in many small steps, and then put in its place whole. What stood there stays until then.
package enum StagedFile {
    /// Lets `write` make a file, and renames it to `output`.
    ///
    /// It is made beside its place, or in the folder that `TMPDIR` names where that is on another file system and has room: on a cluster the disk
    /// of a node, to which many small writes cost little. From there it is copied beside its place first.
    /// - Parameters:
    ///   - byteCount: about how large it will be.
    ///   - isReplacing: whether what stands at the place may go.
    ///   - write: makes the file at the path that it is given, where there is none.
    /// - Throws: `SmoothnessError(.inputOutput)`, `.cannotCreate`, and what `write` throws; nothing is left behind.
    package static func make(
        _ output: String, byteCount: Int, isReplacing: Bool = true,
        environment: [String: String] = ProcessInfo.processInfo.environment, write: (String) throws -> Void
    ) throws {
        try requirePlace(output, isReplacing: isReplacing)
        FileInTheMaking.removeLeftovers(of: output)
        let beside = FileInTheMaking.name(for: output)
        defer { unlink(beside) }
        if let folder = scratchFolder(for: output, byteCount: byteCount, environment: environment) {
            let place = "\(folder)/smoothness-\(Digest(of: Array(output.utf8)).sha256.prefix(16))"
            FileInTheMaking.removeLeftovers(of: place)
            let staged = FileInTheMaking.name(for: place)
            defer { unlink(staged) }
            try naming(output, insteadOf: staged) { try write(staged) }
            try copy(staged, to: beside, shownAs: output)
        } else {
            try naming(output, insteadOf: beside) { try write(beside) }
        }
        try FileInTheMaking.publish(beside, as: output, isReplacing: isReplacing)
    }

    private static func requirePlace(_ output: String, isReplacing: Bool) throws {
        try FileInTheMaking.requireOrdinaryPlace(output)
        guard FileInTheMaking.isTaken(output) else { return }
        guard isReplacing else {
            throw SmoothnessError(
                .cannotCreate, "something of this name exists", file: output,
                remedy: "Remove it or choose another name")
        }
        try refuseLiveFile(output)
    }

    /// A file that another process is writing is not taken from under it.
    package static func refuseLiveFile(_ path: String) throws {
        if PlaceKind(path) == .file { _ = try WriterLock(path, shownAs: path) }
    }

    /// Lets errors about the file in the making name the file that it is to be.
    private static func naming(_ output: String, insteadOf staged: String, _ work: () throws -> Void) throws {
        try amendingErrors({ if $0.file == staged { $0.file = output } }, of: work)
    }

    /// - Returns: `nil` where it brings nothing.
    private static func scratchFolder(for output: String, byteCount: Int, environment: [String: String]) -> String? {
        guard let folder = environment["TMPDIR"], folder.hasPrefix("/"), access(folder, W_OK | X_OK) == 0 else {
            return nil
        }
        let parent = URL(filePath: output).deletingLastPathComponent().path
        var (there, here) = (stat(), stat())
        guard stat(folder, &there) == 0, stat(parent, &here) == 0, there.st_dev != here.st_dev,
            let free = try? FileManager.default.attributesOfFileSystem(forPath: folder)[.systemFreeSize] as? NSNumber,
            free.int64Value > 2 * Int64(byteCount)
        else { return nil }
        return folder
    }

    private static func copy(_ path: String, to beside: String, shownAs output: String) throws {
        do {
            try FileManager.default.copyItem(atPath: path, toPath: beside)
            let handle = try FileHandle(forUpdating: URL(filePath: beside))
            try handle.synchronize()
            try handle.close()
        } catch {
            throw SmoothnessError(.inputOutput, "cannot be written: \(error.localizedDescription)", file: output)
        }
    }
}
