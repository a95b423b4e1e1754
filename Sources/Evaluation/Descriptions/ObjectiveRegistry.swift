import Essentials
import Synchronization

/// The objectives that this process can read from JSON. The program registers the lists of the modules that have some when it starts, so that what reads
/// descriptions depends on no network and no formula.
public enum ObjectiveRegistry {
    private static let known = Mutex<[any DescribedObjective.Type]>([])

    /// Adds the objectives of a list that are not known yet. A description that is made in this process registers its own type.
    public static func register(_ types: [any DescribedObjective.Type]) {
        known.withLock { known in
            for type in types where !known.contains(where: { $0 == type }) { known.append(type) }
        }
    }

    /// Every objective that was registered, in that order.
    public static var types: [any DescribedObjective.Type] { known.withLock { $0 } }

    static func type(named kind: String) throws -> any DescribedObjective.Type {
        let types = types
        guard let type = types.first(where: { $0.kind == kind }) else {
            throw SmoothnessError(
                .data, "this kind of objective is not known", object: "kind",
                expected: "one of " + types.map { $0.kind }.joined(separator: ", "), found: "'\(kind)'",
                remedy: "It may have been written by a newer smoothness")
        }
        return type
    }
}
