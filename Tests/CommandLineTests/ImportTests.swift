import Foundation
import HDF5
import TestSupport
import Testing

/// `smoothness import` on checkpoints whose blocks come in any order and under the names of wrappers.
@Suite(
    "Importing checkpoints",
    .enabled(if: Workplace.python != nil, "needs Python with PyTorch and safetensors: set SMOOTHNESS_PYTHON"))
struct ImportTests {
    private let bench: Workbench
    /// [checkpoint][block][element]
    private let numbers: [[String: [Float]]]

    init() throws {
        bench = try Workbench()
        try bench.python("checkpoints.py", [])
        numbers = try JSONDecoder().decode([[String: [Float]]].self, from: bench.bytes("numbers.json"))
    }

    /// The elements of a dataset of rows, block by block under the names of the run.
    private func rows(_ path: String, of file: String) throws -> [[String: [Float]]] {
        let stored = try HDF5.File.open(bench.path(file))
        let values = try stored.dataset(path).read(as: Float.self)
        let offsets = try stored.dataset("/parameters/offset").read(as: Int64.self).map { Int($0) }
        let blocks = zip(try names(of: file), zip(offsets, offsets.dropFirst() + [26]))
        return stride(from: 0, to: values.count, by: 26).map { start in
            Dictionary(
                uniqueKeysWithValues: blocks.map { ($0, Array(values[(start + $1.0)..<(start + $1.1)])) })
        }
    }

    private func names(of file: String) throws -> [String] {
        try HDF5.File.open(bench.path(file)).readStrings("/parameters/name")
    }

    private func iterations(of file: String) throws -> [Int64] {
        try HDF5.File.open(bench.path(file)).dataset("/trajectory/iteration").read(as: Int64.self)
    }

