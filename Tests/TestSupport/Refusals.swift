import Essentials
import Foundation
import Testing

/// Expects that a call is refused in the way that every refusal is: by a `SmoothnessError` of this kind that names the file and the object and says
/// what is wrong.
/// - Parameters:
///   - kind: Its raw value is the exit code of the command line.
///   - file: The file that must be named; nil where the test does not ask.
///   - object: The object in it, or the option or parameter, that must be named; nil where the test does not ask.
///   - fragments: What the whole text of the error must hold.
/// - Returns: The error, for further questions; nil where nothing was refused.
@discardableResult
public func expectRefusal<Result>(
    _ kind: SmoothnessError.Kind, file: String? = nil, object: String? = nil, _ fragments: String...,
    sourceLocation: SourceLocation = #_sourceLocation, by call: () throws -> Result
) -> SmoothnessError? {
    let error = #expect(throws: SmoothnessError.self, sourceLocation: sourceLocation) { _ = try call() }
    guard let error else { return nil }
    #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
    if let file { #expect(error.file == file, "\(error)", sourceLocation: sourceLocation) }
    if let object { #expect(error.object == object, "\(error)", sourceLocation: sourceLocation) }
    for fragment in fragments {
        #expect(error.description.contains(fragment), "\(error)", sourceLocation: sourceLocation)
    }
    return error
}

extension ProcessOutcome {
    /// Expects that the program refused what it was given: that it left with this code, said nothing on stdout and one thing on stderr.
    /// - Parameters:
    ///   - pattern: All of stderr after "error: ", where `*` stands for anything within a line and `@` for `folder`.
    ///   - called: How it was called, for the message.
    public func expectRefusal(
        code: Int32, _ pattern: String, in folder: String, called: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let said = standardError.replacing(folder, with: "@")
        #expect(
            exitCode == code && !wasSignalled, "\(called): exit code \(exitCode): \(said)",
            sourceLocation: sourceLocation)
        #expect(standardOutput.isEmpty, "\(called)", sourceLocation: sourceLocation)
        #expect(
            matches(said, pattern: "error: " + pattern + "\n"), "\(called): \(said)", sourceLocation: sourceLocation)
    }
}

/// Returns whether the whole text is the pattern, in which `*` stands for anything within a line.
public func matches(_ text: String, pattern: String) -> Bool {
    let parts = pattern.components(separatedBy: "*")
    guard parts.count > 1 else { return text == pattern }
    guard text.hasPrefix(parts[0]) else { return false }
    var rest = text.dropFirst(parts[0].count)
    for part in parts.dropFirst().dropLast() {
        guard let range = rest.range(of: part), !rest[..<range.lowerBound].contains("\n") else { return false }
        rest = rest[range.upperBound...]
    }
    let last = parts[parts.count - 1]
    return rest.hasSuffix(last) && !rest.dropLast(last.count).contains("\n")
}
