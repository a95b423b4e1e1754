import Essentials
import Foundation
import Reporting
import TestSupport
import Testing

/// Exports as NumPy's and TensorBoard's own readers see them.
@Suite struct ExportTests {
    private struct Twin: Decodable {
        struct Array: Decodable {
            var shape: [Int]
            var type: String
            var numbers: [Double]?
            var words: [String]?

            init(from decoder: any Decoder) throws {
                var container = try decoder.unkeyedContainer()
                shape = try container.decode([Int].self)
                type = try container.decode(String.self)
                if type.hasPrefix("<U") {
                    words = try container.decode([String].self)
                } else {
                    numbers = try container.decode([Double].self)
                }
            }
        }
        struct Row: Decodable {
            var iteration: Int
            var smoothness: Double
            var status: String
        }
        var arrays: [String: Array]
        var scalars: [String: [[Double]]]
        var rows: [Row]
    }

    private let export = PointsExport(
        iteration: [0, 5, 1_000_000],
        columns: [("gradient_norm", [1, 2.5, 1e-300]), ("smoothness", [0.1, -0.0, 3e10])],
        texts: [("status", ["ok", "belowFloor", "≈"])], gammas: [0.5, 1],
        curves: [.init(name: "smoothness", values: [[1, 2], [3, 4], [5, 6]])])

    @Test(.enabled(if: Workplace.python != nil, "needs Python with NumPy and TensorBoard (SMOOTHNESS_PYTHON)"))
    func otherProgramsReadIt() throws {
        let python = try #require(Workplace.python)
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("logs"), withIntermediateDirectories: true)
        try export.write(to: folder.path("points.npz"), showsCurves: false, wallTime: 1)
        try export.write(to: folder.path("points.jsonl"), showsCurves: false, wallTime: 1)
        try export.write(to: folder.path("logs/events.out.tfevents.1.test"), showsCurves: true, wallTime: 1.5)
        let script = Workplace.packageRoot.appending(path: "Tests/ReportingTests/Twins/export.py").path
        let outcome = try run(
            python, [script, folder.path("points.npz"), folder.path("logs"), folder.path("points.jsonl")])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let twin = try JSONDecoder().decode(Twin.self, from: Data(outcome.standardOutput.utf8))
        #expect(twin.arrays["iteration"]?.type == "int64" && twin.arrays["iteration"]?.numbers == [0, 5, 1_000_000])
        #expect(twin.arrays["gradient_norm"]?.numbers == [1, 2.5, 1e-300])
        #expect(twin.arrays["curve_smoothness"]?.shape == [3, 2])
        #expect(twin.arrays["curve_smoothness"]?.numbers == [1, 2, 3, 4, 5, 6])
        #expect(twin.arrays["status"]?.words == ["ok", "belowFloor", "≈"])
        #expect(twin.scalars.count == 4)
        #expect(twin.scalars["smoothness/smoothness"]?.map { $0[0] } == [0, 5, 1_000_000])
        #expect(twin.scalars["smoothness/smoothness"]?.map { Float($0[1]) } == [0.1, 0, 3e10])
        #expect(twin.scalars["curve/smoothness/gamma=0.5"]?.map { $0[1] } == [1, 3, 5])
        #expect(twin.rows.map(\.iteration) == export.iteration && twin.rows[0].smoothness == 0.1)
    }

    @Test func tablesAndEndings() throws {
        #expect(export.points().columns == ["iteration", "gradient_norm", "smoothness", "status"])
        #expect(export.curveTable().rows.count == 6)
        #expect(try PointsExport.Format(path: "a/events.out.tfevents.3.host") == .tfevents)
        #expect(throws: SmoothnessError.self) { try PointsExport.Format(path: "a.txt") }
        let bare = PointsExport(iteration: [1], columns: [("gradient_norm", [1])])
        #expect(throws: SmoothnessError.self) { try bare.write(to: "/tmp/none.csv", showsCurves: true, wallTime: 0) }
        // Equal contents make equal archives.
        let folder = try TemporaryFolder()
        for name in ["a.npz", "b.npz"] { try export.write(to: folder.path(name), showsCurves: false, wallTime: 0) }
        #expect(
            FileManager.default.contents(atPath: folder.path("a.npz"))
                == FileManager.default.contents(atPath: folder.path("b.npz")))
    }
}
