/// How vectors of one layout become vectors of another that has the same blocks, by name and shape, in an order of its own.
public struct BlockPermutation: Sendable, Hashable {
    /// Elements that lie side by side in both.
    private struct Move: Sendable, Hashable {
        var given: Range<Int>
        var wanted: Range<Int>
    }

    private let moves: [Move]
    /// Whether the names of wrappers, as `module.`, had to be left aside to match.
    public let ignoresWrappers: Bool

    /// Whether both layouts have their blocks in the same order.
    public var isIdentity: Bool { moves.allSatisfy { $0.given == $0.wanted } }

    /// - Parameters:
    ///   - given: the layout of the vectors that there are.
    ///   - wanted: the layout that they are brought to.
    /// - Throws: `LayoutDifference` where the two do not have the same blocks.
    public init(from given: ParameterLayout, to wanted: ParameterLayout) throws(LayoutDifference) {
        let match = BlockNames.match(given.blocks.map(\.name), to: wanted.blocks.map(\.name))
        let pairs = zip(wanted.blocks, match.places).map { block, place in (block, place.map { given.blocks[$0] }) }
        let unlike = pairs.filter { $0.0.shape != $0.1?.shape }
        let surplus = Set(match.surplus)
        guard unlike.isEmpty, surplus.isEmpty, given.blocks.count == wanted.blocks.count else {
            throw LayoutDifference(
                wanted: unlike.map(\.0),
                given: unlike.compactMap(\.1) + given.blocks.filter { surplus.contains($0.name) })
        }
        ignoresWrappers = match.isBare
        moves = pairs.compactMap { wanted, given in
            given.map { Move(given: $0.range, wanted: wanted.range) }
        }
    }

    /// Returns a vector of the given layout in the wanted one.
    public func applied<Element>(to vector: [Element]) -> [Element] {
        var result = vector
        for move in moves where !move.given.isEmpty { result.replaceSubrange(move.wanted, with: vector[move.given]) }
        return result
    }

    /// Overwrites a vector of the given layout with what one of the wanted layout holds.
    public func undo<Element>(_ vector: [Element], into result: inout [Element]) {
        for move in moves where !move.given.isEmpty { result.replaceSubrange(move.given, with: vector[move.wanted]) }
    }
}

/// The blocks in which two layouts differ, by name or shape.
public struct LayoutDifference: Error, Sendable, Hashable {
    /// Blocks of the wanted layout that the given one does not have, or not of this shape.
    public var wanted: [ParameterBlock]
    /// Blocks of the given layout that the wanted one does not have, or not of this shape.
    public var given: [ParameterBlock]
}
