import Essentials
import ParameterSpace
import RunFiles

/// What an estimates file says before its first row: which run, which definition, which software.
@dynamicMemberLookup
public struct EstimatesHeader: Sendable {
    /// Its members are the header's own: `header.runID`.
    public var root: AnalysisRoot
    /// JSON, as in the run file.
    public var objective: String
    /// JSON, as in the run file.
    public var optimizer: String
    /// With the precision filled in.
    public var configuration: EstimationConfiguration
    /// The grid that the configuration gives.
    public var gammas: [Double]
    /// The components that the configuration gives, their weights and groups.
    public var groups: ComponentGroups
    public var components: [Int] { groups.components }
    public var componentWeights: [Double] { groups.weights }
    public var layout: ParameterLayout
    /// K: how many rows the file has room for, the committed rows of the run when the estimate began.
    public var rowCount: Int
    /// `nil` where the run was at its end when the estimate began; the digest of the run then covers all K rows, else none.
    public var live: LiveRows?
    /// Whether a file that is made with it has checksums.
    var hasChecksums = true

    /// How many rows of the run `run_digest` covers.
    var digestRows: Int { live == nil ? rowCount : 0 }

    var extents: RowExtents {
        RowExtents(
            configuration, gammaCount: gammas.count, blockCount: layout.blocks.count, groupCount: groups.count)
    }

    public subscript<Value>(dynamicMember member: KeyPath<AnalysisRoot, Value>) -> Value { root[keyPath: member] }
}
