import Essentials
import ParameterSpace
import RunFiles

/// What an estimates file says before its first row: which run, which definition, which software.
public struct EstimatesHeader: Sendable {
    public var formatVersion = EstimatesSchema.version
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
    /// JSON, as in the run file.
    public var objective: String
    /// JSON, as in the run file.
    public var optimizer: String
    /// With the precision filled in.
    public var configuration: EstimationConfiguration
    /// The grid that the configuration gives.
    public var gammas: [Double]
    /// The component indices that the configuration gives.
    public var components: [Int]
    /// wᵢ of every one of them.
    public var componentWeights: [Double]
    public var layout: ParameterLayout
    /// K: how many rows the file has room for, the committed rows of the run when the estimate began.
    public var rowCount: Int
}
