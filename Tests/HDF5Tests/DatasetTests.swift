import Foundation
import HDF5
import TestSupport
import Testing

@Suite("Datasets")
struct DatasetTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func roundTrip<Element: HDF5Scalar & Equatable>(_ values: [Element], _ name: String) throws {
        let path = folder.path("\(name).h5")
        let file = try File.create(path)
        let written = try file.createDataset("/group/values", of: Element.self, shape: [values.count])
        try written.write(all: values)
        try written.close()
        try file.close()
        let again = try File.open(path)
        let dataset = try again.dataset("/group/values")
        #expect(try dataset.elementName == name)
        #expect(try dataset.shape == [values.count])
        #expect(try dataset.layout == .contiguous(.early))
        #expect(try dataset.read(as: Element.self) == values)
    }

    @Test("every number comes back as it was written")
    func everyType() throws {
        try roundTrip(
            [0, -1.5, .pi, .greatestFiniteMagnitude, .leastNonzeroMagnitude, .infinity] as [Float], "float32")
        try roundTrip(
            [0, -1.5, .pi, .greatestFiniteMagnitude, .leastNonzeroMagnitude, .infinity] as [Double], "float64")
        try roundTrip([.min, -1, 0, .max] as [Int8], "int8")
        try roundTrip([.min, -1, 0, .max] as [Int16], "int16")
        try roundTrip([.min, -1, 0, .max] as [Int32], "int32")
        try roundTrip([.min, -1, 0, .max] as [Int64], "int64")
        try roundTrip([0, 1, .max] as [UInt8], "uint8")
        try roundTrip([0, 1, .max] as [UInt16], "uint16")
        try roundTrip([0, 1, .max] as [UInt32], "uint32")
        try roundTrip([0, 1, .max] as [UInt64], "uint64")
    }

    @Test("the bits of a NaN survive")
    func notANumber() throws {
        let values: [Float] = [.nan, -.nan, Float(bitPattern: 0x7FC1_2345), .signalingNaN]
        let file = try File.create(folder.path("a.h5"))
        let dataset = try file.createDataset("/x", of: Float.self, shape: [4])
        try dataset.write(all: values)
        try file.flush()
        #expect(try dataset.read(as: Float.self).map(\.bitPattern) == values.map(\.bitPattern))
    }

    @Test("the library converts between the types of file and memory")
    func conversion() throws {
        let file = try File.create(folder.path("a.h5"))
        let dataset = try file.createDataset("/x", of: Float.self, shape: [3])
        try dataset.write(all: [1, 2.5, 1e10] as [Double])
        #expect(try dataset.read(as: Double.self) == [1, 2.5, 1e10])
        #expect(try dataset.read(as: Int64.self) == [1, 2, 10_000_000_000])
    }

    @Test("boxes of rows and columns are written and read alone")
    func hyperslabs() throws {
        let file = try File.create(folder.path("a.h5"))
        let dataset = try file.createDataset("/x", of: Double.self, shape: [4, 5])
        try dataset.write(all: [Double](repeating: 0, count: 20))
        try dataset.write([1, 2, 3, 4, 5, 6], start: [1, 2], count: [2, 3])
        try dataset.write(9, at: [3, 0])
        let all = try dataset.read(as: Double.self)
        #expect(all == [0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 9, 0, 0, 0, 0])
        var box: [Double] = [0, 0]
        try dataset.read(into: &box, start: [1, 3], count: [2, 1])
        #expect(box == [2, 5])
        try dataset.read(into: &box, start: [2, 0], count: [1, 5])
        #expect(box == [0, 0, 4, 5, 6])
        #expect(try dataset.read(as: Double.self, start: [0, 0], count: [0, 5]) == [])
    }

    @Test("what does not fit is refused with the reason")
    func refusals() throws {
        let file = try File.create(folder.path("a.h5"))
        let dataset = try file.createDataset("/x", of: Double.self, shape: [4, 5])
        for (start, count) in [([3, 0], [2, 5]), ([0, 4], [1, 2]), ([-1, 0], [1, 1])] {
            let error = try #require(throws: HDF5Error.self) {
                _ = try dataset.read(as: Double.self, start: start, count: count)
            }
            #expect(error.message.contains("outside the extents [4, 5]"))
            #expect(error.object == "/x")
        }
        #expect(throws: HDF5Error.self) { try dataset.write([1, 2], start: [0, 0], count: [1, 3]) }
        #expect(throws: HDF5Error.self) { try dataset.write([1], start: [0], count: [1]) }
        #expect(throws: HDF5Error.self) { try file.createDataset("/x", of: Double.self, shape: [1]).close() }
        #expect(throws: HDF5Error.self) { try file.createDataset("/y", of: Double.self, shape: [-1]).close() }
    }

    @Test("scalars and empty extents")
    func scalarAndEmpty() throws {
        let path = folder.path("a.h5")
        let file = try File.create(path)
        let scalar = try file.createDataset("/scalar", of: UInt64.self, shape: [])
        try scalar.write(all: [7])
        let empty = try file.createDataset("/empty", of: Float.self, shape: [2, 0])
        try empty.write(all: [Float]())
        try file.flush()
        #expect(try scalar.shape == [])
        #expect(try scalar.read(as: UInt64.self) == [7])
        #expect(try empty.shape == [2, 0])
        #expect(try empty.read(as: Float.self) == [])
    }

    @Test("an early contiguous dataset has its place before anything is written, and keeps it")
    func preallocation() throws {
        let path = folder.path("a.h5")
        let file = try File.create(path)
        let dataset = try file.createDataset("/x", of: Double.self, shape: [1000], layout: .contiguous(.early))
        let place = dataset.byteOffset
        let offset = try #require(place)
        let reserved = dataset.storageSize
        #expect(reserved == 8000)
        #expect(try dataset.isContiguous)
        let late = try file.createDataset("/late", of: Double.self, shape: [10], layout: .contiguous(.late))
        let latePlace = late.byteOffset
        #expect(latePlace == nil)
        #expect(try late.layout == .contiguous(.late))
        try file.flush()
        let size = try #require(FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
        #expect(size >= offset + 8000)
        try dataset.write([1.25], start: [999], count: [1])
        try file.flush()
        let bytes = try Data(contentsOf: URL(filePath: path))
        let stored = bytes[(offset + 7992)..<(offset + 8000)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        #expect(Double(bitPattern: stored) == 1.25)
    }

    @Test("a chunked dataset grows and keeps what it holds")
    func chunkedExtension() throws {
        let path = folder.path("a.h5")
        let file = try File.create(path)
        let dataset = try file.createDataset(
            "/x", of: Int32.self, shape: [0, 3], layout: .chunked([2, 3], maximum: [nil, 3]))
        #expect(try dataset.layout == .chunked([2, 3], maximum: [nil, 3]))
        #expect(try !dataset.isContiguous)
        for row in 0..<5 {
            try dataset.extend(to: [row + 1, 3])
            try dataset.write((0..<3).map { Int32(row * 3 + $0) }, start: [row, 0], count: [1, 3])
        }
        #expect(throws: HDF5Error.self) { try dataset.extend(to: [5, 4]) }
        #expect(throws: HDF5Error.self) { try dataset.extend(to: [5]) }
        try dataset.close()
        try file.close()
        let again = try File.open(path).dataset("/x").read(as: Int32.self)
        #expect(again == (0..<15).map { Int32($0) })
        let fixed = try File.create(folder.path("b.h5"))
        let contiguous = try fixed.createDataset("/x", of: Int32.self, shape: [2])
        #expect(throws: HDF5Error.self) { try contiguous.extend(to: [3]) }
    }
}
