import Essentials
import Foundation
import HDF5
import ParameterSpace

/// The name and version of the format; see docs/run-file.md.
public enum RunFormat {
    public static let name = "smoothness-run"
    public static let majorVersion = 1
    public static let minorVersion = 1
    public static var version: String { "\(majorVersion).\(minorVersion)" }
}

/// Tells whether a run is at its end.
public enum RunState: String, Sendable, Codable {
    /// A writer is at work, or was killed.
    case writing
    /// The run did all that it was asked for.
    case complete
    /// The writer stopped in order before the end; another may continue.
    case interrupted
}

/// Holds what identifies a run and what it is rebuilt from: the root attributes, the two descriptions and the parameter layout.
public struct RunHeader: Sendable, Equatable {
    /// A UUID.
    public var runID: String
    /// When the run began, ISO 8601 in UTC.
    public var created: String
    /// The program that wrote the file.
    public var software: String
    public var softwareVersion: String
    public var hdf5Version: String
    public var formatVersion: String
    public var state: RunState
    /// JSON: everything needed to rebuild the objective.
    public var objective: String
    /// JSON: everything needed to repeat the run on it.
    public var optimizer: String
    /// The blocks of the parameter vector.
    public var layout: ParameterLayout
    /// The element of iterates and gradients, `float32` or `float64`.
    public var scalarName: String
}

extension RunHeader {
    /// The header of a new run: a fresh identifier, the time of now, this software, state `writing`.
    public init<Scalar: ParameterScalar>(
        objective: String, optimizer: String, layout: ParameterLayout, scalar: Scalar.Type,
        runID: String = UUID().uuidString.lowercased(), created: Date = Date()
    ) {
        self.init(
            runID: runID, created: ISO8601DateFormatter().string(from: created), software: Software.name,
            softwareVersion: Software.version, hdf5Version: File.libraryVersion, formatVersion: RunFormat.version,
            state: .writing, objective: objective, optimizer: optimizer, layout: layout,
            scalarName: Scalar.scalarName)
    }
}
