import Foundation
import HDF5
import TestSupport
import Testing

@Suite("Strings and attributes")
struct TextTests {
    let folder: TemporaryFolder
    static let texts = ["", "plain", "Grüße, 世界 🌍", "two\nlines\tand a tab", String(repeating: "long ", count: 30_000)]

    init() throws { folder = try TemporaryFolder() }

    @Test("text comes back as it was written")
    func strings() throws {
        let path = folder.path("a.h5")
        let file = try File.create(path)
        for (index, text) in Self.texts.enumerated() { try file.writeString("/text/\(index)", text) }
        try file.writeStrings("/many", Self.texts)
        try file.writeStrings("/none", [])
        try file.close()
        let again = try File.open(path)
        for (index, text) in Self.texts.enumerated() { #expect(try again.readString("/text/\(index)") == text) }
        #expect(try again.readStrings("/many") == Self.texts)
        #expect(try again.readStrings("/none") == [])
        #expect(try again.dataset("/many").elementName == "string")
        #expect(throws: HDF5Error.self) { try again.readString("/many") }
    }

    @Test("a zero byte inside a string is refused, not cut")
    func zeroByte() throws {
        let file = try File.create(folder.path("a.h5"))
        #expect(throws: HDF5Error.self) { try file.writeString("/x", "a\0b") }
        #expect(throws: HDF5Error.self) { try file.setAttribute("x", to: "a\0b") }
        #expect(try !file.exists("/x"))
    }

    @Test("attributes of every kind, set again and replaced")
    func attributes() throws {
        let path = folder.path("a.h5")
        let file = try File.create(path)
        try file.createGroup("/g").close()
        try file.setAttribute("text", to: "writing")
        try file.setAttribute("text", to: "interrupted")
        try file.setAttribute("signed", of: "/g", to: Int64.min)
        try file.setAttribute("unsigned", of: "/g", to: UInt64.max)
        try file.setAttribute("real", of: "/g", to: Double.leastNonzeroMagnitude)
        try file.setAttribute("truth", of: "/g", to: true)
        try file.setAttribute("changing", of: "/g", to: 1.5)
        try file.setAttribute("changing", of: "/g", to: "now text")
        try file.close()
        let again = try File.open(path)
        #expect(try again.attribute("text", as: String.self) == "interrupted")
        #expect(try again.attribute("signed", of: "/g", as: Int64.self) == .min)
        #expect(try again.attribute("unsigned", of: "/g", as: UInt64.self) == .max)
        #expect(try again.attribute("real", of: "/g", as: Double.self) == .leastNonzeroMagnitude)
        #expect(try again.attribute("truth", of: "/g", as: Bool.self) == true)
        #expect(try again.attribute("changing", of: "/g", as: String.self) == "now text")
        #expect(try again.attributeNames(of: "/g") == ["changing", "real", "signed", "truth", "unsigned"])
        #expect(try again.hasAttribute("text"))
        #expect(try !again.hasAttribute("nothing"))
        let form = try again.attributeForm("text")
        #expect(form == .text())
        let wrong = try #require(throws: HDF5Error.self) { try again.attribute("text", as: Double.self) }
        #expect(wrong.object == "/@text")
        #expect(throws: HDF5Error.self) { try again.attribute("unsigned", of: "/g", as: Int64.self) }
        let missing = try #require(throws: HDF5Error.self) { try again.attribute("nothing", as: String.self) }
        #expect(!missing.stack.isEmpty)
    }

    @Test(
        "h5py sees str and bool, and what h5py writes is read",
        .enabled(if: Workplace.python != nil, "no Python with h5py: set SMOOTHNESS_PYTHON"))
    func twin() throws {
        let path = folder.path("swift.h5")
        let file = try File.create(path)
        try file.writeString("/scalar", "Grüße, 世界 🌍")
        try file.writeStrings("/many", ["a", "", "ß"])
        try file.setAttribute("text", to: "öffentlich")
        try file.setAttribute("empty", to: "")
        try file.setAttribute("signed", to: Int64(-3))
        try file.setAttribute("unsigned", to: UInt64.max)
        try file.setAttribute("real", to: 0.1)
        try file.setAttribute("truth", to: true)
        let matrix = try file.createDataset("/matrix", of: Float.self, shape: [2, 3])
        try matrix.write(all: [0, 1, 2, 3, 4, 5])
        try matrix.close()
        try file.close()

        let theirs = folder.path("python.h5")
        let script = Workplace.packageRoot.appending(path: "Tests/HDF5Tests/Twins/strings.py").path
        let outcome = try run(try #require(Workplace.python), [script, path, theirs])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")

        let read = try File.open(theirs)
        #expect(try read.attribute("text", as: String.self) == "öffentlich")
        #expect(try read.attribute("fixed", as: String.self) == "bytes")
        #expect(try read.attribute("integer", as: Int64.self) == 5)
        #expect(try read.attribute("small", as: Int64.self) == 7)
        #expect(try read.attribute("real", as: Double.self) == 0.5)
        #expect(try read.attribute("truth", as: Bool.self) == true)
        #expect(throws: HDF5Error.self) { try read.attribute("array", as: Double.self) }
        #expect(try read.readString("/scalar") == "世界")
        #expect(try read.readStrings("/many") == ["x", "yy", "ü"])
        #expect(try read.readStrings("/fixed") == ["ab", "c"])
        let big = try read.dataset("/big")
        #expect(try big.elementName == "other")
        #expect(try big.read(as: Double.self) == [1, 2])
        #expect(try read.dataset("/compressed").read(as: Int64.self) == (0..<100).map { Int64($0) })
    }
}
