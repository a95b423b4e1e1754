import Essentials
import Foundation
import RunFiles

/// An analysis file that stands at the place of an output and might be continued.
struct StandingAnalysis {
    var path: String
    var runID: String
    var runDigest: String
    /// JSON
    var configuration: String
    var rowCount: Int
    var committedRows: Int
    var state: RunState
    /// Whether what is measured once, before the first row, is there.
    var isProbed = false
    /// Of estimates that were begun with their run.
    var live: LiveRows?

    /// Plans with what stands at the place of the work.
    ///
    /// What is beside a file that is to be replaced is of an earlier call: it is continued if it can be, and replaced otherwise.
    /// - Parameters:
    ///   - read: opens the file at the path.
    ///   - plan: refuses what cannot be continued.
    static func continuing<Plan>(
        _ output: ResumableOutput, read: (String) throws -> StandingAnalysis,
        plan: (StandingAnalysis?) throws -> Plan
    ) throws -> Plan {
        try output.requirePlaces()
        guard output.isBeside else { return try plan(find(at: output.place, isForced: false, read: read)) }
        guard let begun = try? read(output.place), let continued = try? plan(begun) else { return try plan(nil) }
        return continued
    }

    /// - Parameter read: opens the file at the path.
    /// - Returns: `nil` where there is nothing, or it is to be replaced.
    static func find(
        at path: String, isForced: Bool, read: (String) throws -> StandingAnalysis
    ) throws -> StandingAnalysis? {
        try FileInTheMaking.requireOrdinaryPlace(path)
        guard !isForced, FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            return try read(path)
        } catch let error as SmoothnessError {
            throw SmoothnessError(
                .cannotCreate, "the output exists and cannot be continued: \(error.message)", file: path,
                object: error.object, expected: error.expected, found: error.found, remedy: remedy)
        }
    }

    private static let remedy = "Replace it with --force or give another place with --output."

    /// Refuses to continue what is of another run or of another definition.
    /// - Parameter noun: as `an estimate`.
    func require(runID: String, runDigest: String, configuration: String, noun: String) throws {
        for (what, wanted, present) in [
            ("run_id", runID, self.runID), ("run_digest", runDigest, self.runDigest),
            ("configuration", configuration, self.configuration),
        ] where wanted != present {
            let (expected, found) = Self.differing(wanted, present)
            throw SmoothnessError(
                .cannotCreate, "the output exists and is \(noun) of something else", file: path, object: what,
                expected: expected, found: found, remedy: Self.remedy)
        }
    }

    /// Of two JSON objects what is not the same in both; other texts as they are.
    private static func differing(_ first: String, _ second: String) -> (String, String) {
        func object(_ text: String) -> [String: NSObject]? {
            (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: NSObject]
        }
        guard let one = object(first), let other = object(second) else { return (first, second) }
        func text(_ members: [String: NSObject], _ others: [String: NSObject]) -> String {
            let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
            let rest = members.filter { $0.value != others[$0.key] }
            let data = try? JSONSerialization.data(withJSONObject: rest, options: options)
            return String(decoding: data ?? Data(), as: UTF8.self)
        }
        return (text(one, other), text(other, one))
    }

    /// Refuses to continue with gradients on other data than those that were there first, which a gradient process alone knows.
    func requireData(of wanted: EstimationConfiguration) throws {
        guard let begun = try EstimationConfiguration(json: configuration, file: path).oracle,
            let current = wanted.oracle, begun.name == current.name, begun.digest != current.digest
        else { return }
        throw SmoothnessError(
            .cannotCreate, "the output exists and is an estimate on other data than the gradient process has now",
            file: path, object: "the digest that \(current.name) gives of its data",
            expected: begun.digest ?? "none", found: current.digest ?? "none",
            remedy: "Serve the data that it was begun with (the same files, the same seeds). " + Self.remedy)
    }

    /// - Parameter goal: how many rows there are to be, where that is not all that there is room for.
    static func disposition(
        _ standing: StandingAnalysis?, output: ResumableOutput, goal: Int? = nil
    ) -> AnalysisDisposition {
        guard let standing else {
            return output.isBeside || FileInTheMaking.isTaken(output.place) ? .replace : .create
        }
        let isDone = standing.committedRows == goal ?? standing.rowCount && standing.state == .complete
        // What is finished beside its place has still to take it.
        return isDone && !output.isBeside ? .complete : .resume
    }

    /// Refuses an output that is the run itself.
    static func refuseRun(_ run: String, as target: String) throws {
        guard URL(filePath: target).resolvingSymlinksInPath() != URL(filePath: run).resolvingSymlinksInPath() else {
            throw SmoothnessError(
                .cannotCreate, "is the run itself, which analysis never changes", file: target,
                remedy: "Name another output.")
        }
    }

    /// `RUN.ending.h5` beside RUN.h5.
    static func defaultOutput(forRun path: String, ending: String) -> String {
        let url = URL(filePath: path)
        return (url.pathExtension == "h5" ? url.deletingPathExtension().path : path) + ".\(ending).h5"
    }
}
