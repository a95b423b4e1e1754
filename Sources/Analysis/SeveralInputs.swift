import Essentials
import Fitting
import Foundation

/// Several inputs that may be fitted together.
package struct SeveralInputs {
    package let inputs: [PointsInput]
    /// Distinct names for people.
    package let names: [String]
    /// What is doubtful about taking them together.
    package let notes: [String]

    /// How all were measured, for the top of a text; empty where they differ or do not say.
    package var definition: String {
        let definitions = Set(inputs.map(\.definition))
        return definitions.count == 1
            ? definitions.first.flatMap(\.self).map { "\(Escaping.terminal($0))\n" } ?? "" : ""
    }

    /// - Throws: `SmoothnessError(.data)` for two estimates of one run, or other definitions unless allowed.
    package init(paths: [String], allowsOtherDefinitions: Bool) throws {
        inputs = try paths.map { try PointsInput(path: $0) }
        let short = paths.map { URL(filePath: $0).deletingPathExtension().lastPathComponent }
        names = Set(short).count == short.count ? short : paths
        var notes: [String] = []
        let origins = zip(paths, inputs).compactMap { path, input in input.origin.map { (path, $0) } }
        if origins.count < inputs.count, inputs.count > 1 {
            notes.append("a CSV of points does not say how it was measured: that all were measured alike is your word")
        }
        for (place, (path, origin)) in origins.enumerated() {
            if let twin = origins[..<place].first(where: { $0.1.runID == origin.runID }) {
                throw SmoothnessError(
                    .data, "is of the same run as \(twin.0): its points would count twice", file: path,
                    object: "/@run_id",
                    found: origin.runID, remedy: "Leave one of them out.")
            }
            guard place > 0 else { continue }
            if let difference = try Self.differenceOfObjectives(origins[0].1, origin, path) {
                notes.append("\(path) trains another objective than \(origins[0].0) (\(difference))")
            }
            let (first, mine) = (origins[0].1.definition, origin.definition)
            let differing = Set(first.keys).union(mine.keys).filter { first[$0] != mine[$0] }.sorted()
            guard !differing.isEmpty else { continue }
            let list = differing.prefix(4).map { "\($0): \(first[$0] ?? "none") and \(mine[$0] ?? "none")" }
                .joined(separator: "; ")
            guard allowsOtherDefinitions else {
                throw SmoothnessError(
                    .data, "was measured by another definition than \(origins[0].0)", file: path,
                    object: "/configuration", found: list,
                    remedy: "Estimate both alike, or add --allow-other-definitions.")
            }
            notes.append("\(path) was measured by another definition than \(origins[0].0) (\(list))")
        }
        self.notes = notes
    }

    /// What differs in what was trained, but for the seed and where data lie.
    private static func differenceOfObjectives(
        _ first: EstimatesOrigin, _ second: EstimatesOrigin, _ path: String
    ) throws -> String? {
        let (one, other) = try (
            RunSettings(objective: first.objective, optimizer: "{}", file: path).values,
            RunSettings(objective: second.objective, optimizer: "{}", file: path).values
        )
        let names = Set(one.keys).union(other.keys).filter {
            one[$0] != other[$0] && !$0.hasSuffix("seed") && !$0.hasSuffix(" path")
        }
        guard !names.isEmpty else { return nil }
        return names.sorted().prefix(3).map { "\($0): \(one[$0] ?? "none") and \(other[$0] ?? "none")" }
            .joined(separator: "; ")
    }
}
