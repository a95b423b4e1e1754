import Essentials
import Testing

@Suite("JSON documents") struct JSONDocumentTests {
    @Test("numbers that are not finite become strings")
    func notFinite() throws {
        let text = try jsonDocument(["a": 1.5, "b": .infinity, "c": -.infinity, "d": .nan])
        #expect(text == "{\n  \"a\" : 1.5,\n  \"b\" : \"Infinity\",\n  \"c\" : \"-Infinity\",\n  \"d\" : \"NaN\"\n}\n")
    }
}
