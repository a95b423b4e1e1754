import Essentials

/// What a reader of pickles makes of the calls in them, as a tensor.
package protocol PickleObject {
    /// What it is, in words.
    var summary: String { get }
    /// Whether what is put into it is dropped.
    var isInert: Bool { get }
}

/// A value that a pickle builds.
package indirect enum PickleValue {
    /// A list is filled after it was made and named.
    package final class List { package var items: [PickleValue] = [] }
    /// A dictionary is filled after it was made and named.
    package final class Dictionary { package var items: [(key: PickleValue, value: PickleValue)] = [] }

    case none
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    /// A text in UTF-8, or bytes that Python 2 called a string.
    case string(ArraySlice<UInt8>)
    case tuple([PickleValue], depth: Int)
    case list(List)
    case dictionary(Dictionary)
    /// A class or a function, by name. It is never looked up.
    case global(String)
    case object(any PickleObject)
    /// Something else, in words. What is put into it is dropped.
    case placeholder(String)

    package var summary: String {
        switch self {
        case .none: "None"
        case .boolean(let value): value ? "True" : "False"
        case .integer(let value): "the number \(value)"
        case .number(let value): "the number \(value)"
        case .string: "a string"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dictionary"
        case .global(let name): name
        case .object(let object): object.summary
        case .placeholder(let text): text
        }
    }

    /// How many tuples lie in one another here.
    var depth: Int { if case .tuple(_, let depth) = self { depth } else { 0 } }

    /// Whether what is put into it is dropped.
    package var isInert: Bool {
        switch self {
        case .placeholder: true
        case .object(let object): object.isInert
        default: false
        }
    }

    package var text: String? {
        if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
    }

    /// The key of a dictionary as text.
    package var keyText: String? { if case .integer(let value) = self { "\(value)" } else { text } }

    /// The numbers of a tuple of whole numbers, as extents are; `nil` for other values and for more than `most` of them.
    package func integers(atMost most: Int) -> [Int]? {
        guard case .tuple(let items, _) = self, items.count <= most else { return nil }
        let numbers = items.compactMap { if case .integer(let number) = $0 { number } else { nil } }
        return numbers.count == items.count ? numbers : nil
    }
}

/// What a reader of pickles knows of the names in them. Functions are told by their names and never called: a vocabulary puts together what they
/// would return, or says that it does not know them.
package protocol PickleVocabulary {
    /// The protocols that are read.
    var protocols: ClosedRange<UInt8> { get }

    /// Returns what was expected instead of a name that must not stand in a pickle; `nil` for a name that may.
    func refusal(ofName name: String) -> (expected: String, found: String)?

    /// Returns what a call would return.
    /// - Parameter makeDictionary: makes a dictionary that the pickle can fill.
    /// - Returns: `nil` where these are not the arguments of the function.
    func result(
        of function: PickleValue, _ arguments: [PickleValue], makeDictionary: () -> PickleValue.Dictionary
    ) -> PickleValue?

    /// Returns what an object is with the state that it is given; the object as it is where states are left out.
    /// - Returns: `nil` where that is no state of the object.
    func object(_ object: PickleValue, with state: PickleValue) -> PickleValue?

    /// Returns what a reference to something outside of the pickle stands for.
    /// - Returns: `nil` where such pickles have no references.
    func referent(of reference: PickleValue) -> PickleValue?

    /// Returns the error for a pickle that is not read.
    /// - Parameter offset: where the instruction stands.
    func error(at offset: Int, expected: String, found: String) -> SmoothnessError
}
