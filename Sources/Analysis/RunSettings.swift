import Essentials
import Foundation

/// `/objective` and `/optimizer` of a run as a flat list: the way to a value, its keys separated by spaces, and the value.
package struct RunSettings {
    package private(set) var values: [String: String] = [:]

    /// - Throws: `SmoothnessError(.data)` where a text is no JSON.
    package init(objective: String, optimizer: String, file: String) throws {
        for (text, prefix) in [(objective, "objective "), (optimizer, "")] {
            guard let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) else {
                throw SmoothnessError(.data, "holds a description that is not JSON", file: file)
            }
            flatten(object, prefix)
        }
    }

    private mutating func flatten(_ value: Any, _ name: String) {
        if let object = value as? [String: Any] {
            let prefix = name.isEmpty || name.hasSuffix(" ") ? name : name + " "
            for (key, member) in object { flatten(member, prefix + key) }
        } else if let array = value as? [Any] {
            values[name] = array.map { "\($0)" }.joined(separator: "/")
        } else {
            values[name] = "\(value)"
        }
    }

    /// What differs, for a message: `learning_rate 0.02, seed 1` here and the same of the other. At most three are listed.
    package func differences(from other: RunSettings) -> (here: String, there: String) {
        let names = Set(values.keys).union(other.values.keys).filter { values[$0] != other.values[$0] }.sorted()
        func list(_ settings: RunSettings) -> String {
            let listed = names.prefix(3).map { "\($0) \(settings.values[$0] ?? "absent")" }
            return (listed + (names.count > 3 ? ["\(names.count - 3) more"] : [])).joined(separator: ", ")
        }
        return (list(self), list(other))
    }
}
