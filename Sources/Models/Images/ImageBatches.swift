import Essentials
import ParameterSpace

/// What is done to the images of training, seeded.
public struct ImageAugmentation: Codable, Sendable, Hashable {
    /// p: the image is put among p rows and columns of black pixels on every side, and a window of its own size is cut out of
    /// that at a random place. 0 for none.
    public var cropPadding: Int
    /// Whether half of the images are mirrored, left to right.
    public var flips: Bool

    enum CodingKeys: String, CodingKey {
        case cropPadding = "crop_padding"
        case flips
    }

    public init(cropPadding: Int = 0, flips: Bool = false) {
        self.cropPadding = cropPadding
        self.flips = flips
    }

    static let none = ImageAugmentation()
}

/// By which a channel's values in [0, 1] are made zero-mean and of unit variance: (value/255 − mean)/deviation.
public struct ImageNormalization: Codable, Sendable, Hashable {
    /// One a channel.
    public var mean: [Double]
    public var deviation: [Double]

    public init(mean: [Double], deviation: [Double]) {
        self.mean = mean
        self.deviation = deviation
    }
}

/// Images in components: component i is a batch of `batchSize` of them, the last one ragged.
///
/// Which images are a component's and what augmentation does to each is a function of (seed, draw): the images are in the order
/// `SeededGenerator(seed, "partition-<draw>")` permutes them to, and image j of the source is cut and mirrored by
/// `SeededGenerator(seed, "augmentation-<draw>", j)`, which gives the window's row and column, each below 2p + 1, and then
/// uniform() < ½ for mirrored.
struct ImageBatches: Sendable {
    let selection: ImageSelection
    let batchSize: Int
    let augmentation: ImageAugmentation
    let normalization: ImageNormalization
    let seed: UInt64
    let draw: UInt64
    /// The images in the order of the components, as indices into the source.
    private let order: [Int]

    /// - Parameter isShuffled: components of images in the order of the source, where not; for held-out images.
    init(
        _ selection: ImageSelection, batchSize: Int, augmentation: ImageAugmentation,
        normalization: ImageNormalization, seed: UInt64, draw: UInt64 = 0, isShuffled: Bool = true
    ) {
        self.selection = selection
        self.batchSize = batchSize
        self.augmentation = augmentation
        self.normalization = normalization
        self.seed = seed
        self.draw = draw
        if isShuffled {
            var generator = SeededGenerator(seed: seed, purpose: "partition-\(draw)")
            order = generator.permutation(of: selection.members.count).map { selection.members[$0] }
        } else {
            order = selection.members
        }
    }

    func redrawn(_ draw: UInt64) -> ImageBatches {
        draw == self.draw
            ? self
            : ImageBatches(
                selection, batchSize: batchSize, augmentation: augmentation, normalization: normalization, seed: seed,
                draw: draw)
    }

    var shape: ImageShape { selection.source.shape }
    var componentCount: Int { (order.count + batchSize - 1) / batchSize }

    func count(ofComponent component: Int) -> Int { images(ofComponent: component).count }

    private func images(ofComponent component: Int) -> ArraySlice<Int> {
        let start = component * batchSize
        return order[start..<min(start + batchSize, order.count)]
    }

    /// A component, or some of its images.
    /// - Parameter part: places within the component; all, where `nil`.
    // Made for every gradient: unspecialised, it took longer than the gradient of a small perceptron.
    @_specialize(where Scalar == Float)
    @_specialize(where Scalar == Double)
    func batch<Scalar: ParameterScalar>(
        _ component: Int, part: Range<Int>? = nil, as scalar: Scalar.Type = Scalar.self
    ) throws -> ImageBatch<Scalar> {
        let whole = images(ofComponent: component)
        let images =
            part.map { whole[(whole.startIndex + $0.lowerBound)..<(whole.startIndex + $0.upperBound)] } ?? whole
        // What each of the 256 values of a channel becomes.
        let tables = (0..<shape.channels).map { channel in
            (0..<256).map { value in
                Scalar((Double(value) / 255 - normalization.mean[channel]) / normalization.deviation[channel])
            }
        }
        var values = [Scalar](repeating: 0, count: images.count * shape.count)
        for (place, image) in images.enumerated() {
            write(
                try selection.source.pixels(of: image), cut: window(of: image), tables, into: &values,
                at: place * shape.count)
        }
        return ImageBatch(values: values, labels: images.map { Int64(selection.source.labels[$0]) })
    }

    private struct Window {
        /// Rows and columns by which it lies below and right of the image's own place.
        var down: Int
        var right: Int
        var isMirrored: Bool
    }

    private func window(of image: Int) -> Window {
        guard augmentation != .none else { return Window(down: 0, right: 0, isMirrored: false) }
        var generator = SeededGenerator(seed: seed, purpose: "augmentation-\(draw)", index: image)
        let padding = augmentation.cropPadding
        let down = generator.index(below: 2 * padding + 1) - padding
        let right = generator.index(below: 2 * padding + 1) - padding
        return Window(down: down, right: right, isMirrored: generator.uniform() < 0.5 && augmentation.flips)
    }

    @_specialize(where Scalar == Float)
    @_specialize(where Scalar == Double)
    private func write<Scalar: ParameterScalar>(
        _ pixels: ArraySlice<UInt8>, cut window: Window, _ tables: [[Scalar]], into values: inout [Scalar],
        at offset: Int
    ) {
        var target = offset
        let (height, width) = (shape.height, shape.width)
        for channel in 0..<shape.channels {
            let table = tables[channel]
            for row in 0..<height {
                let y = row + window.down
                let isInside = y >= 0 && y < height
                let start = pixels.startIndex + (channel * height + y) * width
                for column in 0..<width {
                    let x = (window.isMirrored ? width - 1 - column : column) + window.right
                    values[target] = isInside && x >= 0 && x < width ? table[Int(pixels[start + x])] : table[0]
                    target += 1
                }
            }
        }
    }
}
