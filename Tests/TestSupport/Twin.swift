import Foundation

/// A twin could not be run or failed.
public struct TwinFailure: Error, CustomStringConvertible {
    public var description: String
}

/// Runs an independent implementation in Python, which prints one JSON value, from the folder `Twins` beside the test.
public func twin<Answer: Decodable>(
    _ script: String, _ arguments: [String], as answer: Answer.Type, testFile: String = #filePath
) throws -> Answer {
    guard let python = Workplace.python else { throw TwinFailure(description: "there is no Python") }
    let path = URL(filePath: testFile).deletingLastPathComponent().appending(path: "Twins/\(script)").path
    let outcome = try run(python, [path] + arguments)
    guard outcome.exitCode == 0 else { throw TwinFailure(description: outcome.standardError) }
    return try JSONDecoder().decode(Answer.self, from: Data(outcome.standardOutput.utf8))
}

/// Why tests that need a twin are left out.
public let noPython = "no Python with NumPy: set SMOOTHNESS_PYTHON or make .venv"

extension TemporaryFolder {
    /// Writes a file and returns its path.
    public func file(_ name: String, _ text: String) throws -> String { try file(name, Array(text.utf8)) }

    /// Writes a file and returns its path.
    public func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(filePath: path(name)))
        return path(name)
    }
}
