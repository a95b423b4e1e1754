/// A measured number beside what a theorem says of it.
public struct TheoryLine: Sendable {
    /// The relation to the bound that the theorem claims for the measured number.
    public enum Relation: String, Sendable, Codable {
        case atMost = "<="
        case atLeast = ">="
        /// To rounding.
        case equal = "="
    }

    public enum Verdict: String, Sendable, Codable, CaseIterable {
        case holds
        /// The theorem is contradicted, or this program is wrong.
        case fails
        /// An assumption of the theorem does not hold on this instance.
        case notApplicable = "not applicable"
        /// The experiment would have taken more iterations than it was given.
        case undecided
    }

    /// One assumption of the theorem on this instance.
    public struct Assumption: Sendable {
        public var statement: String
        public var holds: Bool

        public init(_ statement: String, _ holds: Bool) {
            self.statement = statement
            self.holds = holds
        }
    }

    /// As `[Z] theorem 3`; [Z], [I] and [Q] are the papers of docs/theory.md.
    public var source: String
    /// On which function, with which numbers.
    public var instance: String
    public var algorithm: String
    /// The quantity that is measured, in words.
    public var quantity: String
    public var relation: Relation
    /// `nil` where the experiment did not get that far.
    public var measured: Double?
    public var bound: Double
    public var assumptions: [Assumption]

    public init(
        source: String, instance: String, algorithm: String, quantity: String, relation: Relation, measured: Double?,
        bound: Double, assumptions: [Assumption]
    ) {
        self.source = source
        self.instance = instance
        self.algorithm = algorithm
        self.quantity = quantity
        self.relation = relation
        self.measured = measured
        self.bound = bound
        self.assumptions = assumptions
    }

    /// The first assumption that fails.
    public var obstacle: String? { assumptions.first { !$0.holds }?.statement }

    public var ratio: Double? { measured.map { $0 / bound } }

    /// Rounding of the measured number and of the bound: nothing here is conditioned worse.
    private static let tolerance = 1e-9

    public var verdict: Verdict {
        guard obstacle == nil else { return .notApplicable }
        guard let measured else { return .undecided }
        let size = max(abs(measured), abs(bound))
        // Infinity is a run that never arrives, not a number with rounding.
        let room = size.isFinite ? Self.tolerance * size : 0
        let holds =
            switch relation {
            case .atMost: measured <= bound + room
            case .atLeast: measured >= bound - room
            case .equal: abs(measured - bound) <= room
            }
        return holds ? .holds : .fails
    }
}
