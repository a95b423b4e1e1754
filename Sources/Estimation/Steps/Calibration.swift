/// What is measured once for many rows of a run: how well an evaluation repeats itself, and how far rounding moves a gradient difference.
///
/// Every number of it is a function of the run, the definition and the row at which it is measured. Those rows follow from the plan alone: the first row with
/// a finite gradient for the repeatability, every `stride`-th row for rounding. The estimate of row k takes the repeatability and the level of the last of these
/// rows at or before k that gave one, so that it depends neither on the rows that were estimated before it nor on where a range of rows began.
public struct Calibration: Sendable, Hashable {
    /// ‖g − g′‖ of two evaluations of ∇f_S at one iterate.
    public struct Repeatability: Sendable, Hashable {
        public var row: Int
        public var difference: Double

        public init(row: Int, difference: Double) {
            self.row = row
            self.difference = difference
        }
    }

    /// What a row gave when gradients were held against Double there.
    public struct Rounding: Sendable, Hashable {
        public var row: Int
        /// `nil` where the row has no finite gradients or no step.
        public var level: RoundingLevel?

        public init(row: Int, level: RoundingLevel?) {
            self.row = row
            self.level = level
        }
    }

    /// `nil` until a row allowed it to be measured.
    public var repeatability: Repeatability?
    /// How many of the first rows of the run are known to have no finite gradient.
    public var unusableRows = 0
    /// By increasing row.
    public private(set) var rounding: [Rounding] = []

    public init() {}

    public init(repeatability: Repeatability?, unusableRows: Int, rounding: [Rounding]) {
        self.repeatability = repeatability
        self.unusableRows = unusableRows
        self.rounding = rounding.sorted { $0.row < $1.row }
    }

    /// Adds what a row gave.
    public mutating func add(_ measured: Rounding) {
        let place = rounding.firstIndex { $0.row >= measured.row } ?? rounding.count
        rounding.insert(measured, at: place)
    }

    /// What the estimate of a row takes of it.
    /// - Parameter machineEpsilon: of the evaluation: the level of rounding where none was measured at or before the row.
    public func calibration(ofRow row: Int, machineEpsilon: Double) -> RowCalibration {
        RowCalibration(
            repeatability: repeatability?.difference,
            rounding: rounding.last { $0.row <= row && $0.level != nil }?.level
                ?? .unmeasured(machineEpsilon: machineEpsilon))
    }

    /// The row at which rounding is to be measured before a row can be estimated.
    ///
    /// - Parameter stride: every how many rows rounding is measured; `nil` where it is not.
    /// - Returns: `nil` where all that the row needs is known.
    public func roundingRow(neededFor row: Int, stride: Int?) -> Int? {
        guard let stride else { return nil }
        var candidate = row / stride * stride
        while candidate >= 0 {
            guard let known = rounding.last(where: { $0.row == candidate }) else { return candidate }
            // Where a row gave nothing the one before it decides.
            guard known.level == nil else { return nil }
            candidate -= stride
        }
        return nil
    }

    /// Whether a row can be estimated with what is known.
    public func suffices(forRow row: Int, stride: Int?) -> Bool {
        (repeatability != nil || unusableRows > row) && roundingRow(neededFor: row, stride: stride) == nil
    }
}

/// The part of a calibration that the estimate of one row takes.
public struct RowCalibration: Sendable, Hashable {
    /// ‖g − g′‖ of two evaluations at one iterate; `nil` where it is not known.
    public var repeatability: Double?
    public var rounding: RoundingLevel

    public init(repeatability: Double?, rounding: RoundingLevel) {
        self.repeatability = repeatability
        self.rounding = rounding
    }
}

/// How far rounding moves a gradient difference.
public struct RoundingLevel: Sendable, Hashable {
    /// r = ‖e‖ / the larger gradient norm, with the error e of Δ at the largest γ.
    public var relative: Double
    /// |⟨e, Δ⟩| / (‖e‖‖Δ‖)
    public var projection: Double

    public init(relative: Double, projection: Double) {
        self.relative = relative
        self.projection = projection
    }

    /// Where nothing has been measured: the machine epsilon, pointing along the difference.
    public static func unmeasured(machineEpsilon: Double) -> RoundingLevel {
        RoundingLevel(relative: machineEpsilon, projection: 1)
    }
}
