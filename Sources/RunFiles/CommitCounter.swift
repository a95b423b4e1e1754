import HDF5

/// The one unsigned 64-bit number that makes rows count: a row exists when its index is below the counter.
///
/// The crash rule: (1) the row is written, (2) flushed, (3) the counter is raised, (4) flushed. A process that is killed at
/// any moment has then lost at most the row that was not yet counted.
public struct CommitCounter: ~Copyable, Sendable {
    private let dataset: Dataset

    private init(dataset: consuming Dataset) { self.dataset = dataset }

    /// A new counter of value 0. Create it before any dataset of single bytes, so that its eight bytes are aligned and
    /// reach the file in one piece.
    public static func create(in file: borrowing File, at path: String) throws(HDF5Error) -> CommitCounter {
        let dataset = try file.createDataset(path, of: UInt64.self, shape: [])
        try dataset.write(all: [UInt64(0)])
        return CommitCounter(dataset: dataset)
    }

    /// The counter of an existing file.
    public static func open(in file: borrowing File, at path: String) throws(HDF5Error) -> CommitCounter {
        let dataset = try file.dataset(path)
        let (name, shape) = (try dataset.elementName, try dataset.shape)
        guard name == "uint64", shape.isEmpty else {
            throw HDF5Error(
                refused: "H5Dopen2", "a commit counter is a scalar uint64, this is \(name) of extents \(shape)",
                file: file.path, object: path)
        }
        return CommitCounter(dataset: dataset)
    }

    public func read() throws(HDF5Error) -> Int {
        let value = try dataset.read(as: UInt64.self)[0]
        return Int(clamping: value)
    }

    /// Flushes the rows that were written, then raises the counter, then flushes it.
    public func raise(to count: Int) throws(HDF5Error) {
        try dataset.flushFile()
        try write(count)
        try dataset.flushFile()
    }

    /// Only the number, for a writer that raises several counters between two flushes.
    func write(_ count: Int) throws(HDF5Error) { try dataset.write(all: [UInt64(count)]) }
}
