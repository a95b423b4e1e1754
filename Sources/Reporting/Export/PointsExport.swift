import Essentials
import Foundation

/// Points and curves for other programs.
public struct PointsExport: Sendable {
    public enum Format: String, Sendable, CaseIterable {
        case csv, jsonl, npz, tfevents

        /// - Throws: `SmoothnessError(.usage)` for another ending.
        public init(path: String) throws {
            let name = URL(filePath: path).lastPathComponent.lowercased()
            if name.contains("tfevents") {
                self = .tfevents
                return
            }
            guard let format = Self.allCases.first(where: { name.hasSuffix("." + $0.rawValue) }) else {
                throw SmoothnessError(
                    .usage, "the format follows from the end of the name, and this one is unknown", file: path,
                    expected: ".csv, .jsonl, .npz or a name that holds tfevents")
            }
            self = format
        }
    }

    /// A number for every iterate and γ.
    public struct Curve: Sendable {
        public var name: String
        /// [K][G]
        public var values: [[Double]]

        public init(name: String, values: [[Double]]) {
            self.name = name
            self.values = values
        }
    }

    public var iteration: [Int]
    /// Numbers of every iterate, by name.
    public var columns: [(name: String, values: [Double])]
    /// Words of every iterate, as its status.
    public var texts: [(name: String, values: [String])]
    public var gammas: [Double]
    public var curves: [Curve]

    public init(
        iteration: [Int], columns: [(name: String, values: [Double])], texts: [(name: String, values: [String])] = [],
        gammas: [Double] = [], curves: [Curve] = []
    ) {
        self.iteration = iteration
        self.columns = columns
        self.texts = texts
        self.gammas = gammas
        self.curves = curves
    }

    /// One row an iterate.
    public func points() -> Table {
        Table(
            columns: ["iteration"] + columns.map(\.name) + texts.map(\.name),
            rows: iteration.indices.map { row in
                [.integer(iteration[row])] + columns.map { .number($0.values[row]) }
                    + texts.map { .string($0.values[row]) }
            })
    }

    /// One row an iterate and γ.
    public func curveTable() -> Table {
        Table(
            columns: ["iteration", "gamma"] + curves.map(\.name),
            rows: iteration.indices.flatMap { row in
                gammas.indices.map { place in
                    [.integer(iteration[row]), .number(gammas[place])] + curves.map { .number($0.values[row][place]) }
                }
            })
    }

    /// Writes the file, whole or not at all, in the format of its name.
    /// - Parameter showsCurves: CSV and JSON lines: the curves over γ instead of the points. NumPy archives hold both, event files the
    ///   points, and with curves also these, a tag for every γ.
    /// - Throws: `SmoothnessError` with kind `.usage`, `.data`, `.cannotCreate` or `.inputOutput`.
    public func write(to path: String, showsCurves: Bool, wallTime: Double) throws {
        if showsCurves, curves.isEmpty {
            throw SmoothnessError(
                .data, "a CSV of points holds no curves over γ", file: path, expected: "an estimates file or a run file"
            )
        }
        switch try Format(path: path) {
        case .csv: try writeAtomically((showsCurves ? curveTable() : points()).csv(), to: path)
        case .jsonl: try writeAtomically(Self.lines(of: showsCurves ? curveTable() : points()), to: path)
        case .npz: try writeAtomically(archive().data(), to: path)
        case .tfevents: try writeAtomically(events(showsCurves: showsCurves, wallTime: wallTime).data, to: path)
        }
    }

    /// One JSON object a row.
    static func lines(of table: Table) -> String {
        table.rows.map { row in
            JSONValue.object(zip(table.columns, row).map { ($0, $1.json) }).text(expandedDepth: 0) + "\n"
        }.joined()
    }

    func archive() -> NumPyArchive {
        var archive = NumPyArchive()
        archive.add("iteration", iteration)
        for column in columns { archive.add(column.name, column.values) }
        for text in texts { archive.add(text.name, text.values) }
        guard !curves.isEmpty else { return archive }
        archive.add("gammas", gammas)
        for curve in curves {
            archive.add("curve_\(curve.name)", curve.values.flatMap(\.self), shape: [iteration.count, gammas.count])
        }
        return archive
    }

    func events(showsCurves: Bool, wallTime: Double) -> EventFile {
        var file = EventFile(wallTime: wallTime)
        for row in iteration.indices {
            var values = columns.map { (tag: "smoothness/\($0.name)", value: $0.values[row]) }
            if showsCurves {
                for curve in curves {
                    values += gammas.indices.map {
                        (tag: "curve/\(curve.name)/gamma=\(gammas[$0])", value: curve.values[row][$0])
                    }
                }
            }
            file.add(step: iteration[row], values)
        }
        return file
    }
}
