import Foundation
import TestSupport
import Testing

/// An independent implementation in Python that prints one JSON value.
func twin<Answer: Decodable>(_ script: String, _ arguments: [String], as answer: Answer.Type) throws -> Answer {
    let path = Workplace.packageRoot.appending(path: "Tests/ObjectivesTests/Twins/\(script)").path
    let outcome = try run(try #require(Workplace.python), [path] + arguments)
    try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    return try JSONDecoder().decode(Answer.self, from: Data(outcome.standardOutput.utf8))
}

let noPython: Comment = "no Python with NumPy: set SMOOTHNESS_PYTHON or make .venv"

extension TemporaryFolder {
    /// Writes a file and returns its path.
    func file(_ name: String, _ text: String) throws -> String { try file(name, Array(text.utf8)) }

    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(filePath: path(name)))
        return path(name)
    }
}
