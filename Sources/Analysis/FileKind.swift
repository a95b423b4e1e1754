import Essentials
import Estimation
import Foundation
import HDF5
import RunFiles

/// What a user's file is, by its content and not by its name.
package enum FileKind {
    case run, estimates, alignment
    /// Text, as a CSV of points; anything that is not HDF5.
    case other

    /// - Throws: `SmoothnessError(.noInput)` for a missing file, `.data` for a folder and for HDF5 that is truncated or not
    ///   ours.
    package init(of path: String) throws {
        switch PlaceKind(path) {
        case .file: break
        case .free: throw SmoothnessError(.noInput, "there is no such file", file: path)
        case .folder: throw SmoothnessError(.data, "is a folder", file: path, expected: "a file")
        case .special:
            // A pipe can be read once, and HDF5 has to go back and forth.
            self = .other
            return
        }
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw SmoothnessError(.noInput, "may not be read", file: path, remedy: "Check its permissions")
        }
        guard try File.isHDF5(path) else {
            self = .other
            return
        }
        let file: File
        do { file = try File.open(path) } catch {
            throw SmoothnessError(
                .data, error.damage, file: path, object: error.object, remedy: error.remedy ?? SmoothnessError.copyAgain
            )
        }
        let format = try? file.attribute("format", as: String.self)
        switch format {
        case RunFormat.name: self = .run
        case EstimatesSchema.format: self = .estimates
        case AlignmentSchema.format: self = .alignment
        default:
            throw SmoothnessError(
                .data, "is HDF5 but not one of our files", file: path, object: "/@format",
                expected: "\"\(RunFormat.name)\", \"\(EstimatesSchema.format)\" or \"\(AlignmentSchema.format)\"",
                found: format.map { "\"\($0)\"" } ?? "no such attribute",
                remedy: "Give a file that smoothness train, estimate or align wrote")
        }
    }
}
