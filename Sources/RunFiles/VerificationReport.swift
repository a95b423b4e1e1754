import Essentials
import HDF5

/// Collects what a verifier found. There may be several findings, because a verifier goes on after a failure.
public struct VerificationReport: Sendable, Codable, Equatable {
    /// One promise of the specification and whether the file keeps it.
    public struct Check: Sendable, Codable, Equatable {
        /// The subject of the check, as `step norms`.
        public var name: String
        public var ok: Bool
        /// The place in the file, as `/trajectory/step_norm row 3`.
        public var place: String?
        public var expected: String?
        public var found: String?

        public init(name: String, ok: Bool, place: String? = nil, expected: String? = nil, found: String? = nil) {
            self.name = name
            self.ok = ok
            self.place = place
            self.expected = expected
            self.found = found
        }
    }

    public var file: String
    /// Name and version of the format, as far as the file says.
    public var format: String?
    public var checks: [Check] = []
    /// Remarks on what no rule forbids and a reader should know, as rows that are not finite and say so.
    public var notes: [String] = []

    public init(file: String, format: String? = nil) {
        self.file = file
        self.format = format
    }

    public var isValid: Bool { !checks.isEmpty && checks.allSatisfy(\.ok) }
    public var failures: [Check] { checks.filter { !$0.ok } }

    /// Failures of one name beyond this many are counted in a note and not listed.
    private static let listed = 20

    /// Notes a promise that is kept; said once, however many rows keep it.
    public mutating func pass(_ name: String) {
        if !checks.contains(where: { $0.name == name }) { checks.append(Check(name: name, ok: true)) }
    }

    /// Notes a promise that is broken, which takes back that it is kept elsewhere.
    public mutating func fail(_ name: String, at place: String?, expected: String? = nil, found: String? = nil) {
        checks.removeAll { $0.name == name && $0.ok }
        switch checks.count(where: { $0.name == name }) {
        case ..<Self.listed:
            checks.append(Check(name: name, ok: false, place: place, expected: expected, found: found))
        case Self.listed:
            checks.append(Check(name: name, ok: false, place: "further places, not listed"))
        default: break
        }
    }

    /// Notes that what a promise is about could not be read.
    package mutating func fail(_ error: any Error, _ name: String) {
        let known = error as? SmoothnessError ?? (error as? HDF5Error).map { SmoothnessError(.data, $0) }
        fail(
            name, at: known?.object, expected: known?.expected,
            found: known.map { $0.found ?? $0.message } ?? "\(error)")
    }

    /// Notes a promise, kept or broken. `place`, `expected` and `found` describe the breach.
    @discardableResult
    public mutating func check(
        _ name: String, _ ok: Bool, at place: String? = nil, expected: String? = nil, found: String? = nil
    ) -> Bool {
        if ok { pass(name) } else { fail(name, at: place, expected: expected, found: found) }
        return ok
    }

    /// One line a failure, then the notes, then the verdict.
    public var description: String {
        var lines = failures.map { failure in
            let details = [
                failure.place.map { "at \($0)" }, failure.expected.map { "expected \($0)" },
                failure.found.map { "found \($0)" },
            ]
            return "FAILED \(failure.name): " + details.compactMap(\.self).joined(separator: ", ")
        }
        lines += notes.map { "note: \($0)" }
        let verdict = isValid ? "valid" : "NOT VALID"
        lines.append("\(file): \(verdict), \(checks.count - failures.count) of \(checks.count) checks passed")
        return lines.map { Escaping.terminal($0) }.joined(separator: "\n")
    }
}

extension VerificationReport: CustomStringConvertible {}
