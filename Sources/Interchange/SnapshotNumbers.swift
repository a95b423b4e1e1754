import Foundation

/// The iteration numbers that snapshots bring along, from what says most about them to what says least.
struct SnapshotNumbers: Sendable {
    /// Saved with the snapshot, as `global_step`, or in the `trainer_state.json` beside it.
    var saved: Int?
    /// Behind the word step, iteration or checkpoint in its name.
    var named: Int?
    /// The epoch that was saved with it.
    var epoch: Int?
    /// The last number in its name.
    var last: Int?

    /// More iterations are more rows of a history than a run file should reserve for a few snapshots.
    static let most = 10_000_000

    private static let levels: [(KeyPath<SnapshotNumbers, Int?> & Sendable, String)] = [
        (\.saved, "saved with them"), (\.named, "in their names"), (\.epoch, "epochs that were saved with them"),
        (\.last, "numbers in their names"),
    ]

    /// The first kind of numbers that every snapshot has, each another one.
    static func common(_ all: [SnapshotNumbers]) -> (numbers: [Int], source: String)? {
        for (level, source) in levels {
            let numbers = all.compactMap { $0[keyPath: level] }
            guard numbers.count == all.count, Set(numbers).count == numbers.count,
                numbers.allSatisfy({ (0...most).contains($0) })
            else { continue }
            return (numbers, source)
        }
        return nil
    }

    /// Adds what was saved beside the tensors.
    mutating func add(_ tree: TensorTree) {
        func number(_ names: [String]) -> Int? {
            for name in names { if case .integer(let value) = tree.direct(name) { return value } }
            return nil
        }
        saved = saved ?? number(["global_step", "step", "iteration", "iter", "num_updates", "iter_num", "it"])
        epoch = epoch ?? number(["epoch"])
    }

    /// Adds what the name of a file says, or else that of its folder.
    mutating func add(path: String) {
        let url = URL(filePath: path)
        for name in [url.deletingPathExtension().lastPathComponent, url.deletingLastPathComponent().lastPathComponent] {
            named = named ?? Self.step(in: name)
            last = last ?? name.matches(of: /[0-9]+/).last.flatMap { Int($0.0) }
        }
    }

    static func step(in name: String) -> Int? {
        let words = [
            /(?i)(?:step|steps|iter|iters|iteration|iterations)[-_=. ]?([0-9]+)/,
            /(?i)(?:checkpoint|ckpt|snapshot)[-_=. ]?([0-9]+)/,
        ]
        return words.lazy.compactMap { name.matches(of: $0).last.flatMap { Int($0.1) } }.first
    }

    /// Whether these are the keys of a mapping from iterations to snapshots: whole numbers, or one word of time with numbers.
    /// - Parameter needsWord: whether numbers alone are something else, as those of layers.
    static func ofKeys(_ keys: [String], needsWord: Bool) -> [Int]? {
        var words: Set<String> = []
        let numbers = keys.compactMap { key -> Int? in
            guard
                let match = key.wholeMatch(
                    of:
                        /(?i)((?:global_?)?(?:steps?|iter|iters|iterations?|epochs?|checkpoints?|ckpt|snapshots?|updates?)?[-_=. ]?)([0-9]+)/
                )
            else { return nil }
            words.insert(String(match.1).lowercased())
            return Int(match.2)
        }
        guard numbers.count == keys.count, keys.count > 1, words.count == 1, Set(numbers).count == keys.count,
            !needsWord || words.first != ""
        else { return nil }
        return numbers
    }
}
