import Essentials
import Estimation
import Foundation
import HDF5
import RunFiles

/// What a user's file is, by its content and not by its name.
enum FileKind {
    case run, estimates
    /// Text, as a CSV of points; anything that is not HDF5.
    case other

    /// - Throws: `SmoothnessError(.noInput)` for a missing file, `.data` for HDF5 that is not ours.
    init(of path: String) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else {
            throw SmoothnessError(.noInput, isFolder.boolValue ? "is a folder" : "there is no such file", file: path)
        }
        guard try File.isHDF5(path) else {
            self = .other
            return
        }
        let format = try? File.open(path).attribute("format", as: String.self)
        switch format {
        case RunFormat.name: self = .run
        case EstimatesSchema.format: self = .estimates
        default:
            throw SmoothnessError(
                .data, "is HDF5 but not one of our files", file: path, object: "/@format",
                expected: "\"\(RunFormat.name)\" or \"\(EstimatesSchema.format)\"",
                found: format.map { "\"\($0)\"" } ?? "no readable attribute",
                remedy: "If it is truncated, copy it again from where it was written")
        }
    }
}
