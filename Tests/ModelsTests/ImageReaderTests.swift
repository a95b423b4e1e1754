import Essentials
import Evaluation
import Foundation
import Models
import TestSupport
import Testing

/// Wrong image data, each with all that is said of it. `@` stands for the folder.
@Suite("Image files that are refused") struct ImageReaderTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func load(_ name: String, resizing: ImageResizing? = nil, heldOut: ImageDataDescription.HeldOut = .none)
        throws
        -> ImageData
    {
        let files = try ImageFiles(path: folder.path(name))
        return try ImageData(
            ImageDataDescription(source: .files(files), heldOut: heldOut, resizing: resizing), seed: 0)
    }

    private func expectRefusal(
        _ name: String, _ message: String, kind: SmoothnessError.Kind = .data, resizing: ImageResizing? = nil,
        heldOut: ImageDataDescription.HeldOut = .none, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = TestSupport.expectRefusal(kind, sourceLocation: sourceLocation) {
            try load(name, resizing: resizing, heldOut: heldOut)
        }
        #expect(error?.description.replacing(folder.url.path, with: "@") == message, sourceLocation: sourceLocation)
    }

    private func write(_ name: String, _ bytes: [UInt8]) throws {
        let url = URL(filePath: folder.path(name))
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    private func bigEndian(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 255) } }

    private func images(_ count: Int, _ height: Int, _ width: Int) -> [UInt8] {
        [0, 0, 8, 3] + [count, height, width].flatMap(bigEndian) + [UInt8](repeating: 7, count: count * height * width)
    }

    private func labels(_ values: [UInt8]) -> [UInt8] { [0, 0, 8, 1] + bigEndian(values.count) + values }

    @Test func idx() throws {
        try write("good-labels-idx1-ubyte", labels([0, 1]))
        try write("good-images-idx3-ubyte", images(2, 3, 3))
        #expect(
            try load("good-images-idx3-ubyte").training.source.shape == ImageShape(channels: 1, height: 3, width: 3))

        func expect(_ images: [UInt8], _ message: String) throws {
            try write("bad-images-idx3-ubyte", images)
            try write("bad-labels-idx1-ubyte", labels([0, 1]))
            expectRefusal("bad-images-idx3-ubyte", message)
        }
        let images = images(2, 3, 3)
        let subject = "@/bad-images-idx3-ubyte: is not an IDX file of images at offset"
        try expect([], "\(subject) 0 (expected 00 00 08 03, found nothing)")
        try expect([0, 0, 13, 3] + images.dropFirst(4), "\(subject) 0 (expected 00 00 08 03, found 00 00 0d 03)")
        try expect(labels([0, 1]), "\(subject) 0 (expected 00 00 08 03, found 00 00 08 01)")
        try expect(Array(images.prefix(13)), "\(subject) 4 (expected 12 bytes of dimensions, found 9)")
        try expect(images.dropLast(), "\(subject) 16 (expected 2 × 3 × 3 = 18 bytes, found 17)")
        try expect(images + [0], "\(subject) 16 (expected 2 × 3 × 3 = 18 bytes, found 19)")
        try expect(self.images(2, 0, 3), "\(subject) 8 (expected a dimension of 1 or more, found 0)")
        try expect(
            self.images(3, 3, 3),
            "@/bad-labels-idx1-ubyte: does not hold the labels of @/bad-images-idx3-ubyte at offset 4 (expected 3 labels, "
                + "found 2)")
        try write("alone-images-idx3-ubyte", images)
        expectRefusal(
            "alone-images-idx3-ubyte",
            "@/alone-labels-idx1-ubyte: there is no such file (expected the labels of @/alone-images-idx3-ubyte)",
            kind: .noInput)
        // Not gzip after the first two bytes.
        try expect(
            [0x1f, 0x8b, 1, 2, 3, 4],
            "@/bad-images-idx3-ubyte: cannot be decoded at offset 4 (expected a whole gzip file, found unknown compression "
                + "method)")
    }

    @Test("an archive unpacks to what its header promises and no more")
    func bomb() throws {
        try write("bomb-labels-idx1-ubyte", labels([0, 1]))
        try write("bomb-images-idx3-ubyte", images(2, 3, 3) + [UInt8](repeating: 0, count: 8 << 20))
        let packing = try TestSupport.run("/usr/bin/env", ["gzip", "-9", folder.path("bomb-images-idx3-ubyte")])
        try #require(packing.exitCode == 0, "\(packing.standardError)")
        let packed = try Data(contentsOf: URL(filePath: folder.path("bomb-images-idx3-ubyte.gz")))
        #expect(packed.count < 20_000)
        let error = #expect(throws: SmoothnessError.self) { try load("bomb-images-idx3-ubyte.gz") }
        #expect(error?.kind == .data && error?.found == "unpacks to more than it may hold")
    }

    @Test("pipes among the images are refused, not waited for")
    func pipes() throws {
        try write("classes/train/cat/readme.txt", [])
        #expect(mkfifo(folder.path("classes/train/cat/0.png"), 0o600) == 0)
        expectRefusal(
            "classes",
            "@/classes/train/cat/0.png: is not a data file (expected a file, found a pipe, a socket or a device)",
            resizing: ImageResizing(shorterSide: 8, size: 8))
    }

    @Test("a picture that claims more pixels than its file can hold takes no memory for them")
    func claims() throws {
        func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
            let content = Array(type.utf8) + data
            var checksum = UInt32.max
            for byte in content {
                checksum ^= UInt32(byte)
                for _ in 0..<8 { checksum = checksum & 1 == 1 ? checksum >> 1 ^ 0xEDB8_8320 : checksum >> 1 }
            }
            return bigEndian(data.count) + content + bigEndian(Int(~checksum))
        }
        for side in [8000, 1 << 20] {
            let header = chunk("IHDR", bigEndian(side) + bigEndian(side) + [8, 2, 0, 0, 0])
            let data = chunk("IDAT", [0x78, 0x9C, 0x63, 0, 0, 0, 1, 0, 1])
            try write(
                "pictures/cat/0.png",
                [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + header + data + chunk("IEND", []))
            let error = #expect(throws: SmoothnessError.self) {
                try load("pictures", resizing: ImageResizing(shorterSide: 8, size: 8))
            }
            #expect(error?.kind == .data && error?.file?.hasSuffix("0.png") == true, "\(side)")
        }
    }

    @Test("a class without images between others is refused with the label that stands out")
    func classWithoutImages() throws {
        func load(_ values: [UInt8]) throws -> Int {
            try write("some-labels-idx1-ubyte", labels(values))
            try write("some-images-idx3-ubyte", images(values.count, 2, 2))
            return try self.load("some-images-idx3-ubyte").classCount
        }
        #expect(try load([2, 0, 1, 1]) == 3)
        // Some data count from 1.
        #expect(try load([3, 1, 2]) == 4)
        #expect(throws: SmoothnessError.self) { try load([2, 0, 200, 1, 1]) }
        expectRefusal(
            "some-images-idx3-ubyte",
            "@/some-labels-idx1-ubyte: leaves class 3 without images at offset 10 (expected a class of 0 to 2, as all labels "
                + "below it are there, found 200)")
    }

    @Test("a folder of IDX files names the training file that it lacks")
    func idxFolderWithoutTraining() throws {
        try write("mnist/t10k-images-idx3-ubyte", images(2, 3, 3))
        try write("mnist/t10k-labels-idx1-ubyte", labels([0, 1]))
        expectRefusal(
            "mnist",
            "@/mnist: holds no training images (expected train-images-idx3-ubyte and train-labels-idx1-ubyte, plain or with .gz, "
                + "found only t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte)")
        try write("mnist/train-images-idx3-ubyte", images(2, 3, 3))
        expectRefusal(
            "mnist",
            "@/mnist/train-images-idx3-ubyte: is half of a pair (expected its labels beside it in train-labels-idx1-ubyte, found "
                + "no such file)")
        try write("mnist/train-labels-idx1-ubyte", labels([1, 0]))
        #expect(try load("mnist").training.members.count == 2)
    }

    private func record(_ label: UInt8) -> [UInt8] { [label] + [UInt8](repeating: 9, count: 3072) }

    @Test func cifarBinary() throws {
        try write("good.bin", record(3) + record(9))
        #expect(try load("good.bin").training.source.labels == [3, 9])
        try write("short.bin", record(3) + record(9).dropLast())
        expectRefusal(
            "short.bin",
            "@/short.bin: ends inside a record at offset 3073 (expected records of 3073 bytes, found 3072 bytes after the last one)"
        )
        try write("empty.bin", [])
        expectRefusal(
            "empty.bin",
            "@/empty.bin: ends inside a record at offset 0 (expected records of 3073 bytes, found 0 bytes after the last one)"
        )
        try write("label.bin", record(3) + record(10))
        expectRefusal(
            "label.bin", "@/label.bin: holds no CIFAR-10 label at offset 3073 (expected a class of 0 to 9, found 10)")
        try write("none/readme.txt", [1])
        expectRefusal(
            "none",
            "@/none: is no folder of images (expected a folder for every class, with images inside, found no folders)")
        try write("photo.dat", [1])
        expectRefusal(
            "photo.dat",
            "@/photo.dat: has no name from which its form follows (expected *.bin, cifar-10-binary*, cifar-10-python*, "
                + "data_batch*, *idx3*, or a folder, found photo.dat). Say it with --image-format")
        expectRefusal(
            "nowhere.bin", "@/nowhere.bin: there is no such file (expected a file or a folder of images)",
            kind: .noInput)
    }

    /// Pickles by hand; whole ones of the published form are Python's, in the tests against PyTorch.
    @Test func cifarPython() throws {
        func expect(_ opcodes: [UInt8], _ message: String) throws {
            try write("data_batch_1", opcodes)
            expectRefusal("data_batch_1", "@/data_batch_1: " + message)
        }
        func text(_ value: String) -> [UInt8] { Array(value.utf8) }
        let subject = "is not a pickle as CIFAR-10 is published in at offset"
        try expect([0x80, 4, 0x95], "\(subject) 0 (expected a pickle of protocol 2, found something else)")
        try expect([0x80, 2] + text("}"), "\(subject) 3 (expected 1 more bytes, found 0)")
        // What a malicious pickle would begin with.
        try expect(
            [0x80, 2] + text("cos\nsystem\nU\u{4}true\u{85}R."),
            "\(subject) 2 (expected numpy.core.multiarray._reconstruct, numpy.ndarray, numpy.dtype, found os.system)")
        try expect(
            [0x80, 2] + text("}q\u{1}Q."),
            "\(subject) 5 (expected no reference to something outside of the pickle, found one)")
        try expect([0x80, 2] + text("}R."), "\(subject) 3 (expected 2 values before it, found 1)")
        // Released, tuples in tuples would take a frame of the stack each.
        try expect(
            [0x80, 2] + text("N") + [UInt8](repeating: 0x85, count: 100_000) + text("."),
            "\(subject) 67 (expected at most 64 tuples in tuples, found more)")
        try expect([0x80, 2] + text("e."), "\(subject) 2 (expected a mark before it, found none)")
        try expect(
            [0x80, 2] + text("]q\u{1}h\u{1}."),
            "\(subject) 7 (expected one value, found 2)")
        try expect(
            [0x80, 2] + text("K\u{7}.x"),
            "the pickled value: does not hold a CIFAR-10 batch (expected the end of the file, found 1 more bytes)")
        try expect(
            [0x80, 2] + text("K\u{7}."),
            "the pickled value: does not hold a CIFAR-10 batch (expected a dictionary, found the number 7)")
        try expect(
            [0x80, 2] + text("}."),
            "data: does not hold a CIFAR-10 batch (expected an array of unsigned bytes, found no such key)")

        /// {'data': array of these extents, 'labels': list}
        func batch(_ extents: [UInt8], elements: Int, labels: [UInt8]) -> [UInt8] {
            var bytes: [UInt8] =
                [0x80, 2] + text("}(U\u{4}datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n")
            bytes += [UInt8(ascii: "K"), 0, 0x85] + text("U\u{1}b") + [0x87] + text("R(K\u{1}")
            bytes += extents + [0x86] + text("cnumpy\ndtype\nU\u{2}u1K") + [0] + text("K\u{1}") + [0x87] + text("R")
            let count = UInt32(elements)
            bytes += [0x89] + text("T") + (0..<4).map { UInt8(count >> (8 * $0) & 255) }
            bytes += [UInt8](repeating: 1, count: elements) + text("tbU\u{6}labels](")
            return bytes + labels.flatMap { [UInt8(ascii: "K"), $0] } + text("eu.")
        }
        let two: [UInt8] = [UInt8(ascii: "K"), 2, UInt8(ascii: "M"), 0, 12]
        try write("data_batch_1", batch(two, elements: 6144, labels: [4, 5]))
        #expect(try load("data_batch_1").training.source.labels == [4, 5])
        try expect(
            batch(two, elements: 6143, labels: [4, 5]),
            "data: does not hold a CIFAR-10 batch (expected 2 × 3072 elements, found 6143)")
        try expect(
            batch([UInt8(ascii: "K"), 2, UInt8(ascii: "K"), 3], elements: 6, labels: [4, 5]),
            "data: does not hold a CIFAR-10 batch (expected N × 3072, found 2 × 3)")
        try expect(
            batch(two, elements: 6144, labels: [4]),
            "labels: does not hold a CIFAR-10 batch (expected 2 labels, found 1)")
        try expect(
            batch(two, elements: 6144, labels: [4, 11]),
            "labels[1]: does not hold a CIFAR-10 batch (expected a class of 0 to 9, found the number 11)")
    }

    @Test(
        "archives and images made by Python, cut short",
        .enabled(if: Workplace.python != nil, Comment(rawValue: noPython)))
    func cutShort() throws {
        let script = Workplace.packageRoot.appending(path: "Tests/ModelsTests/Twins/image_files.py").path
        let made = try run(try #require(Workplace.python), [script, folder.url.path])
        try #require(made.exitCode == 0, "\(made.standardError)")
        func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: folder.path(name)))) }

        let archive = try bytes("cifar-10-binary.tar.gz")
        try write("cifar-10-binary-cut.tar.gz", archive.dropLast(1000))
        expectRefusal(
            "cifar-10-binary-cut.tar.gz",
            "@/cifar-10-binary-cut.tar.gz: cannot be decoded at offset \(archive.count - 1000) (expected a whole gzip file, "
                + "found ends in the middle of the compressed data)")
        var damaged = archive
        damaged[archive.count - 6] ^= 1
        try write("cifar-10-binary-bad.tar.gz", damaged)
        expectRefusal(
            "cifar-10-binary-bad.tar.gz",
            "@/cifar-10-binary-bad.tar.gz: cannot be decoded at offset \(archive.count - 4) (expected a whole gzip file, found "
                + "incorrect data check)")
        // The Python version under the name of the binary one.
        try write("cifar-10-binary-other.tar.gz", try bytes("cifar-10-python.tar.gz"))
        do {
            _ = try load("cifar-10-binary-other.tar.gz")
            Issue.record("the wrong archive was accepted")
        } catch let error as SmoothnessError {
            #expect(
                error.description.contains(
                    "holds no batch of CIFAR-10 (expected data_batch_1.bin, found cifar-10-batches-py/"))
        }

        let resizing = ImageResizing(shorterSide: 12, size: 10)
        let photo = try bytes("photos/train/cat/0.png")
        try write("cut/cat/0.png", photo.dropLast(20))
        expectRefusal(
            "cut",
            "@/cut/cat/0.png: cannot be decoded at offset \(photo.count - 20) (expected a whole JPEG or PNG image, found the file ends "
                + "too early)", resizing: resizing)
        var broken = photo
        broken[60] ^= 0x55
        try write("broken/cat/0.png", broken)
        do {
            _ = try load("broken", resizing: resizing)
            Issue.record("a damaged image was accepted")
        } catch let error as SmoothnessError {
            #expect(error.kind == .data && error.description.contains("cat/0.png: cannot be decoded at offset"))
        }
        try write("text/cat/0.png", Array("hello".utf8))
        expectRefusal(
            "text",
            "@/text/cat/0.png: cannot be decoded at offset 0 (expected a whole JPEG or PNG image, found neither a JPEG nor a PNG image)",
            resizing: resizing)
        try write("nested/cat/more/0.png", photo)
        expectRefusal(
            "nested", "@/nested/cat/more: is a folder inside a class (expected images, found a folder)",
            resizing: resizing)
        try write("strange/train/cat/0.png", photo)
        try write("strange/val/fox/0.png", photo)
        expectRefusal(
            "strange",
            "@/strange/val: fox: is a class that the training images do not have (expected cat, found fox)",
            resizing: resizing, heldOut: .published)
        expectRefusal(
            "text",
            "resizing: the objective's parameter is out of range (expected sizes, for a folder of images, found none)",
            kind: .usage)
    }

    @Test("data that have changed are refused with both digests") func changed() throws {
        try write("good.bin", record(3) + record(9))
        let files = try ImageFiles(path: folder.path("good.bin"))
        try write("good.bin", record(3) + record(8))
        do {
            _ = try ImageData(ImageDataDescription(source: .files(files), heldOut: .none), seed: 0)
            Issue.record("changed data were accepted")
        } catch let error as SmoothnessError {
            let found = Digest(of: record(3) + record(8))
            #expect(
                error.description
                    == "\(folder.path("good.bin")): is not what this objective was made from (expected SHA-256 "
                    + "\(files.digest.sha256), 6146 bytes, found SHA-256 \(found.sha256), 6146 bytes). Restore the original or say "
                    + "with --data where a copy is")
        }
    }

    /// By hand: the SHA-256 of one line a file, sorted by name.
    @Test func digestOfSeveralFiles() throws {
        try write("batches/data_batch_2.bin", record(1))
        try write("batches/data_batch_1.bin", record(2) + record(3))
        try write("batches/readme.html", [1, 2, 3])
        let files = try ImageFiles(path: folder.path("batches"))
        let lines =
            "data_batch_1.bin\t6146\t\(Digest(of: record(2) + record(3)).sha256)\n"
            + "data_batch_2.bin\t3073\t\(Digest(of: record(1)).sha256)\n"
        #expect(files.format == .cifarBinary)
        #expect(files.digest == Digest(sha256: Digest(of: Array(lines.utf8)).sha256, byteCount: 9219))
        #expect(try load("batches").training.source.labels == [2, 3, 1])
    }
}

