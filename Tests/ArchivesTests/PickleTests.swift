import Archives
import Essentials
import Testing

/// What the tests' pickles make by calls: the name of the function with the state that it was given.
private struct Named: PickleObject {
    var name: String
    var state: Int?
    var summary: String { "an object of \(name)" }
    var isInert: Bool { false }
}

private struct TestVocabulary: PickleVocabulary {
    let protocols: ClosedRange<UInt8> = 2...4

    func refusal(ofName name: String) -> (expected: String, found: String)? {
        name.hasPrefix("os.") ? ("names of no harm", name) : nil
    }

    func result(
        of function: PickleValue, _ arguments: [PickleValue], makeDictionary: () -> PickleValue.Dictionary
    ) -> PickleValue? {
        guard case .global(let name) = function else { return nil }
        return name == "builtins.dict" ? .dictionary(makeDictionary()) : .object(Named(name: name))
    }

    func object(_ object: PickleValue, with state: PickleValue) -> PickleValue? {
        guard case .object(let made) = object, let made = made as? Named, case .integer(let number) = state else {
            return nil
        }
        return .object(Named(name: made.name, state: number))
    }

    func referent(of reference: PickleValue) -> PickleValue? { nil }

    func error(at offset: Int, expected: String, found: String) -> SmoothnessError {
        SmoothnessError(.data, "at \(offset)", expected: expected, found: found)
    }
}

@Suite("Pickles") struct PickleTests {
    private func bytes(_ text: String, protocol version: UInt8 = 2) -> [UInt8] {
        [0x80, version] + text.unicodeScalars.map { UInt8($0.value) }
    }

    private func read<Result>(_ text: String, _ body: (PickleValue, Pickle) throws -> Result) throws -> Result {
        var pickle = Pickle(bytes(text)[...], TestVocabulary())
        return try pickle.read(body)
    }

    private func refusal(_ bytes: [UInt8]) -> SmoothnessError? {
        var pickle = Pickle(bytes[...], TestVocabulary())
        return #expect(throws: SmoothnessError.self) { try pickle.read { value, _ in value.summary } }
    }

    @Test func buildsContainersNumbersAndTexts() throws {
        // {'a': [1, -2, None], 3: (True, 'b')}
        try read("}(U\u{1}a](K\u{1}J\u{FE}\u{FF}\u{FF}\u{FF}NeK\u{3}\u{88}U\u{1}b\u{86}u.") { value, pickle in
            guard case .dictionary(let dictionary) = value else {
                Issue.record("\(value.summary) is no dictionary")
                return
            }
            #expect(dictionary.items.map(\.key.keyText) == ["a", "3"] && pickle.remainder == 0)
            guard case .list(let list) = dictionary.items[0].value, case .tuple(let pair, _) = dictionary.items[1].value
            else {
                Issue.record("\(dictionary.items.map(\.value.summary))")
                return
            }
            #expect(list.items.map(\.summary) == ["the number 1", "the number -2", "None"])
            #expect(pair.map(\.summary) == ["True", "a string"] && pair[1].text == "b")
        }
    }

    @Test("a list that was named before it was filled is the same list") func remembersContainers() throws {
        try read("]q\u{0}K\u{7}ah\u{0}\u{86}.") { value, _ in
            guard case .tuple(let pair, _) = value, case .list(let first) = pair[0], case .list(let second) = pair[1]
            else {
                Issue.record("\(value.summary)")
                return
            }
            #expect(first === second && first.items.count == 1)
        }
    }

    @Test("containers that hold themselves are empty when the pickle was read") func letsGoOfCycles() throws {
        let list = try read("]q\u{0}h\u{0}a.") { value, _ in
            guard case .list(let list) = value else { throw SmoothnessError(.data, value.summary) }
            #expect(list.items.count == 1)
            return list
        }
        #expect(list.items.isEmpty)
    }

    @Test func asksTheVocabularyForObjectsAndTheirStates() throws {
        try read("cmodule\nname\n)RK\u{5}b.") { value, _ in
            guard case .object(let made) = value, let made = made as? Named else {
                Issue.record("\(value.summary)")
                return
            }
            #expect(made.name == "module.name" && made.state == 5)
        }
    }

    @Test func refusesWithTheOffsetOfTheInstruction() {
        let cases: [([UInt8], String)] = [
            (bytes("N.", protocol: 5), "at 0 (expected a pickle of protocol 2 to 4, found something else)"),
            (bytes("cos\nsystem\n."), "at 2 (expected names of no harm, found os.system)"),
            (bytes("NQ."), "at 3 (expected no reference to something outside of the pickle, found one)"),
            (bytes("}R."), "at 3 (expected 2 values before it, found 1)"),
            (bytes("e."), "at 2 (expected a mark before it, found none)"),
            (bytes("NN."), "at 4 (expected one value, found 2)"),
            (bytes("h\u{7}."), "at 2 (expected a value remembered as 7, found none)"),
            (bytes("T\u{FF}\u{FF}\u{FF}\u{7F}."), "at 2 (expected at most 8 bytes, found 2147483647)"),
            (
                bytes("c\(String(repeating: "m", count: 300))\nn\n."),
                "at 2 (expected names of at most 256 bytes, found one of 302)"
            ),
            (
                bytes("N" + String(repeating: "\u{85}", count: 65) + "."),
                "at 67 (expected at most 64 tuples in tuples, found more)"
            ),
        ]
        for (pickle, text) in cases { #expect(refusal(pickle)?.description == text) }
    }
}
