import Foundation
import HDF5
import TestSupport
import Testing

/// Files in which libhdf5 crashes, spins or asks for more memory than there is.
@Suite("Damaged and hostile files")
struct DamagedFileTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        try Sample.run.copy(to: bench.path("run.h5"))
        try Sample.estimates.copy(to: bench.path("run.estimates.h5"))
    }

    /// What happens to a file on its way.
    enum Damage: String, CaseIterable, CustomTestStringConvertible {
        /// A sector of the first heap of texts is lost: libhdf5 spins.
        case zeroedSector
        /// A text is said to be a mebibyte longer than it is: libhdf5 reads behind its memory.
        case longText
        /// The free space of the heap is said to be empty: libhdf5 spins.
        case emptySpace

        var testDescription: String { rawValue }

        func apply(to bytes: inout Data) throws {
            // The first heap of texts with free space at its end, which not all have.
            var (start, objects, from): (Int, [Int], Int) = (0, [], 0)
            repeat {
                start = try #require(bytes[from...].firstRange(of: Data("GCOL".utf8))).lowerBound
                from = start + 4
                var place = start + 16
                objects = []
                while place < start + 4096 - 16 {
                    objects.append(place)
                    guard bytes[place] != 0 || bytes[place + 1] != 0 else { break }
                    place += 16 + (Int(bytes[place + 8]) + 256 * Int(bytes[place + 9]) + 7) / 8 * 8
                }
            } while objects.count < 4 || bytes[objects[objects.count - 1]] != 0
                || bytes[objects[objects.count - 1] + 1] != 0
            switch self {
            case .zeroedSector:
                let sector = (start + 16 + 511) / 512 * 512
                bytes.replaceSubrange(sector..<(sector + 512), with: Data(count: 512))
            case .longText: bytes[objects[2] + 10] |= 0x10
            case .emptySpace:
                bytes.replaceSubrange(
                    (objects[objects.count - 1] + 8)..<(objects[objects.count - 1] + 16), with: Data(count: 8))
            }
        }
    }

    private func damage(_ name: String, _ damage: Damage) throws {
        var bytes = try bench.bytes(name)
        try damage.apply(to: &bytes)
        try bytes.write(to: URL(filePath: bench.path(name)))
    }

    /// Runs a Python script in the folder.
    private func make(_ script: String) throws {
        try bench.write(script, to: "make.py")
        _ = try bench.python(script: bench.path("make.py"), [])
    }

    @Test("a damaged heap of texts is one message, whatever reads it", arguments: Damage.allCases)
    func heap(damage: Damage) throws {
        try self.damage("run.h5", damage)
        try self.damage("run.estimates.h5", damage)
        for (arguments, file) in [
            (["inspect", "run.h5"], "run.h5"), (["verify", "run.h5"], "run.h5"),
            (["estimate", "run.h5", "-o", "new.h5"], "@/run.h5"), (["train", "--resume", "run.h5"], "@/run.h5"),
            (["import", "run.h5", "--iterate", "iterate", "-o", "new.h5"], "run.h5"),
            (["inspect", "run.estimates.h5"], "run.estimates.h5"), (["fit", "run.estimates.h5"], "run.estimates.h5"),
            (["plot", "run.estimates.h5", "-o", "new.svg"], "run.estimates.h5"),
        ] {
            try bench.expectRefusal(
                arguments, code: 65, "\(file): /*: is damaged: libhdf5 * in H5Aread. Copy it again *")
        }
    }

    @Test("extents that no file of its size can have are refused where they are read, and not tried")
    func extents() throws {
        let shapes: [(String, [Int])] = [
            ("tall", [1 << 40, 6]), ("wide", [5, 1 << 61]), ("square", [1 << 33, 1 << 33]),
        ]
        let file = try HDF5.File.create(bench.path("huge.h5"))
        for (name, shape) in shapes {
            try file.createDataset(
                "/" + name, of: Float.self, shape: shape,
                layout: .chunked(shape.map { _ in 1 }, maximum: shape.map { $0 })
            ).close()
        }
        try file.close()
        for (name, _) in shapes {
            let outcome = try bench.smoothness("import", "huge.h5", "--iterate", name, "-o", "new.h5")
            #expect(outcome.exitCode == 65 && !outcome.wasSignalled, "\(outcome.standardError)")
        }
        #expect(!bench.exists("new.h5"))
    }

    @Test("rows whose iterations do not ascend are refused by what measures and continues, and found by what verifies")
    func iterations() throws {
        let file = try HDF5.File.open(bench.path("run.h5"), .readWrite)
        let rows = try file.dataset("/trajectory/iteration")
        try rows.write(Int64.min, at: [0])
        try rows.write(Int64.max, at: [3])
        try rows.close()
        try file.close()
        try bench.expectRefusal(
            ["estimate", "run.h5", "-o", "new.h5"], code: 65,
            "@/run.h5: /trajectory/iteration row *: the iterations of the rows do not ascend *")
        let outcome = try bench.smoothness("verify", "run.h5")
        #expect(
            outcome.exitCode == 65 && outcome.standardOutput.contains("NOT VALID"), "\(outcome.standardOutput)")
    }

    @Test("a file that another program has open for writing, or left so, has its own message and remedy")
    func openForWriting() throws {
        let script = """
            import h5py, os
            file = h5py.File("open.h5", "w", libver="latest")
            file["w"] = [[1.0, 2.0], [3.0, 4.0]]
            file.swmr_mode = True
            file.flush()
            os._exit(0)
            """
        try make(script)
        try bench.expectRefusal(
            ["inspect", "open.h5"], code: 65,
            "open.h5: is open for writing in another program, or was not closed by it: * h5clear -s *")
    }

    @Test("a newer superblock and a missing filter have their own messages and remedies")
    func newerFilesAndFilters() throws {
        var bytes = try bench.bytes("run.h5")
        bytes[8] = 9
        try bytes.write(to: URL(filePath: bench.path("newer.h5")))
        try bench.expectRefusal(
            ["inspect", "newer.h5"], code: 65, "newer.h5: is of a newer version of HDF5 than libhdf5 * (h5repack *")
        try make(
            """
            import h5py, numpy
            with h5py.File("lzf.h5", "w") as file:
                file.create_dataset("w", data=numpy.ones((4, 40), "f4"), compression="lzf")
            """)
        let outcome = try bench.smoothness("import", "lzf.h5", "--iterate", "w", "-o", "new.h5")
        #expect(outcome.exitCode == 65, "\(outcome.standardError)")
        #expect(
            outcome.standardError.contains("'lzf' (number 32000)")
                && outcome.standardError.contains("HDF5_PLUGIN_PATH"),
            "\(outcome.standardError)")
    }
}
