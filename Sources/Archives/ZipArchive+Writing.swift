import Essentials
import Foundation

extension ZipArchive {
    /// Returns an archive of these members, stored without compression. Equal members make equal archives.
    /// - Throws: `SmoothnessError(.data)` beyond 4 GiB, where a ZIP needs another form.
    package static func stored(_ members: [(name: String, data: Data)]) throws -> Data {
        var archive = Data()
        var directory = Data()
        for (name, data) in members {
            guard archive.count + data.count < Int(UInt32.max) - 1 << 20 else {
                throw SmoothnessError(.data, "more than 4 GiB do not fit in one archive")
            }
            let offset = archive.count
            let checksum = Checksum(of: [UInt8](data)).value
            // Version 2.0, no flags, stored, 1 January 1980: so that equal members make equal archives.
            var common = Data()
            for value in [20, 0x800, 0, 0, 0x21] as [UInt16] { common.append(contentsOf: value.littleEndianBytes) }
            for value in [checksum, UInt32(data.count), UInt32(data.count)] {
                common.append(contentsOf: value.littleEndianBytes)
            }
            common.append(contentsOf: UInt16(name.utf8.count).littleEndianBytes)
            common.append(contentsOf: UInt16(0).littleEndianBytes)
            archive.append(contentsOf: UInt32(0x0403_4B50).littleEndianBytes)
            archive.append(common)
            archive.append(contentsOf: name.utf8)
            archive.append(data)
            directory.append(contentsOf: UInt32(0x0201_4B50).littleEndianBytes)
            directory.append(contentsOf: UInt16(20).littleEndianBytes)
            directory.append(common)
            // No comment, first disk, binary, no attributes.
            directory.append(contentsOf: [UInt8](repeating: 0, count: 10))
            directory.append(contentsOf: UInt32(offset).littleEndianBytes)
            directory.append(contentsOf: name.utf8)
        }
        let start = archive.count
        archive.append(directory)
        archive.append(contentsOf: UInt32(0x0605_4B50).littleEndianBytes)
        for value in [0, 0, UInt16(members.count), UInt16(members.count)] {
            archive.append(contentsOf: value.littleEndianBytes)
        }
        archive.append(contentsOf: UInt32(directory.count).littleEndianBytes)
        archive.append(contentsOf: UInt32(start).littleEndianBytes)
        archive.append(contentsOf: UInt16(0).littleEndianBytes)
        return archive
    }
}
