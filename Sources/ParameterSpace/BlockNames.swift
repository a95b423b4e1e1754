/// Matches the names of blocks, also where a wrapper has put its own into them.
package enum BlockNames {
    /// What `DataParallel` and modules of Lightning put before the names of the module that they hold.
    private static let prefixes = ["module.", "model."]
    /// What `torch.compile`, FSDP and activation checkpointing put into a name, before that of the module that they wrap.
    private static let wrappers: Set<Substring> = [
        "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
    ]

    /// What to tell a person where names were matched without those of wrappers.
    package static let bareNote = "the names of a wrapper (module., _orig_mod., model.) were taken off to match"

    /// The names without what wrappers have put into each, and before all of them.
    static func bare(_ names: [String]) -> [String] {
        var names = names.map { name in
            name.contains("_")
                ? name.split(separator: ".", omittingEmptySubsequences: false).filter { !wrappers.contains($0) }
                    .joined(separator: ".") : name
        }
        while !names.isEmpty,
            let prefix = prefixes.first(where: { prefix in names.allSatisfy { $0.hasPrefix(prefix) } })
        {
            names = names.map { String($0.dropFirst(prefix.count)) }
        }
        return names
    }

    /// Where each wanted name stands among the given ones.
    package struct Match {
        /// `nil` for a name that is not there.
        package var places: [Int?]
        /// Given names that nobody wants.
        package var surplus: [String]
        /// Whether the names of wrappers had to be taken off.
        package var isBare: Bool

        package var isWhole: Bool { surplus.isEmpty && !places.contains(nil) }
    }

    /// - Parameter isOptional: whether a given name may be left over.
    package static func match(
        _ given: [String], to wanted: [String], isOptional: (String) -> Bool = { _ in false }
    ) -> Match {
        func match(_ names: [String], _ wantedNames: [String], isBare: Bool) -> Match {
            let places = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
            let wantedSet = Set(wantedNames)
            let surplus = zip(names, given).filter { !wantedSet.contains($0.0) && !isOptional($0.1) }.map(\.1)
            return Match(places: wantedNames.map { places[$0] }, surplus: surplus, isBare: isBare)
        }
        let exact = match(given, wanted, isBare: false)
        guard !exact.isWhole else { return exact }
        let (bareNames, bareWanted) = (self.bare(given), self.bare(wanted))
        // Two blocks that differ by their wrapper alone cannot be told apart without it.
        guard Set(bareNames).count == given.count, Set(bareWanted).count == wanted.count else { return exact }
        let bare = match(bareNames, bareWanted, isBare: true)
        return bare.isWhole ? bare : exact
    }
}
