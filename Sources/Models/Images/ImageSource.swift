import Evaluation

/// The size of an image.
public struct ImageShape: Codable, Sendable, Hashable {
    public var channels: Int
    public var height: Int
    public var width: Int

    public init(channels: Int, height: Int, width: Int) {
        self.channels = channels
        self.height = height
        self.width = width
    }

    /// Values of an image.
    public var count: Int { channels * height * width }

    /// - Throws: `SmoothnessError` of kind `.usage` for a shape that no image has.
    func validate() throws {
        let text = "\(channels) × \(height) × \(width)"
        try require(channels >= 1 && height >= 1 && width >= 1, "shape", "1 or more each", text)
        let side = DescriptionBounds.imageSide
        try require(
            height <= side && width <= side && channels <= DescriptionBounds.pixels / (height * width), "shape",
            "sides of \(side) at most, \(DescriptionBounds.pixels) values at most", text)
    }
}

/// Images of one shape with a class each.
public protocol ImageSource: Sendable {
    var shape: ImageShape { get }
    /// The class of every image, from 0.
    var labels: [Int] { get }
    /// [C][H][W], row-major.
    func pixels(of image: Int) throws -> ArraySlice<UInt8>
}

/// Images in memory.
public struct StoredImages: ImageSource, Hashable {
    public let shape: ImageShape
    public let labels: [Int]
    /// [N][C][H][W]
    public let pixels: [UInt8]

    public init(shape: ImageShape, labels: [Int], pixels: [UInt8]) {
        precondition(
            pixels.count == labels.count * shape.count,
            "\(pixels.count) bytes are not \(labels.count) images of \(shape)")
        self.shape = shape
        self.labels = labels
        self.pixels = pixels
    }

    public func pixels(of image: Int) -> ArraySlice<UInt8> {
        pixels[(image * shape.count)..<((image + 1) * shape.count)]
    }
}
