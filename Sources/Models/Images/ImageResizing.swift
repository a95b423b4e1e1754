import Essentials
import Evaluation

/// How decoded images become images of one size: the shorter side to `shorterSide`, then the `size` × `size` pixels in the
/// middle.
public struct ImageResizing: Codable, Sendable, Hashable {
    public var shorterSide: Int
    public var size: Int

    enum CodingKeys: String, CodingKey {
        case size
        case shorterSide = "shorter_side"
    }

    public init(shorterSide: Int, size: Int) {
        self.shorterSide = shorterSide
        self.size = size
    }

    /// - Throws: `SmoothnessError` of kind `.usage`.
    func validate() throws {
        try require(size >= 1 && size <= 1 << 14, "size", "1 to \(1 << 14)", size)
        try require(
            shorterSide >= size && shorterSide <= 1 << 14, "shorter_side", "\(size) to \(1 << 14)", shorterSide)
    }

    /// Pixels [height][width][3] to [3][size][size].
    ///
    /// The longer side becomes ⌊shorterSide·longer/shorter⌋. The crop begins at (extent − size)/2, halves rounded to even, as
    /// torchvision's CenterCrop does.
    func apply(to pixels: [UInt8], height: Int, width: Int) -> [UInt8] {
        let isWide = width > height
        let target = (
            height: isWide ? shorterSide : shorterSide * height / width,
            width: isWide ? shorterSide * width / height : shorterSide
        )
        let top = Int((Double(target.height - size) / 2).rounded(.toNearestOrEven))
        let left = Int((Double(target.width - size) / 2).rounded(.toNearestOrEven))
        let rows = ResamplingWeights(from: height, to: target.height, window: top..<(top + size))
        let columns = ResamplingWeights(from: width, to: target.width, window: left..<(left + size))
        return resample(pixels, width: width, rows: rows, columns: columns)
    }

    /// Along the rows first, then along the columns, rounded once at the end, halves up.
    private func resample(
        _ pixels: [UInt8], width: Int, rows: ResamplingWeights, columns: ResamplingWeights
    ) -> [UInt8] {
        let needed = rows.sources
        // [channel][row of the source][column of the result]
        var narrow = [Double](repeating: 0, count: 3 * needed.count * size)
        for (place, row) in needed.enumerated() {
            for x in 0..<size {
                var sums = (0.0, 0.0, 0.0)
                var source = 3 * (row * width + columns.first[x])
                for weight in columns.weights[x] {
                    sums.0 += weight * Double(pixels[source])
                    sums.1 += weight * Double(pixels[source + 1])
                    sums.2 += weight * Double(pixels[source + 2])
                    source += 3
                }
                narrow[place * size + x] = sums.0
                narrow[(needed.count + place) * size + x] = sums.1
                narrow[(2 * needed.count + place) * size + x] = sums.2
            }
        }
        var result = [UInt8](repeating: 0, count: 3 * size * size)
        for channel in 0..<3 {
            for y in 0..<size {
                let start = channel * needed.count + rows.first[y] - needed.lowerBound
                for x in 0..<size {
                    var sum = 0.0
                    for (index, weight) in rows.weights[y].enumerated() {
                        sum += weight * narrow[(start + index) * size + x]
                    }
                    result[(channel * size + y) * size + x] = UInt8(min(max((sum + 0.5).rounded(.down), 0), 255))
                }
            }
        }
        return result
    }
}

/// Bilinear interpolation with antialiasing along one side, as Pillow's and PyTorch's (`antialias=True`): with the scale
/// s = from/to and the reach r = max(s, 1), pixel i of the result has its centre at c = (i + ½)s in the source and weighs source pixel j by
/// max(0, 1 − |j + ½ − c|/r), divided by the sum of the weights inside the image.
struct ResamplingWeights {
    /// The first source pixel of every pixel in the window.
    private(set) var first: [Int] = []
    private(set) var weights: [[Double]] = []

    init(from source: Int, to target: Int, window: Range<Int>) {
        let scale = Double(source) / Double(target)
        let reach = max(scale, 1)
        for index in window {
            let center = (Double(index) + 0.5) * scale
            let low = max(0, Int((center - reach + 0.5).rounded(.down)))
            let high = min(source, Int((center + reach + 0.5).rounded(.down)))
            let triangle = (low..<high).map { max(0, 1 - abs(Double($0) + 0.5 - center) / reach) }
            let total = triangle.reduce(0, +)
            first.append(low)
            weights.append(total > 0 ? triangle.map { $0 / total } : triangle)
        }
    }

    /// The source pixels that have a weight.
    var sources: Range<Int> {
        let end = zip(first, weights).map { $0 + $1.count }.max() ?? 0
        return (first.min() ?? 0)..<end
    }
}
