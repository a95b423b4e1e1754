import ArgumentParser
import Essentials

/// Returns the names of those options that were given.
func names(_ options: (name: String, isGiven: Bool)...) -> [String] { options.filter(\.isGiven).map(\.name) }

extension ValidationError {
    /// Refuses options that do not go with others.
    /// - Parameters:
    ///   - names: those that were given; none is no mistake.
    ///   - remedy: what to do besides leaving them out.
    static func refuse(_ names: [String], _ reason: String, remedy: String = "") throws {
        guard !names.isEmpty else { return }
        throw ValidationError("\(reason): leave out \(names.joined(separator: ", "))\(remedy)")
    }
}

/// Refuses a number of threads that no machine has: each would get a stack and a share of every small product.
func checkThreadCount(_ threads: Int?) throws { try checkCount("--threads", threads) }

/// Refuses a number of threads or processes that no machine has.
func checkCount(_ name: String, _ count: Int?) throws {
    guard let count, !(1...1024).contains(count) else { return }
    throw ValidationError("\(name) must lie between 1 and 1024, not \(count)")
}

/// Values with commas between them.
struct WordList<Element: OptionValue>: ExpressibleByArgument {
    let values: [Element]

    init?(argument: String) {
        guard let values = [Element](optionText: argument) else { return nil }
        self.values = values
    }
}
