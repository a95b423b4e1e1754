import CArchives
import Essentials
import Synchronization

/// What a deflated member of an archive holds, unpacked in chunks as it is asked for: memory does not depend on its length.
///
/// Reading goes forward; what lies before the last read is unpacked again from the beginning.
package final class DeflatedMember: Sendable {
    package let file: String
    package let name: String
    /// The number of bytes that it holds.
    package let count: Int
    private let packed: Range<Int>
    /// What was unpacked so far; `nil` at the beginning and at the end.
    private let state = Mutex<Inflation?>(nil)

    /// A stream that is unpacked up to a place.
    private final class Inflation {
        let stream: OpaquePointer?
        /// How many packed bytes are used, and how many bytes were made of them.
        var (used, made) = (0, 0)

        init() { stream = smoothness_inflation_new() }

        deinit { smoothness_inflation_free(stream) }
    }

    private static let chunk = 1 << 18

    init(_ member: ZipArchive.Member, of file: FileBytes) {
        self.file = file.path
        (name, count) = (member.name, member.count)
        packed = member.start..<(member.start + member.packedCount)
    }

    /// Returns these bytes of the contents.
    /// - Throws: `SmoothnessError(.data)` for what is no deflated stream that reaches so far.
    package func read(_ range: Range<Int>) throws -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return try state.withLock { state in
            let begun = state
            state = nil
            let file = try FileBytes(self.file)
            var inflation = begun ?? Inflation()
            if inflation.made > range.lowerBound { inflation = Inflation() }
            while inflation.made < range.lowerBound {
                _ = try next(min(Self.chunk, range.lowerBound - inflation.made), of: file, inflation)
            }
            let bytes = try next(range.count, of: file, inflation)
            if range.upperBound < count { state = inflation }
            return bytes
        }
    }

    /// Unpacks all of it once, and holds its length against the directory's.
    /// - Returns: the CRC-32 of the contents.
    func checksum() throws -> Checksum {
        let (file, inflation) = (try FileBytes(file), Inflation())
        var checksum = Checksum()
        while inflation.made < count {
            checksum.add(try next(min(Self.chunk, count - inflation.made), of: file, inflation))
        }
        var extra: [UInt8] = [0]
        let rest = try file.read(
            packed.lowerBound + inflation.used, min(Self.chunk, packed.count - inflation.used), name)
        let end = smoothness_inflate_chunk(inflation.stream, rest, rest.count, &extra, 0, 1)
        guard end.made == 0, end.is_at_end != 0 else {
            throw file.damaged(name, expected: "the end after \(count) bytes", found: "none")
        }
        return checksum
    }

    /// Unpacks as many bytes more.
    private func next(_ wanted: Int, of file: FileBytes, _ inflation: Inflation) throws -> [UInt8] {
        guard let stream = inflation.stream else {
            throw SmoothnessError(.internalFailure, "not enough memory to unpack", file: file.path, object: name)
        }
        var output = [UInt8](repeating: 0, count: wanted)
        var made = 0
        while made < wanted {
            let place = packed.lowerBound + inflation.used
            let input = try file.read(place, min(Self.chunk, packed.upperBound - place), name)
            let result = smoothness_inflate_chunk(stream, input, input.count, &output, made, wanted)
            inflation.used += result.used
            made += result.made
            if let problem = result.problem {
                throw SmoothnessError(
                    .data, "cannot be decoded at offset \(inflation.used)", file: file.path, object: name,
                    expected: "whole deflated data", found: String(cString: problem),
                    remedy: SmoothnessError.copyAgain)
            }
            guard made == wanted || (result.is_at_end == 0 && result.used + result.made > 0) else {
                throw file.damaged(
                    name, expected: "\(count) deflated bytes", found: "\(inflation.made + made) of them")
            }
        }
        inflation.made += made
        return output
    }
}

extension DeflatedMember: Hashable {
    package static func == (first: DeflatedMember, second: DeflatedMember) -> Bool { first === second }

    package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

extension ZipArchive {
    /// Of a member that is larger than this, more than `mostRatio` bytes to one are no numbers that anybody has saved.
    private static let (largeCount, mostRatio) = (1 << 28, 200)

    /// The contents of a deflated member, held against their CRC-32, to be read in chunks.
    /// - Throws: `SmoothnessError(.data)`, also for what unpacks to absurdly much.
    package func deflated(_ member: Member) throws -> DeflatedMember {
        guard member.count <= Self.largeCount || member.count / Self.mostRatio <= member.packedCount else {
            throw SmoothnessError(
                .data, "unpacks to absurdly much and is not opened", file: file.path, object: member.name,
                expected: "at most \(Self.mostRatio) times its \(member.packedCount) bytes",
                found: "\(member.count) bytes", remedy: "Save it without compression: numpy.savez")
        }
        let contents = DeflatedMember(member, of: file)
        try require(try contents.checksum(), of: member)
        return contents
    }
}
