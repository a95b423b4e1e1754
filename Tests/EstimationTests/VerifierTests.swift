import Essentials
import Estimation
import Foundation
import HDF5
import RunFiles
import TestSupport
import Testing

@Suite("The verifier of estimates files")
struct VerifierTests {
    let folder = try! TemporaryFolder()
    var path: String { folder.path("run.estimates.h5") }

    private func make(hasChecksums: Bool = true) throws {
        try? FileManager.default.removeItem(atPath: path)
        try? FileManager.default.removeItem(atPath: folder.path("run.h5"))
        var fixture = RunFixture.quadratic
        fixture.distort = { iteration, x in if iteration == 6 { x[1] = .nan } }
        try fixture.write(folder.path("run.h5"), as: Double.self)
        let configuration = EstimationConfiguration(grid: .spacing(delta: 0.5), subset: .list(indices: [1, 2, 6]))
        try EstimationJob(
            run: folder.path("run.h5"), configuration: configuration, hasChecksums: hasChecksums
        ).run()
    }

    @Test("a file that was just written keeps every promise")
    func valid() throws {
        try make()
        let report = verifyEstimatesFile(path)
        #expect(report.isValid, "\(report)")
        #expect(Set(report.checks.map(\.name)).count >= 18, "\(report.checks.map(\.name))")
        #expect(report.notes == ["2 of 10 rows have no value and say so"])
        // Without the run beside it, that is said.
        try FileManager.default.removeItem(atPath: folder.path("run.h5"))
        let alone = verifyEstimatesFile(path)
        #expect(alone.isValid && alone.notes.contains { $0.contains("digest was not checked") })
    }

    @Test("an interrupted one too")
    func interrupted() throws {
        try RunFixture.quadratic.write(folder.path("run.h5"), as: Float.self)
        let calls = CallCounter()
        let job = try EstimationJob(
            run: folder.path("run.h5"), configuration: EstimationConfiguration(subset: .list(indices: [0])))
        #expect(throws: SmoothnessError.self) { try job.run(isCancelled: { calls.next() > 40 }) }
        let report = verifyEstimatesFile(path)
        #expect(report.isValid, "\(report)")
    }

    /// What is written over one number of row 2, and the place where it must be found.
    static let forgeries: [(dataset: String, index: [Int], place: String)] = [
        ("/estimates/smoothness", [2], "/estimates/smoothness"), ("/estimates/gamma", [2], "/estimates/gamma"),
        ("/estimates/gradient_norm", [2], "/estimates/gradient_norm"), ("/estimates/step_norm", [2], "step_norm"),
        ("/estimates/loss", [2], "/estimates/identity"), ("/estimates/identity", [2], "/estimates/identity"),
        ("/estimates/triangle_ratio", [2], "/estimates/triangle_ratio"),
        ("/estimates/cosine", [2], "/estimates/cosine"),
        ("/estimates/effective_learning_rate", [2], "effective_learning_rate"),
        ("/estimates/curve/smoothness", [2, 1], "/estimates/curve/smoothness"),
        ("/estimates/curve/difference_norm", [2, 0], "/estimates/curve/difference_norm"),
        ("/estimates/curve/noise_floor", [2, 0], "noise_floor"),
        ("/estimates/curve/rounding_floor", [2, 0], "rounding_floor"),
        ("/estimates/blocks/difference_squared", [2, 0, 1], "difference_norm"),
        ("/estimates/blocks/displacement_squared", [2, 0, 1], "displacement_norm"),
        ("/estimates/blocks/gradient_squared", [2, 0, 1], "/estimates/curve/gradient_norm"),
        ("/estimates/blocks/smoothness", [2, 0], "/estimates/blocks/smoothness"),
        ("/estimates/blocks/step_norm", [2, 0], "/estimates/step_norm"),
    ]

