import Foundation
import TestSupport
import Testing

/// A folder in which the program runs, and what tests ask of what it says and leaves.
struct Workbench {
    private let folder: TemporaryFolder
    /// Without the trailing slash.
    var place: String { folder.url.path }

    init() throws { folder = try TemporaryFolder() }

    func path(_ name: String) -> String { folder.path(name) }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
    }

    func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(filePath: path(name))) }
    func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }
    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    /// Everything in the folder, by name; folders are empty data.
    func contents() throws -> [String: Data] {
        let names = try FileManager.default.contentsOfDirectory(atPath: place)
        return Dictionary(
            uniqueKeysWithValues: names.map { ($0, FileManager.default.contents(atPath: path($0)) ?? Data()) })
    }

    /// Runs `smoothness` in the folder.
    func smoothness(_ arguments: [String], environment: [String: String] = [:]) throws -> ProcessOutcome {
        try TestSupport.run(Workplace.program, arguments, environment: environment, directory: place)
    }

    func smoothness(_ arguments: String...) throws -> ProcessOutcome { try smoothness(arguments) }

    /// Starts `smoothness` in the folder.
    func start(_ arguments: [String]) throws -> RunningProcess {
        try RunningProcess(Workplace.program, arguments, directory: place)
    }

    /// Runs `smoothness` where it must do its work.
    @discardableResult
    func succeed(
        _ arguments: [String], environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> ProcessOutcome {
        let outcome = try smoothness(arguments, environment: environment)
        #expect(
            outcome.exitCode == 0 && !outcome.wasSignalled, "\(arguments): \(outcome.standardError)",
            sourceLocation: sourceLocation)
        return outcome
    }

    @discardableResult
    func succeed(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws -> ProcessOutcome {
        try succeed(arguments, sourceLocation: sourceLocation)
    }

    /// Runs a line of bash in the folder, with `smoothness` on the search path.
    func shell(_ line: String, environment: [String: String] = [:]) throws -> ProcessOutcome {
        let search = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return try TestSupport.run(
            "/bin/bash", ["-c", line],
            environment: ["PATH": "\(Workplace.products.path):\(search)"].merging(environment) { $1 }, directory: place)
    }

    /// Runs a Python twin of this folder of tests; the standard output is its answer.
    @discardableResult
    func python(
        _ script: String, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        let path = Workplace.packageRoot.appending(path: "Tests/CommandLineTests/Twins/\(script)").path
        return try python(script: path, arguments, sourceLocation: sourceLocation)
    }

    func python(
        script: String, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        let outcome = try TestSupport.run(
            try #require(Workplace.python), [script] + arguments, directory: place)
        try #require(
            outcome.exitCode == 0, "\(arguments): \(outcome.standardError)\(outcome.standardOutput)",
            sourceLocation: sourceLocation)
        // What a twin could not check stands in the log, where `make test` counts it.
        for line in outcome.standardError.split(separator: "\n") where line.hasPrefix("SKIPPED: ") { print(line) }
        return outcome.standardOutput
    }

    /// What the program must do with wrong input: leave with this code, say nothing on stdout and one thing on stderr, and leave
    /// every file of the folder as it was and no new one.
    /// - Parameter pattern: all of stderr after "error: ", where `*` stands for anything within a line and `@` for the folder.
    func expectRefusal(
        _ arguments: [String], code: Int32, _ pattern: String, environment: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = try contents()
        let outcome = try smoothness(arguments, environment: environment)
        outcome.expectRefusal(
            code: code, pattern, in: place, called: "\(arguments)", sourceLocation: sourceLocation)
        let after = try contents()
        #expect(Set(after.keys) == Set(before.keys), "\(arguments)", sourceLocation: sourceLocation)
        for (name, data) in before where after[name] != data {
            Issue.record("\(arguments) changed \(name)", sourceLocation: sourceLocation)
        }
    }
}

/// Files that many tests begin with, made once by the program.
enum Sample: String, CaseIterable {
    /// A quadratic without noise, twelve iterations, all saved.
    case run = "run.h5"
    /// Its estimates, γ = 0.5 and 1.
    case estimates = "run.estimates.h5"

    private static let made = Result { try make() }

    private static func make() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for arguments in [
            [
                "train", "--objective", "quadratic", "--iterations", "12", "--save", "every=1", "--threads", "1",
                "-o", folder.path(Sample.run.rawValue),
            ], ["estimate", folder.path(Sample.run.rawValue), "--subset", "1", "--delta", "0.5", "--threads", "1"],
        ] {
            let outcome = try TestSupport.run(Workplace.program, arguments)
            try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        }
        // A global object outlives every test and is not destroyed at the end of the process.
        atexit { try? FileManager.default.removeItem(at: Sample.made.get().url) }
        return folder
    }

    /// The bytes, to be put under any name.
    var bytes: Data { get throws { try Data(contentsOf: URL(filePath: Self.made.get().path(rawValue))) } }

    func copy(to path: String) throws { try bytes.write(to: URL(filePath: path)) }
}
