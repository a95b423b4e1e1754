import Essentials
import Foundation
import Interprocess
import Reporting

/// A batch that was given to Slurm: a line of `submissions.jsonl`.
public struct Submission: Sendable, Codable, Equatable {
    /// The number of the array.
    public var job: String
    /// The number of the merge that waits for it.
    public var merge: String
    public var time: String
    public var host: String

    /// Writes the scripts and submits them: the array, and the merge that begins when every task has ended, whatever its exit code.
    ///
    /// A script that was changed by hand since it was written is used as it is.
    /// - Parameter isForced: writes the scripts anew.
    /// - Throws: `SmoothnessError`: `.noInput` without sbatch; `.inputOutput` with what sbatch says.
    public static func submit(
        _ folder: PlanFolder, _ scripts: SlurmScripts, isForced: Bool, note: (String) -> Void
    ) throws -> Submission {
        let standing = try waiting(folder)
        if !standing.isEmpty {
            note(
                "an earlier submission is still in the queue (\(standing.joined(separator: ", "))): no unit is done twice, but its tasks wait for one another"
            )
        }
        // The array's share count is in the script: a script of another size is not kept by mistake.
        try place(scripts.job, at: folder.jobScript, isForced: isForced, note)
        try place(scripts.merge, at: folder.mergeScript, isForced: isForced, note)
        let job = try identifier(try Program.output("sbatch", ["--parsable", folder.jobScript]))
        let merge: String
        do {
            merge = try identifier(
                try Program.output("sbatch", ["--parsable", "--dependency=afterany:\(job)", folder.mergeScript]))
        } catch {
            _ = try? Program.output("scancel", [job])
            throw error
        }
        let submission = Submission(job: job, merge: merge, time: Date.now.ISO8601Format(), host: Host.name)
        try JSONLines.write(try all(in: folder) + [submission], to: folder.submissions)
        return submission
    }

    /// What was submitted, the first one first.
    public static func all(in folder: PlanFolder) throws -> [Submission] {
        guard FileManager.default.fileExists(atPath: folder.submissions) else { return [] }
        return try JSONLines.read(folder.submissions) { (submission: Submission) in
            // They become arguments of squeue and scancel.
            [submission.job, submission.merge].first { $0.isEmpty || !$0.utf8.allSatisfy { (48...57).contains($0) } }
                .map { JSONLines.Flaw(member: "job", expected: "the number of a job", found: $0) }
        }
    }

    /// Calls a batch off: workers on any machine that see the plan, and what is in Slurm's queue. What is done stays.
    /// - Throws: `SmoothnessError` where Slurm's queue cannot be reached; the workers stop all the same.
    public static func cancel(_ folder: PlanFolder, note: (String) -> Void) throws {
        // First, because it needs nobody, and because a job that was submitted by hand is found by it alone.
        try writeAtomically(Date.now.ISO8601Format() + "\n", to: folder.cancellation)
        note("workers of \(folder.path) stop now; what is done is kept")
        let jobs = try all(in: folder).flatMap { [$0.job, $0.merge] }
        guard !jobs.isEmpty else { return }
        let remedy =
            "What waits in Slurm's queue stays there: where the batch was submitted, scancel \(jobs.joined(separator: " "))"
        // Those that have ended are no error.
        _ = try amendingErrors({ $0.remedy = remedy }, of: { try Program.output("scancel", ["--quiet"] + jobs) })
        note("cancelled the Slurm jobs \(jobs.joined(separator: ", "))")
    }

    /// The jobs that an earlier submission of this plan has in the queue.
    private static func waiting(_ folder: PlanFolder) throws -> [String] {
        let jobs = try all(in: folder).map(\.job)
        guard !jobs.isEmpty else { return [] }
        // Numbers that Slurm has forgotten are an error to it when they are asked for.
        let queue = try Program.output("squeue", ["--noheader", "--me", "--format=%F"])
        return Set(queue.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
            .intersection(jobs).sorted()
    }

    /// Keeps what somebody has changed; what was written stands in a hidden copy beside it.
    private static func place(_ text: String, at path: String, isForced: Bool, _ note: (String) -> Void) throws {
        let place = URL(filePath: path)
        let copy = place.deletingLastPathComponent().appending(path: "." + place.lastPathComponent + ".written").path
        let (now, written) = (FileManager.default.contents(atPath: path), FileManager.default.contents(atPath: copy))
        if let now, now != written, now != Data(text.utf8), !isForced {
            return note("\(path) was changed by hand and is used as it is (--force writes it anew)")
        }
        try writeAtomically(text, to: path)
        try writeAtomically(text, to: copy)
        chmod(path, 0o755)
    }

    /// `123` or `123;cluster`.
    private static func identifier(_ output: String) throws -> String {
        let number = output.prefix { $0.isNumber }
        guard !number.isEmpty else {
            throw SmoothnessError(.inputOutput, "sbatch gave no number of a job", found: output)
        }
        return String(number)
    }
}

/// Another program.
enum Program {
    /// Runs it to its end.
    /// - Returns: its standard output.
    /// - Throws: `SmoothnessError`: `.noInput` where it is not there, `.inputOutput` with the lines that it says.
    static func output(_ name: String, _ arguments: [String]) throws -> String {
        let (output, errors) = (Pipe(), Pipe())
        let process: SpawnedProcess
        do {
            process = try SpawnedProcess(
                "/usr/bin/env", [name] + arguments,
                output: .descriptor(output.fileHandleForWriting.fileDescriptor),
                errors: .descriptor(errors.fileHandleForWriting.fileDescriptor))
        } catch { throw SmoothnessError(.inputOutput, "cannot be started: \(error)", file: name) }
        for pipe in [output, errors] { try? pipe.fileHandleForWriting.close() }
        // What these programs say fits into a pipe.
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let end = process.wait()
        guard end == .exit(0) else {
            let isMissing = end == .exit(127)
            throw SmoothnessError(
                isMissing ? .noInput : .inputOutput,
                isMissing ? "there is no such program here" : "has failed", file: name,
                found: complaint.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
                    .joined(separator: "; "),
                remedy: isMissing ? "Give the command on a machine from which jobs are submitted." : nil)
        }
        return said.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