@Suite(
    "Decoding and resizing, against Pillow",
    .enabled(if: Workplace.python != nil, "needs Python with Pillow: set SMOOTHNESS_PYTHON"))
struct ImageDecodingTests {
    private struct Answer: Decodable {
        struct Image: Decodable {
            var decoded: [UInt8]
            var resized: [String: [UInt8]]
        }
        var height: Int
        var width: Int
        var images: [String: Image]
    }

    /// PNG is exact. Pillow brings a libjpeg-turbo of its own: its colours may differ by the rounding of a version, at most 2 in 255.
    /// Resizing: Pillow rounds to 8 bits between its two passes and its weights to 22 bits, so 1 in 255; 3 for JPEG.
    @Test func pixels() throws {
        let folder = try TemporaryFolder()
        let answer = try twin("image_files.py", [folder.url.path, "images"], as: Answer.self)
        #expect(answer.images.count == 11)
        let names = answer.images.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let files = try ImageFiles(path: folder.path("decoded"))
        #expect(files.format == .folder)
        for size in ["53,53", "32,28", "20,20", "80,71"] {
            let numbers = size.split(separator: ",").compactMap { Int($0) }
            let resizing = ImageResizing(shorterSide: numbers[0], size: numbers[1])
            let source = try ImageData(
                ImageDataDescription(source: .files(files), heldOut: .none, resizing: resizing), seed: 0
            ).training.source
            for (index, name) in names.enumerated() {
                let found = Array(try source.pixels(of: index))
                let expected = try #require(answer.images[name]?.resized[size])
                let largest = zip(found, expected).map { abs(Int($0) - Int($1)) }.max() ?? 255
                let tolerance = (name.lowercased().hasSuffix("png") ? 0 : 2) + (size == "53,53" ? 0 : 1)
                #expect(found.count == expected.count && largest <= tolerance, "\(name) at \(size): \(largest)")
            }
        }
    }

