import Essentials
import Evaluation
import Foundation
import ParameterSpace
import RunFiles

/// Some consecutive rows of a run, estimated apart from the others, before they are joined to an estimates file.
///
/// Every row is final: what it was calibrated with is a function of the run and the definition.
public struct EstimatedRows: Sendable, Equatable {
    /// What holds for all rows.
    public struct Header: Sendable, Codable, Equatable {
        var format = "smoothness-rows"
        var version = Self.version
        static var version: Int { 4 }
        public var runID: String
        /// What the content follows from, in the words of who made it: it is compared, not understood.
        public var identity: String
        /// The row of the run that is the first one here.
        public var firstRow: Int
        public var rowCount: Int
        /// How long it took, in seconds.
        public var seconds = 0.0
        public var software = "\(Software.name) \(Software.version)"
        var components: [Int]
        var extents: RowExtents
        /// Those of the grid.
        var gammas: [Double]
        /// The scalar in which gradients were evaluated.
        var precision: Precision
    }

    public internal(set) var header: Header
    public internal(set) var estimates: [StepEstimate] = []
    /// ε_rep; `nil` where no row up to the last of these allows it to be measured.
    var repeatability: Double?
    var weights: [Double]
    var populationWeight: Double

    /// The row of the run that is to be estimated next.
    public var nextRow: Int { header.firstRow + estimates.count }

    var groups: ComponentGroups {
        ComponentGroups(
            components: header.components, weights: weights, count: header.extents.groupCount,
            populationWeight: populationWeight)
    }

    fileprivate var extents: RowExtents { header.extents }

    /// Says how long it took.
    public mutating func setSeconds(_ seconds: Double) { header.seconds = seconds }

    public static func == (a: EstimatedRows, b: EstimatedRows) -> Bool {
        // NaN is a value here, and the time is none.
        var (first, second) = (a, b)
        first.header.seconds = 0
        second.header.seconds = 0
        return (try? first.data()) == (try? second.data())
    }
}

// MARK: - As bytes

/// One line of JSON, numbers of eight bytes with the lowest first, and 64 hexadecimal digits: SHA-256 of everything before.
extension EstimatedRows {
    private static let digestLength = 64

