/// Matches the names of blocks, also where a wrapper has put its own before all of them.
enum BlockNames {
    /// What `DataParallel`, `torch.compile` and modules of Lightning put before the names of the module that they hold.
    private static let prefixes = ["module.", "_orig_mod.", "model."]

    /// The names without what a wrapper has put before all of them.
    static func bare(_ names: [String]) -> [String] {
        var names = names
        while !names.isEmpty,
            let prefix = prefixes.first(where: { prefix in names.allSatisfy { $0.hasPrefix(prefix) } })
        {
            names = names.map { String($0.dropFirst(prefix.count)) }
        }
        return names
    }

    /// Where each wanted name stands among the given ones.
    struct Match {
        /// `nil` for a name that is not there.
        var places: [Int?]
        /// Given names that nobody wants.
        var surplus: [String]
        /// Whether the names of wrappers had to be taken off.
        var isBare: Bool

        var isWhole: Bool { surplus.isEmpty && !places.contains(nil) }
    }

    /// - Parameter isOptional: whether a given name may be left over.
    static func match(_ given: [String], to wanted: [String], isOptional: (String) -> Bool = { _ in false }) -> Match {
        func match(_ names: [String], _ wantedNames: [String], isBare: Bool) -> Match {
            let places = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
            let wantedSet = Set(wantedNames)
            let surplus = zip(names, given).filter { !wantedSet.contains($0.0) && !isOptional($0.1) }.map(\.1)
            return Match(places: wantedNames.map { places[$0] }, surplus: surplus, isBare: isBare)
        }
        let exact = match(given, wanted, isBare: false)
        guard !exact.isWhole else { return exact }
        let bare = match(self.bare(given), self.bare(wanted), isBare: true)
        return bare.isWhole ? bare : exact
    }
}
