import Essentials
import Foundation
import Interchange
import ParameterSpace
import RunFiles
import TestSupport
import Testing

/// The files that Python's own libraries have written, made once.
private let formats: Result<TemporaryFolder, any Error> = Result {
    let folder = try TemporaryFolder()
    let script = Workplace.packageRoot.appending(path: "Tests/InterchangeTests/Twins/write_formats.py").path
    let outcome = try run(try #require(Workplace.python), [script, folder.url.path])
    try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    return folder
}

@Suite(
    "Files of other programs", .serialized,
    .enabled(
        if: Workplace.python != nil, "needs Python with NumPy, h5py, PyTorch and safetensors: set SMOOTHNESS_PYTHON"))
struct FormatTests {
    private static let types = ["float32", "float64", "float16", "bfloat16"]
    private let folder: TemporaryFolder

    init() throws { folder = try formats.get() }

    /// [iterates and gradients][snapshot][element] of one element type.
    private func expected(_ type: String) throws -> [[[Double]]] {
        let data = try Data(contentsOf: URL(filePath: folder.path("expected.f8")))
        let start = try #require(Self.types.firstIndex(of: type)) * 2 * 44
        let numbers = (start..<(start + 88)).map { index in
            Double(bitPattern: data[(8 * index)..<(8 * index + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) })
        }
        return (0..<2).map { part in
            (0..<4).map { Array(numbers[(44 * part + 11 * $0)..<(44 * part + 11 * $0 + 11)]) }
        }
    }

    @Test(arguments: types)
    func readsEveryFormatToTheBit(type: String) throws {
        let expected = try expected(type)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
            .filter { $0.hasPrefix(type + "-") && !$0.contains("series") }
        #expect(names.count == ["float32": 6, "float64": 6, "float16": 5, "bfloat16": 3][type])
        for name in names { try expectSame([TensorFile(folder.path(name))], expected, name, type) }
        let series = TensorFile.inNaturalOrder((8..<12).map { folder.path("\(type)-series-\($0).pt") }.reversed())
        try expectSame(series.map { try TensorFile($0) }, expected, "series", type)
    }

    private func expectSame(_ files: [TensorFile], _ expected: [[[Double]]], _ name: String, _ type: String) throws {
        for (part, group) in ["weights", "grads"].enumerated() {
            let series = try SnapshotSeries(files, name: group, stacked: name.contains("stacked") ? true : nil)
            let blocks = ["w", "b"]
            #expect(Set(series.blocks.map(\.name)) == Set(blocks), "\(name)")
            #expect(series.count == 4 && series.isDouble == (type == "float64"), "\(name)")
            for index in 0..<4 {
                let found = try series.read(index, blocks: blocks, as: Double.self)
                #expect(
                    found.map(\.bitPattern) == expected[part][index].map(\.bitPattern), "\(name) \(group) \(index)")
            }
        }
    }

    private func refusal(_ name: String, _ member: String = "weights") -> SmoothnessError? {
        expectRefusal(.data, file: folder.path(name)) {
            try SnapshotSeries([TensorFile(folder.path(name))], name: member)
        }
    }

    @Test func refusesProgramsByName() throws {
        #expect(refusal("evil.pt")?.found?.contains("posix.system") == true)
        #expect(refusal("module.pt")?.found?.contains("torch.nn.modules.linear.Linear") == true)
        #expect(refusal("script.pt")?.message.contains("scripted module") == true)
        #expect(refusal("legacy.pt")?.found?.contains("before 1.6") == true)
        #expect(refusal("bare.pkl")?.remedy?.contains("not opened") == true)
        #expect(refusal("objects.npz")?.found?.contains("|O") == true)
        #expect(!FileManager.default.fileExists(atPath: folder.path("owned")))
    }

    @Test("what an HDF5 file takes from other files is not read: its writer would choose what else is")
    func refusesOtherFiles() throws {
        for member in ["weights", "soft", "virtual", "stored"] {
            #expect(refusal("elsewhere.h5", member)?.found?.contains("in another file") == true, "\(member)")
        }
        #expect(refusal("elsewhere.h5", "dangling")?.found?.contains("neither a group nor a dataset") == true)
        for member in ["inside", "itself"] {
            let series = try SnapshotSeries([TensorFile(folder.path("elsewhere.h5"))], name: member)
            let name = try #require(series.blocks.first?.name)
            #expect(try series.read(1, blocks: [name], as: Double.self) == [1, 1, 1])
        }
    }

    @Test func refusesOtherElements() throws {
        #expect(refusal("integers.pt")?.found == "a tensor of long")
        #expect(refusal("complex.pt") != nil)
        #expect(refusal("float32-stacked.pt", "nothing")?.found?.contains("weights, grads") == true)
    }

    @Test(arguments: ["float32-plain.h5", "float32-stacked.pt", "float32-stacked.safetensors", "float64-deflated.npz"])
    func saysThatAFileIsCutShort(name: String) throws {
        let whole = try Data(contentsOf: URL(filePath: folder.path(name)))
        try whole.prefix(whole.count * 9 / 10).write(to: URL(filePath: folder.path("short")))
        let error = try #require(refusal("short"))
        #expect(error.kind == .data && error.message.hasPrefix("is truncated"), "\(error)")
        #expect(error.remedy == "Copy it again from where it was written", "\(error)")
    }

    /// Whatever happens to a file, there is one error or other numbers, never a crash, and nothing runs.
    @Test(arguments: ["float32-stacked.pt", "float32-stacked.safetensors", "float64-deflated.npz", "evil.pt"])
    func survivesDamage(name: String) throws {
        let whole = [UInt8](try Data(contentsOf: URL(filePath: folder.path(name))))
        let path = folder.path("damaged")
        func probe(_ bytes: [UInt8]) throws -> Bool {
            try Data(bytes).write(to: URL(filePath: path))
            do {
                let series = try SnapshotSeries([TensorFile(path)], name: "weights")
                for index in 0..<series.count {
                    _ = try series.read(index, blocks: series.blocks.map(\.name), as: Float.self)
                }
                return true
            } catch is SmoothnessError {
                return false
            }
        }
        for length in stride(from: 0, to: whole.count - 1, by: max(1, whole.count / 100)) {
            #expect(try !probe(Array(whole.prefix(length))), "\(length) bytes")
        }
        var generator = SeededGenerator(seed: 3, purpose: "damage")
        for _ in 0..<300 {
            var bytes = whole
            for _ in 0..<(1 + Int.random(in: 0..<4, using: &generator)) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[place] =
                    [0, 0xff, 0x7f, UInt8.random(in: 0...255, using: &generator)].randomElement(using: &generator) ?? 0
            }
            _ = try probe(bytes)
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("owned")))
    }

    /// Lengths beyond any memory, containers in containers, and every instruction that is not on the list.
    @Test func survivesHostilePickles() throws {
        let deep =
            [UInt8](repeating: UInt8(ascii: "]"), count: 1)
            + (0..<200_000).flatMap { _ in [UInt8(ascii: "]"), UInt8(ascii: "a")] }
        let hostile: [[UInt8]] = [
            [UInt8(ascii: "X"), 0xff, 0xff, 0xff, 0xff],
            [0x8a, 0xff] + [UInt8](repeating: 0xff, count: 255),
            [UInt8(ascii: "]"), UInt8(ascii: "q"), 0, UInt8(ascii: "h"), 0, UInt8(ascii: "a")],
            [UInt8](repeating: UInt8(ascii: ")"), count: 1) + [UInt8](repeating: 0x85, count: 100_000),
            (0..<100_000).flatMap { _ in [UInt8(ascii: "]")] } + (0..<99_999).flatMap { _ in [UInt8(ascii: "a")] },
            // A list that holds itself 100,000 times.
            [UInt8(ascii: "]"), UInt8(ascii: "q"), 0, UInt8(ascii: "(")]
                + (0..<100_000).flatMap { _ in [UInt8(ascii: "h"), 0] } + [UInt8(ascii: "e")],
            deep, [UInt8(ascii: "h"), 7], [UInt8(ascii: "R")], [UInt8(ascii: "t")], [],
        ]
        for body in hostile { #expect(refusedPickle(body), "\(body.prefix(8))") }
        for opcode in UInt8.min...UInt8.max where opcode != UInt8(ascii: ".") {
            #expect(refusedPickle([opcode] + [UInt8](repeating: 0, count: 3)), "\(opcode)")
        }
    }

    /// Whether a pickle of these instructions is refused as the tensors of an archive.
    private func refusedPickle(_ body: [UInt8]) -> Bool {
        let path = folder.path("hostile.pt")
        do {
            try Data(Self.archive("a/data.pkl", [0x80, 2] + body + [UInt8(ascii: ".")])).write(to: URL(filePath: path))
            _ = try SnapshotSeries([TensorFile(path)], name: "")
            return false
        } catch { return error is SmoothnessError }
    }

    /// A ZIP archive of one stored member.
    private static func archive(_ name: String, _ bytes: [UInt8]) -> [UInt8] {
        func numbers(_ values: [(Int, Int)]) -> [UInt8] {
            values.flatMap { value, width in (0..<width).map { UInt8(value >> (8 * $0) & 0xff) } }
        }
        let (size, length) = (bytes.count, name.utf8.count)
        var local = numbers([(0x0403_4b50, 4), (20, 2), (0, 2), (0, 2), (0, 4), (0, 4), (size, 4), (size, 4)])
        local += numbers([(length, 2), (0, 2)])
        local += Array(name.utf8) + bytes
        var central = numbers([
            (0x0201_4b50, 4), (20, 2), (20, 2), (0, 2), (0, 2), (0, 4), (0, 4), (size, 4), (size, 4),
        ])
        central += numbers([(length, 2), (0, 8), (0, 4), (0, 4)])
        central += Array(name.utf8)
        return local + central
            + numbers([(0x0605_4b50, 4), (0, 4), (1, 2), (1, 2), (central.count, 4), (local.count, 4), (0, 2)])
    }

    @Test func ordersNamesAsPeopleDo() {
        #expect(
            TensorFile.inNaturalOrder(["s-10.pt", "s-9.pt", "s-1.pt", "a/s-2.pt", "s-1-b.pt"])
                == ["a/s-2.pt", "s-1-b.pt", "s-1.pt", "s-9.pt", "s-10.pt"])
    }

    @Test func becomesARunFile() throws {
        let expected = try expected("float32")
        let file = try TensorFile(folder.path("float32-listed.pt"))
        let work = RunImport(
            iterates: try SnapshotSeries([file], name: "weights"), gradients: try SnapshotSeries([file], name: "grads"),
            subset: "the twin's", objective: #"{"kind":"external"}"#)
        let path = folder.path("imported.h5")
        try work.write(to: path, isForced: true)
        let report = verifyRunFile(path)
        #expect(report.isValid, "\(report)")
        let reader = try RunFileReader(path)
        #expect(reader.snapshotCount == 3 && reader.isConsecutive && reader.header.state == .complete)
        #expect(reader.fixedSubset?.subset == "the twin's" && reader.fixedSubset?.sharesRows == true)
        #expect(reader.header.layout == ParameterLayout([("w", [3, 2]), ("b", [5])]))
        let vectors = try RecordedVectors<Float>(path)
        for row in 0..<3 {
            var values = [Float](repeating: 0, count: 11)
            for (vector, part, index) in [
                (RecordedVector.iterate, 0, row), (.nextIterate, 0, row + 1), (.gradient, 1, row),
                (.nextGradient, 1, row + 1),
            ] {
                try vectors.read(vector, row: row, 0..<11, into: &values)
                #expect(values.map { Double($0) } == expected[part][index])
            }
        }
    }
}