    @Test("one number changed anywhere in a row is found, with its place", arguments: forgeries.map(\.dataset))
    func forged(dataset: String) throws {
        let forgery = try #require(Self.forgeries.first { $0.dataset == dataset })
        try make()
        do {
            let file = try HDF5.File.open(path, .readWrite)
            try file.dataset(dataset).write(37.25, at: forgery.index)
            try file.close()
        }
        let report = verifyEstimatesFile(path)
        #expect(!report.isValid)
        #expect(
            report.failures.contains { ($0.place ?? "").contains(forgery.place) && ($0.place ?? "").contains("row 2") },
            "\(report)")
    }

    @Test(
        "an integer of a row that is as large as integers are is found, and nothing traps on it",
        arguments: [
            "/estimates/subset_size", "/estimates/component_gradient_count", "/estimates/iteration",
        ])
    func extremeIntegers(dataset: String) throws {
        try make(hasChecksums: false)
        for value in [Int64.min, Int64.min + 4, -1, Int64.max / 2 + 1, Int64.max] {
            do {
                let file = try HDF5.File.open(path, .readWrite)
                try file.dataset(dataset).write(value, at: [2])
                try file.close()
            }
            let report = verifyEstimatesFile(path)
            // However many gradients there were, it may have been so many.
            #expect(report.isValid == (dataset.hasSuffix("gradient_count") && value > 0), "\(value): \(report)")
        }
    }

    /// Numbers that stand in the file once, and what else says of them; γ = 0.5 and 1, one block, groups of one component.
    static let relations: [(dataset: String, index: [Int], factor: Double, place: String)] = [
        ("/estimates/groups/loss", [2, 0], 1.01, "/estimates/groups/loss"),
        ("/estimates/groups/gradient_product", [2, 1], 1.01, "/estimates/groups/gradient_product"),
        ("/estimates/groups/gradient_product", [2, 1], 1e6, "/estimates/groups/gradient_product, group 1"),
        ("/estimates/groups/gradient_squared", [2, 1], -1, "/estimates/groups/gradient_product, group 1"),
        ("/estimates/groups/difference_product", [2, 1, 0], 1.01, "/estimates/groups/difference_product, γ = 0.5"),
        ("/estimates/blocks/gradient_squared", [2, 0, 1], 1e6, "/estimates/blocks/difference_squared"),
        ("/estimates/blocks/difference_along_step", [2, 0, 1], 1e3, "/estimates/blocks/difference_along_step"),
        ("/estimates/blocks/base_along_step", [2, 0, 1], 1e3, "/estimates/blocks/base_along_step"),
        ("/estimates/blocks/displacement_squared", [2, 0, 1], 1.01, "/estimates/blocks/displacement_squared"),
        ("/estimates/blocks/gradient_norm_error", [2, 0], 0.9, "/estimates/blocks/gradient_norm_error"),
        ("/estimates/blocks/gradient_norm_error", [2, 0], -1, "/estimates/blocks/gradient_norm_error, block 0"),
        ("/estimates/cosine", [2], 0.99, "/estimates/cosine"),
        ("/estimates/relative_rounding", [2], -1, "/estimates/relative_rounding"),
        ("/estimates/rounding_projection", [2], 2, "/estimates/rounding_projection"),
    ]

    @Test("what follows from other numbers only together with them is held against them", arguments: relations.indices)
    func related(index: Int) throws {
        let forgery = Self.relations[index]
        try make(hasChecksums: false)
        #expect(verifyEstimatesFile(path).isValid, "\(verifyEstimatesFile(path))")
        do {
            let file = try HDF5.File.open(path, .readWrite)
            let dataset = try file.dataset(forgery.dataset)
            let value = try dataset.read(as: Double.self, start: forgery.index, count: forgery.index.map { _ in 1 })[0]
            try dataset.write(value * forgery.factor, at: forgery.index)
            try file.close()
        }
        let report = verifyEstimatesFile(path)
        #expect(
            report.failures.contains {
                ($0.place ?? "").hasPrefix(forgery.place) && ($0.place ?? "").contains("row 2")
            },
            "\(forgery.dataset): \(report)")
    }

    @Test("counts and the run beside the file")
    func counts() throws {
        for (dataset, place) in [
            ("/estimates/subset_size", "/estimates/subset_size"),
            ("/estimates/component_gradient_count", "/estimates/component_gradient_count"),
        ] {
            try make(hasChecksums: false)
            do {
                let file = try HDF5.File.open(path, .readWrite)
                try file.dataset(dataset).write(Int64(1), at: [2])
                try file.close()
            }
            let report = verifyEstimatesFile(path)
            #expect(report.failures.contains { ($0.place ?? "").hasPrefix(place) }, "\(report)")
        }
    }

    @Test("one bit flipped anywhere in the rows is found, 100 of 100, with its dataset")
    func flippedBits() throws {
        try make()
        let whole = try Data(contentsOf: URL(filePath: path))
        let rows = try rowBytes(of: path)
        #expect(rows.count >= 40)
        var generator = SeededGenerator(seed: 3, purpose: "flipped bits")
        for turn in 0..<100 {
            let (name, bytes) = rows[turn % rows.count]
            let place = bytes.lowerBound + generator.index(below: bytes.count)
            var changed = whole
            changed[place] ^= UInt8(1) << UInt8(generator.index(below: 8))
            try changed.write(to: URL(filePath: path))
            let report = verifyEstimatesFile(path)
            #expect(
                report.failures.contains {
                    $0.name == "rows are what was written" && ($0.place ?? "").hasPrefix("\(name), row ")
                } || (name.hasSuffix("/status") && !report.isValid), "byte \(place), \(name): \(report)")
        }
    }

    @Test("a row that is not what was written is refused as it is read")
    func reading() throws {
        try make()
        try forge(path, "/estimates/smoothness")
        let reader = try EstimatesFileReader(path)
        _ = try reader.estimate(row: 1)
        let error = try #require(throws: SmoothnessError.self) { _ = try reader.estimate(row: 2) }
        #expect(error.kind == .data && error.object == "/estimates/smoothness, row 2" && error.file == path)
    }

    @Test("faults of the frame are found: status, iteration, counter, attributes, digest, gammas, datasets")
    func frame() throws {
        func expectFinding(
            _ name: String, _ location: SourceLocation = #_sourceLocation,
            _ change: (borrowing HDF5.File) throws -> Void
        ) throws {
            try? FileManager.default.removeItem(atPath: path)
            try? FileManager.default.removeItem(atPath: folder.path("run.h5"))
            try make()
            do {
                let file = try HDF5.File.open(path, .readWrite)
                try change(file)
                try file.close()
            }
            let report = verifyEstimatesFile(path)
            #expect(report.failures.contains { $0.name == name }, "\(report)", sourceLocation: location)
        }
        try expectFinding("rows follow from their sums") {
            try $0.dataset("/estimates/status").write(UInt8(4), at: [1])
        }
        try expectFinding("opens as an estimates file") { try $0.dataset("/commit").write(all: [UInt64(11)]) }
        try expectFinding("complete means every row") { try $0.dataset("/commit").write(all: [UInt64(9)]) }
        try expectFinding("iterations are the run's") {
            try $0.dataset("/estimates/iteration").write(Int64(77), at: [9])
        }
        try expectFinding("iterations increase") { try $0.dataset("/estimates/iteration").write(Int64(0), at: [3]) }
        try expectFinding("run_digest is the run's") { try $0.setAttribute("run_digest", to: "0000") }
        try expectFinding("run_id is the run's") { try $0.setAttribute("run_id", to: "0000") }
        try expectFinding("gammas are the configured ones") { try $0.dataset("/gammas").write(all: [0.4, 1]) }
        try expectFinding("gammas increase in (0, 1]") { try $0.dataset("/gammas").write(all: [1, 0.5]) }
        try expectFinding("components are the configured ones") {
            try $0.dataset("/components").write(all: [Int64(1), 2, 5])
        }
        try expectFinding("every component has a weight") { try $0.dataset("/component_weights").write(0.0, at: [0]) }
        for version in ["1.1", "3.0", "later"] {
            try expectFinding("opens as an estimates file") { try $0.setAttribute("format_version", to: version) }
        }
        try expectFinding("opens as an estimates file") { try $0.setAttribute("format", to: "something-else") }
        for name in ["../run.h5", "", ".", "folder/run.h5"] {
            try expectFinding("run_file is a name") { try $0.setAttribute("run_file", to: name) }
        }
        try expectFinding("state is known") { try $0.setAttribute("state", to: "done") }
        try expectFinding("rows follow from their sums") { try $0.dataset("/repeatability").write(all: [1.0]) }
    }

    @Test("missing, foreign and truncated files are findings with a reason, and errors of the reader")
    func foreign() throws {
        try make()
        let whole = try Data(contentsOf: URL(filePath: path))
        try whole.prefix(whole.count / 2).write(to: URL(filePath: folder.path("half.h5")))
        try Data("text".utf8).write(to: URL(filePath: folder.path("text.h5")))
        for (name, kind) in [
            ("half.h5", SmoothnessError.Kind.data), ("text.h5", .data), ("run.h5", .data), ("none.h5", .noInput),
        ] {
            #expect(!verifyEstimatesFile(folder.path(name)).isValid)
            do {
                _ = try EstimatesFileReader(folder.path(name)).committedRows
                Issue.record("\(name) was opened")
            } catch let error as SmoothnessError {
                #expect(error.kind == kind, "\(error)")
                #expect(error.file == folder.path(name))
            }
        }
    }
}
