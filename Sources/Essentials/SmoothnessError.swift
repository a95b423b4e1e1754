/// What went wrong, for a person and for a script: which file, which object in it, what was expected, what was found
/// and what to do next. The kind decides the exit code of the command line.
public struct SmoothnessError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The families of failure, after `sysexits.h`; the raw value is the process's exit code.
    public enum Kind: Int32, Sendable {
        /// Some units of several failed; the others are done.
        case partial = 3
        /// The command line or an option's value is wrong.
        case usage = 64
        /// The input was read and is not what it should be.
        case data = 65
        /// There is no such input.
        case noInput = 66
        /// A promise of this program is broken; a bug.
        case internalFailure = 70
        /// The output cannot be created.
        case cannotCreate = 73
        /// Reading or writing failed half-way, a full disk included.
        case inputOutput = 74
        /// Stopped by a signal; what is committed is kept and a second call continues.
        case interrupted = 75
    }

    public var kind: Kind
    public var message: String
    public var file: String?
    public var object: String?
    public var expected: String?
    public var found: String?
    public var remedy: String?

    /// What to do with a file that has lost something on its way.
    public static let copyAgain = "Copy it again from where it was written"

    public init(
        _ kind: Kind, _ message: String, file: String? = nil, object: String? = nil, expected: String? = nil,
        found: String? = nil, remedy: String? = nil
    ) {
        self.kind = kind
        self.message = message
        self.file = file
        self.object = object
        self.expected = expected
        self.found = found
        self.remedy = remedy
    }

    public var description: String {
        var text = file.map { "\($0): " } ?? ""
        if let object { text += "\(object): " }
        text += message
        let details = [expected.map { "expected \($0)" }, found.map { "found \($0)" }].compactMap(\.self)
        if !details.isEmpty { text += " (" + details.joined(separator: ", ") + ")" }
        if let remedy { text += ". " + remedy }
        return text
    }
}

/// Runs `work` and lets its errors pass as `change` leaves them: with what only the caller knows, as the file that the work was about.
public func amendingErrors<Result: ~Copyable>(
    _ change: (inout SmoothnessError) -> Void, of work: () throws -> Result
) throws -> Result {
    do { return try work() } catch var error as SmoothnessError {
        change(&error)
        throw error
    }
}
