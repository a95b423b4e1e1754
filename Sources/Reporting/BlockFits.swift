import Essentials
import Fitting

/// The fits of all blocks of the parameters, each by itself: L_i = L0_i + L1_i ‖∇_i f‖.
public struct BlockFits: Sendable, Encodable {
    public struct Block: Sendable, Encodable {
        public var name: String
        public var report: FitReport?
        /// Why there is none, as for a block that did not move.
        public var reasonWithoutFit: String?
    }

    public var blocks: [Block]

    /// - Parameters: names and points of the blocks, as many of each.
    public init(names: [String], points: [SmoothnessPoints], options: FitOptions) {
        blocks = zip(names, points).map { name, points in
            do {
                return Block(name: name, report: try fit(points, options: options))
            } catch {
                return Block(name: name, reasonWithoutFit: "\(error)")
            }
        }
    }

    /// One row a block: least squares, expectile, power law and rank correlation.
    public func table() -> Table {
        var table = Table(columns: [
            "block", "points", "L0", "L0_lower", "L0_upper", "L1", "L1_lower", "L1_upper", "expectile_L0",
            "expectile_L1",
            "exponent", "spearman", "warnings", "without_fit",
        ])
        for block in blocks {
            let line = block.report?.leastSquares
            table.append([
                .string(block.name), .optional(block.report?.points.used), .optional(line?.intercept.value),
                .optional(line?.intercept.lower), .optional(line?.intercept.upper), .optional(line?.slope.value),
                .optional(line?.slope.lower), .optional(line?.slope.upper),
                .optional(block.report?.expectile.intercept.value), .optional(block.report?.expectile.slope.value),
                .optional(block.report?.powerLaw.exponent.value),
                .optional(block.report?.correlations.spearman?.value), .optional(block.report?.warnings.count),
                .optional(block.reasonWithoutFit),
            ])
        }
        return table
    }

    public func text() -> String {
        "Block by block, L_i = L0 + L1 ‖∇_i f‖ by least squares and as an expectile\n" + table().text()
    }

    public func json() throws -> String { try jsonDocument(self) }

    public func latex() -> String {
        LatexTable.lines(of: blocks.compactMap { block in block.report.map { (block.name, $0) } })
    }
}