    @Test func takesTheFolderOfATrainerWithItsNumbers() throws {
        let said = try bench.succeed("import", "trainer", "--gradient-files", "gradients", "-o", "run.h5").standardError
        #expect(said.contains("3 files: 3 snapshots, iterations 4, 8, 12, saved with them; one a file\n"))
        #expect(
            said.contains("4 blocks of 26 parameters: a.bias [2] float32, a.weight [2, 4] float32, z.bias [4] float32"))
        #expect(
            said.contains(
                "left out beside the model of each checkpoint: config.json, optimizer.pt, rng_state.pth, scheduler.pt, training_args.bin\n"
            ), "\(said)")
        #expect(said.contains("importing 2 steps, "))
        #expect(said.contains("gradients: 3 files: 3 snapshots, iterations 4, 8, 12, in their names; one a file\n"))
        let (understood, written) = (said.range(of: "snapshots"), said.range(of: "importing 2 steps"))
        #expect(try #require(understood).lowerBound < #require(written).lowerBound)
        #expect(try bench.succeed("verify", "run.h5").standardOutput.contains("valid"))
        #expect(try iterations(of: "run.h5") == [4, 8])
        #expect(try rows("/trajectory/iterate", of: "run.h5") == Array(numbers[..<2]))
        #expect(try rows("/trajectory/next_iterate", of: "run.h5") == Array(numbers[1...]))
        let tripled = numbers.map { $0.mapValues { $0.map { 3 * $0 } } }
        #expect(try rows("/fixed_subset/gradient", of: "run.h5") == Array(tripled[..<2]))
        #expect(try rows("/fixed_subset/next_gradient", of: "run.h5") == Array(tripled[1...]))
        // The gradient is three times the iterate: so is its Lipschitz constant.
        try bench.succeed("estimate", "run.h5", "-o", "estimates.h5")
        let smoothness = try HDF5.File.open(bench.path("estimates.h5")).dataset("/estimates/smoothness").read(
            as: Double.self)
        #expect(smoothness.count == 2 && smoothness.allSatisfy { abs($0 - 3) < 1e-5 }, "\(smoothness)")
    }

    @Test func putsBlocksIntoTheOrderOfALayoutByName() throws {
        try bench.succeed("import", "trainer", "-o", "run.h5")
        let said = try bench.succeed("import", "reversed", "--layout", "run.h5", "-o", "other.h5").standardError
        #expect(said.contains("module.z.weight [4, 3] float32, module.z.bias [4] float32"))
        #expect(said.contains("left out: rng (no parameters)"))
        #expect(try rows("/trajectory/iterate", of: "other.h5") == Array(numbers[..<2]))
        #expect(try names(of: "other.h5") == ["a.bias", "a.weight", "z.bias", "z.weight"])
        for (file, pattern) in [
            (
                "extra.pt",
                "extra: the blocks of the iterates are not those of the layout (expected no such block, found one)*"
            ),
            ("less.pt", "z.bias: the blocks of the iterates are not those of the layout (expected z.bias [4], found *"),
            ("longer.pt", "z.bias: the blocks of the iterates are not those of the layout (expected [4], found [5])"),
        ] {
            try bench.expectRefusal(
                ["import", file, "--layout", "run.h5", "-o", "refused.h5"], code: 65,
                "\(file): " + pattern)
        }
    }

    @Test func dividesFlatVectorsByALayout() throws {
        try bench.succeed("import", "trainer", "-o", "run.h5")
        try bench.expectRefusal(
            ["import", "flat.npy", "--layout", "run.h5", "-o", "flat.h5"], code: 65,
            "flat.npy: the layout has another number of parameters than the snapshots (expected 26, found 27)")
        // Also of one block.
        try bench.succeed("train", "--objective", "quadratic", "--iterations", "2", "-o", "ten.h5")
        try bench.expectRefusal(
            ["import", "flat.npy", "--layout", "ten.h5", "-o", "flat.h5"], code: 65,
            "flat.npy: the layout has another number of parameters than the snapshots (expected 10, found 27)")
    }

    @Test func takesAStateDictionaryForOneSnapshot() throws {
        try bench.expectRefusal(
            ["import", "one.pt", "-o", "run.h5"], code: 65,
            "one.pt: holds no step (expected two snapshots or more, found 1). If the first axis of its tensors is time, "
                + "say so: --stacked. Otherwise give several files")
        let said = try bench.succeed("import", "whole.npz", "-o", "run.h5").standardError
        #expect(said.contains("6 snapshots along the first axis of its tensors, iterations 0, 1, 2, …"))
    }

    @Test func refusesADamagedArchive() throws {
        try bench.expectRefusal(
            ["import", "one-bit.npz", "-o", "run.h5"], code: 65,
            "one-bit.npz: w.npy: is damaged: its CRC-32 is not that of its contents (expected 0x*, found 0x*). "
                + "Copy it again from where it was written")
    }

    @Test("the longest step is said, to the last snapshot as well")
    func saysHowFarStepsLead() throws {
        func said(_ files: String...) throws -> String {
            try bench.succeed(["import"] + files + ["-o", "gaps.h5", "--force"]).standardError
        }
        #expect(
            try said("gaps").contains("a step leads from each snapshot to the next one, up to 8 iterations later\n"))
        #expect(
            try said("gaps/step-0.pt", "gaps/step-10.pt").contains(
                "a step leads from each snapshot to the next one, up to 10 iterations later\n"))
        #expect(try !said("whole.npz").contains("iterations later"))
    }

    @Test("what cannot be read is said without names and bounds that there are not")
    func saysWhatIsWrongInWords() throws {
        try bench.expectRefusal(
            ["import", "lengths.npz", "-o", "run.h5"], code: 65,
            "lengths.npz: does not hold the snapshots along the first axis (expected one length of all tensors, *")
        let outcome = try bench.smoothness("import", "self.pt", "-o", "run.h5")
        #expect(outcome.exitCode == 65 && !outcome.standardError.contains("\(Int.max)"), "\(outcome.standardError)")
    }

    @Test("deflated members are read as stored ones are, to the bit")
    func readsDeflatedMembers() throws {
        for name in ["w", "b", "f"] {
            for packing in ["stored", "deflated"] {
                try bench.succeed("import", "\(packing).npz", "--iterate", name, "-o", "\(packing)-\(name).h5")
            }
            func iterates(_ packing: String) throws -> [UInt64] {
                let file = try HDF5.File.open(bench.path("\(packing)-\(name).h5"))
                return try file.dataset("/trajectory/iterate").read(as: Double.self).map(\.bitPattern)
            }
            #expect(try iterates("deflated") == iterates("stored"))
        }
        // All names at once, and one array as iterates and as gradients, which are read in turns.
        try bench.succeed("import", "deflated.npz", "-o", "all.h5")
        try bench.succeed("import", "deflated.npz", "--iterate", "w", "--gradient", "w", "-o", "twice.h5")
        let twice = try HDF5.File.open(bench.path("twice.h5"))
        #expect(
            try twice.dataset("/trajectory/iterate").read(as: Float.self)
                == twice.dataset("/fixed_subset/gradient").read(as: Float.self))
    }

    @Test("the memory of an import does not grow with a deflated member, and what unpacks to absurdly much is refused")
    func unpacksInSlices() throws {
        struct Peaks: Decodable {
            var stored: Int
            var deflated: Int
        }
        let printed = try bench.python("import_memory.py", [Workplace.program])
        let peaks = try JSONDecoder().decode(Peaks.self, from: Data(printed.utf8))
        #expect(peaks.deflated < peaks.stored + (8 << 20), "\(peaks)")
        try bench.expectRefusal(
            ["import", "bomb.npz", "-o", "run.h5"], code: 65,
            "bomb.npz: w.npy: unpacks to absurdly much and is not opened (expected at most 200 times its * bytes, "
                + "found 301990* bytes). Save it without compression: numpy.savez")
        #expect(!bench.exists("run.h5"))
    }
}