    /// A ramp stays a ramp: halving by bilinear interpolation with antialiasing weighs 1/8, 3/8, 3/8, 1/8.
    @Test func halvingByHand() throws {
        let folder = try TemporaryFolder()
        let script = """
            import sys; from PIL import Image; import os
            os.makedirs(sys.argv[1] + "/ramp/class")
            Image.frombytes("L", (8, 8), bytes([0, 0, 0, 80, 80, 80, 160, 240] * 8)).save(sys.argv[1] + "/ramp/class/0.png")
            """
        let made = try run(try #require(Workplace.python), ["-c", script, folder.url.path])
        try #require(made.exitCode == 0, "\(made.standardError)")
        let source = try ImageData(
            ImageDataDescription(
                source: .files(try ImageFiles(path: folder.path("ramp"))), heldOut: .none,
                resizing: ImageResizing(shorterSide: 4, size: 4)), seed: 0
        ).training.source
        // (3·0 + 3·0 + 0)/7, (0 + 3·0 + 3·80 + 80)/8, (80 + 3·80 + 3·80 + 160)/8, (80 + 3·160 + 3·240)/7
        let row: [UInt8] = [0, 40, 90, 183]
        #expect(Array(try source.pixels(of: 0)) == [[UInt8]](repeating: row, count: 12).flatMap { $0 })
    }
}
