import Essentials

/// Seeded images for machines without data: classes that differ in their pattern, images of a class that differ in place,
/// contrast and noise.
///
/// - Every class has a pattern per channel: 5 × 5 knots, uniform on [−1, 1), joined bilinearly over the image.
/// - An image has a class, a shift by −2 … 2 pixels each way (pixels from beyond the edge are the edge's), a contrast from 0.5 to 1 and,
///   in every value, noise uniform on [−1, 1): value = 128 + 127·(0.6·contrast·pattern + 0.4·noise), rounded to the
///   nearest integer, halves away from zero.
///
/// Only the four operations of arithmetic are used, so the images are the same on every machine.
public struct GeneratedImages: Codable, Sendable, Hashable {
    public var imageCount: Int
    public var classCount: Int
    public var shape: ImageShape
    public var seed: UInt64

    enum CodingKeys: String, CodingKey {
        case shape, seed
        case imageCount = "image_count"
        case classCount = "class_count"
    }

    public init(imageCount: Int = 2000, classCount: Int = 10, shape: ImageShape, seed: UInt64 = 0) {
        self.imageCount = imageCount
        self.classCount = classCount
        self.shape = shape
        self.seed = seed
    }

    /// The images. Draws: `SeededGenerator(seed, "image pattern", class)` gives the knots of a class by channel and row;
    /// `SeededGenerator(seed, "image", i)` gives of image i the class, the shift down, the shift right, the contrast and then the
    /// noise by channel and row.
    public func images() -> StoredImages {
        let patterns = (0..<classCount).map { pattern(ofClass: $0) }
        var labels: [Int] = []
        var pixels: [UInt8] = []
        pixels.reserveCapacity(imageCount * shape.count)
        for image in 0..<imageCount {
            var generator = SeededGenerator(seed: seed, purpose: "image", index: image)
            let label = generator.index(below: classCount)
            let down = generator.index(below: 5) - 2
            let right = generator.index(below: 5) - 2
            let contrast = 0.5 + 0.5 * generator.uniform()
            labels.append(label)
            for channel in 0..<shape.channels {
                for row in 0..<shape.height {
                    let y = min(max(row - down, 0), shape.height - 1)
                    for column in 0..<shape.width {
                        let x = min(max(column - right, 0), shape.width - 1)
                        let signal = patterns[label][(channel * shape.height + y) * shape.width + x]
                        let noise = 2 * generator.uniform() - 1
                        pixels.append(UInt8((128 + 127 * (0.6 * contrast * signal + 0.4 * noise)).rounded()))
                    }
                }
            }
        }
        return StoredImages(shape: shape, labels: labels, pixels: pixels)
    }

    /// [C][H][W], within [−1, 1].
    private func pattern(ofClass label: Int) -> [Double] {
        var generator = SeededGenerator(seed: seed, purpose: "image pattern", index: label)
        /// The knot before a pixel and the share of the one after it, along an edge of `size` pixels.
        func place(_ index: Int, _ size: Int) -> (knot: Int, share: Double) {
            let position = size == 1 ? 0 : Double(4 * index) / Double(size - 1)
            let knot = min(Int(position), 3)
            return (knot, position - Double(knot))
        }
        var values: [Double] = []
        for _ in 0..<shape.channels {
            let knots = (0..<25).map { _ in 2 * generator.uniform() - 1 }
            for row in 0..<shape.height {
                let (y, v) = place(row, shape.height)
                for column in 0..<shape.width {
                    let (x, u) = place(column, shape.width)
                    let above = knots[5 * y + x] * (1 - u) + knots[5 * y + x + 1] * u
                    let below = knots[5 * y + 5 + x] * (1 - u) + knots[5 * y + 6 + x] * u
                    values.append(above * (1 - v) + below * v)
                }
            }
        }
        return values
    }
}
