import Essentials
import HDF5
import ParameterSpace

/// `/parameters` of run and estimates files: the blocks of the flat parameter vector.
package enum ParameterTable {
    package static func write(_ layout: ParameterLayout, to file: borrowing File) throws {
        let blocks = layout.blocks
        try file.writeStrings(RunFilePath.parameterName, blocks.map(\.name))
        let rank = max(1, blocks.map(\.shape.count).max() ?? 1)
        let shapes = try file.createDataset(RunFilePath.parameterShape, of: Int64.self, shape: [blocks.count, rank])
        try shapes.write(
            all: blocks.flatMap { block in
                block.shape.map { Int64($0) } + [Int64](repeating: -1, count: rank - block.shape.count)
            })
        try file.createDataset(RunFilePath.parameterOffset, of: Int64.self, shape: [blocks.count])
            .write(all: blocks.map { Int64($0.offset) })
        try file.createDataset(RunFilePath.parameterCount, of: Int64.self, shape: [blocks.count])
            .write(all: blocks.map { Int64($0.count) })
        for path in [
            RunFilePath.parameterName, RunFilePath.parameterShape, RunFilePath.parameterOffset,
            RunFilePath.parameterCount,
        ] { try RunFileLayout.describe(text: path, in: file) }
    }

    package static func read(from file: borrowing File) throws -> ParameterLayout {
        let names = try file.readStrings(RunFilePath.parameterName)
        let shapes = try file.dataset(RunFilePath.parameterShape)
        let extents = try shapes.shape
        let values = try shapes.read(as: Int64.self)
        let offsets = try file.dataset(RunFilePath.parameterOffset).read(as: Int64.self)
        let counts = try file.dataset(RunFilePath.parameterCount).read(as: Int64.self)
        guard extents.count == 2, extents[0] == names.count else {
            throw SmoothnessError(
                .data, "does not match the names", file: file.path, object: RunFilePath.parameterShape,
                expected: "[\(names.count), R]", found: "\(extents)")
        }
        let tensors = names.indices.map { index in
            let row = values[(index * extents[1])..<((index + 1) * extents[1])]
            return (name: names[index], shape: row.prefix { $0 >= 0 }.map { Int($0) })
        }
        guard isCountable(tensors.map(\.shape)) else {
            throw SmoothnessError(
                .data, "asks for more elements than can be numbered", file: file.path,
                object: RunFilePath.parameterShape)
        }
        let layout = ParameterLayout(tensors)
        for (object, stored, expected) in [
            (RunFilePath.parameterOffset, offsets, layout.blocks.map { Int64($0.offset) }),
            (RunFilePath.parameterCount, counts, layout.blocks.map { Int64($0.count) }),
        ] where stored != expected {
            throw SmoothnessError(
                .data, "does not follow from the shapes", file: file.path, object: object,
                expected: "\(expected.prefix(10))", found: "\(stored.prefix(10))")
        }
        return layout
    }

    /// Tells whether the number of elements of all blocks, and of their bytes, fits an `Int`.
    private static func isCountable(_ shapes: [[Int]]) -> Bool {
        var total = 0
        for shape in shapes {
            guard let bytes = checkedProduct([8] + shape) else { return false }
            let (sum, overflow) = total.addingReportingOverflow(bytes)
            if overflow { return false }
            total = sum
        }
        return true
    }
}