    public func data() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var header = header
        header.rowCount = estimates.count
        var words = [(repeatability ?? .nan).bitPattern, populationWeight.bitPattern] + weights.map(\.bitPattern)
        for estimate in estimates { append(estimate, to: &words) }
        var bytes = Array(try encoder.encode(header)) + [UInt8(ascii: "\n")]
        words.withUnsafeBytes { bytes += $0 }
        bytes += Array(Digest(of: bytes).sha256.utf8)
        return Data(bytes)
    }

    /// Reads a file of rows: how long it has to be is known from its first line, and held against its size before any more of it is read.
    /// - Parameters:
    ///   - identity: that of the header.
    ///   - rows: of the run, of which these are the first.
    /// - Throws: `SmoothnessError(.data)` for anything but what `data` gave, to the bit.
    public init(path: String, identity: String, of rows: Range<Int>) throws {
        let file = try BoundedFile(path)
        guard let (header, length) = Self.start(of: try file.head(Self.longestHeader)), header.identity == identity,
            header.firstRow == rows.lowerBound, header.rowCount <= rows.count, let words = header.wordCount,
            file.size == length + 8 * words + Self.digestLength
        else { throw Self.damage(path) }
        try self.init(data: try file.contents(upTo: Self.longestFile), file: path)
    }

    private static let (longestHeader, longestFile) = (64 << 20, 2 << 30)

    /// - Throws: `SmoothnessError(.data)` for anything but what `data` gave, to the bit.
    public init(data: Data, file: String) throws {
        let bytes = [UInt8](data)
        guard let (header, start) = Self.start(of: data), let wordCount = header.wordCount,
            bytes.count == start + 8 * wordCount + Self.digestLength,
            Array(Digest(of: Array(bytes.dropLast(Self.digestLength))).sha256.utf8) == bytes.suffix(Self.digestLength)
        else { throw Self.damage(file) }
        self.header = header
        let words = bytes[start..<(bytes.count - Self.digestLength)].withUnsafeBytes { raw in
            stride(from: 0, to: raw.count - 7, by: 8).map { raw.loadUnaligned(fromByteOffset: $0, as: UInt64.self) }
        }
        let componentCount = header.components.count
        let width = Self.wordsPerRow(header.extents)
        let known = Double(bitPattern: words[0])
        repeatability = known.isNaN ? nil : known
        populationWeight = Double(bitPattern: words[1])
        weights = words[2..<(2 + componentCount)].map { Double(bitPattern: $0) }
        for row in 0..<header.rowCount {
            let place = 2 + componentCount + row * width
            guard let estimate = estimate(Array(words[place..<(place + width)])) else { throw Self.damage(file) }
            estimates.append(estimate)
        }
    }

    /// The header alone, of the first bytes of a file; nothing is verified.
    /// - Returns: `nil` where they are no such file's.
    public static func header(ofFirstBytes data: Data) -> Header? { start(of: data)?.header }

    /// The header, and how many bytes it takes with its line end.
    private static func start(of data: Data) -> (header: Header, length: Int)? {
        guard let end = data.firstIndex(of: UInt8(ascii: "\n")),
            let header = try? JSONDecoder().decode(Header.self, from: Data(data[..<end])),
            header.version == Header.version
        else { return nil }
        return (header, data.distance(from: data.startIndex, to: end) + 1)
    }

    private static func damage(_ file: String) -> SmoothnessError {
        SmoothnessError(
            .data, "is no whole file of rows", file: file, expected: "as many rows as it says, and their SHA-256",
            remedy: "It is made again when the batch goes on.")
    }

    fileprivate static func wordsPerRow(_ extents: RowExtents) -> Int {
        2 + EstimatesSchema.counts.count + extents.gammaCount
            + extents.blockCount * extents.gammaCount * extents.groupCount
            + EstimatesSchema.fields(extents).reduce(0) { $0 + $1.extents(extents).reduce(1, *) }
    }

    private func append(_ estimate: StepEstimate, to words: inout [UInt64]) {
        words.append(UInt64(bitPattern: Int64(estimate.iteration)))
        words.append(UInt64(estimate.status.rawValue))
        for count in EstimatesSchema.counts {
            words.append(UInt64(bitPattern: Int64(estimate[keyPath: count.path])))
        }
        words += estimate.curve.map { UInt64($0.status.rawValue) }
        for field in EstimatesSchema.fields(extents) { words += field.values(of: estimate).map(\.bitPattern) }
        let (blockCount, gammaCount, groupCount) = (extents.blockCount, extents.gammaCount, extents.groupCount)
        for block in 0..<blockCount {
            for gamma in 0..<gammaCount {
                let values = estimate.blockLeaveOut.isEmpty ? [] : estimate.blockLeaveOut[block][gamma]
                words += (values.isEmpty ? Array(repeating: .nan, count: groupCount) : values).map(\.bitPattern)
            }
        }
    }

    private func estimate(_ words: [UInt64]) -> StepEstimate? {
        var rest = words[...]
        func take() -> Int { Int(Int64(bitPattern: rest.removeFirst())) }
        func takeStatus() -> EstimateStatus? {
            UInt8(exactly: rest.removeFirst()).flatMap { EstimateStatus(rawValue: $0) }
        }
        var estimate = StepEstimate(
            iteration: take(), gammas: header.gammas, blockCount: header.extents.blockCount,
            groupCount: header.extents.groupCount)
        guard let status = takeStatus() else { return nil }
        estimate.status = status
        for count in EstimatesSchema.counts { estimate[keyPath: count.path] = take() }
        for index in header.gammas.indices {
            guard let status = takeStatus() else { return nil }
            estimate.curve[index].status = status
        }
        for field in EstimatesSchema.fields(extents) {
            let count = field.extents(extents).reduce(1, *)
            field.assign(rest.prefix(count).map { Double(bitPattern: $0) }, to: &estimate)
            rest = rest.dropFirst(count)
        }
        estimate.blockLeaveOut = (0..<header.extents.blockCount).map { _ in
            header.gammas.indices.map { gamma in
                let values = rest.prefix(header.extents.groupCount).map { Double(bitPattern: $0) }
                rest = rest.dropFirst(values.count)
                let isThere =
                    values.count > 1 && estimate.isProbed && estimate.curve[gamma].status != .skipped
                return isThere ? values : []
            }
        }
        return estimate
    }
}

extension EstimatedRows.Header {
    /// How many numbers of eight bytes follow; `nil` where the header contradicts itself, or there is no such number.
    fileprivate var wordCount: Int? {
        let most = 1 << 40
        let (cells, groups) = (
            extents.blockCount.multipliedReportingOverflow(by: extents.gammaCount), extents.groupCount
        )
        guard (0...most).contains(firstRow), (0...most).contains(rowCount), extents.gammaCount == gammas.count,
            (1...most).contains(extents.blockCount), (1...max(1, components.count)).contains(groups),
            !components.isEmpty,
            !cells.overflow, (0...most / groups).contains(cells.partialValue)
        else { return nil }
        let rows = rowCount.multipliedReportingOverflow(by: EstimatedRows.wordsPerRow(extents))
        guard !rows.overflow, rows.partialValue < .max / 16 else { return nil }
        return 2 + components.count + rows.partialValue
    }
}
