import Archives
import Essentials
import Evaluation

/// Counts of one part of image data.
public struct ImageStatistics: Sendable, Hashable, Codable {
    public var imageCount: Int
    public var componentCount: Int

    enum CodingKeys: String, CodingKey {
        case imageCount = "image_count"
        case componentCount = "component_count"
    }

    public init(imageCount: Int, componentCount: Int) {
        self.imageCount = imageCount
        self.componentCount = componentCount
    }
}

/// Which images a classifier reads.
public struct ImageDataDescription: Sendable, Hashable {
    /// In JSON the key `files` or `generated`.
    public enum Source: Sendable, Hashable {
        case files(ImageFiles)
        case generated(GeneratedImages)
    }

    /// The held-out images; in JSON the key `published_held_out` (true), `held_out_fraction` or `held_out_files`, or none.
    public enum HeldOut: Sendable, Hashable {
        /// The data's own: CIFAR's test batch, MNIST's `t10k`, a folder's `val`.
        case published
        /// This fraction of the images (rounded down, at least one).
        case fraction(Double)
        case files(ImageFiles)
        case none
    }

    public var source: Source
    public var heldOut: HeldOut
    /// Train on so many images only; all, where `nil`.
    public var limit: Int?
    /// For folders of images alone.
    public var resizing: ImageResizing?

    public init(source: Source, heldOut: HeldOut, limit: Int? = nil, resizing: ImageResizing? = nil) {
        self.source = source
        self.heldOut = heldOut
        self.limit = limit
        self.resizing = resizing
    }
}

extension ImageDataDescription: Codable {
    enum CodingKeys: String, CodingKey {
        case files, generated, limit, resizing
        case publishedHeldOut = "published_held_out"
        case heldOutFraction = "held_out_fraction"
        case heldOutFiles = "held_out_files"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let files = try container.decodeIfPresent(ImageFiles.self, forKey: .files) {
            source = .files(files)
        } else {
            source = .generated(try container.decode(GeneratedImages.self, forKey: .generated))
        }
        if let files = try container.decodeIfPresent(ImageFiles.self, forKey: .heldOutFiles) {
            heldOut = .files(files)
        } else if let fraction = try container.decodeIfPresent(Double.self, forKey: .heldOutFraction) {
            heldOut = .fraction(fraction)
        } else {
            heldOut = try container.decodeIfPresent(Bool.self, forKey: .publishedHeldOut) == true ? .published : .none
        }
        limit = try container.decodeIfPresent(Int.self, forKey: .limit)
        resizing = try container.decodeIfPresent(ImageResizing.self, forKey: .resizing)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch source {
        case .files(let files): try container.encode(files, forKey: .files)
        case .generated(let images): try container.encode(images, forKey: .generated)
        }
        switch heldOut {
        case .published: try container.encode(true, forKey: .publishedHeldOut)
        case .fraction(let fraction): try container.encode(fraction, forKey: .heldOutFraction)
        case .files(let files): try container.encode(files, forKey: .heldOutFiles)
        case .none: break
        }
        try container.encodeIfPresent(limit, forKey: .limit)
        try container.encodeIfPresent(resizing, forKey: .resizing)
    }
}

extension ImageDataDescription {
    /// - Throws: `SmoothnessError` of kind `.usage` that names the parameter.
    func validate() throws {
        try require((limit ?? 1) >= 1, "limit", "1 or more", limit ?? 0)
        if case .fraction(let fraction) = heldOut {
            try require(fraction > 0 && fraction < 1, "held_out_fraction", "more than 0, less than 1", fraction)
        }
        switch source {
        case .generated(let images):
            try require((2...256).contains(images.classCount), "class_count", "2 to 256", images.classCount)
            try images.shape.validate()
            try requireSize("image_count", images.imageCount, atMost: DescriptionBounds.pixels / images.shape.count)
            try require(resizing == nil, "resizing", "none: it is for folders of images", resizing as Any)
            if case .published = heldOut { try require(false, "held_out", "a fraction or none", "published") }
            if case .files = heldOut { try require(false, "held_out", "a fraction or none", "files") }
        case .files(let files):
            if files.format == .folder {
                try require(resizing != nil, "resizing", "sizes, for a folder of images", "none")
                try resizing?.validate()
            } else {
                try require(resizing == nil, "resizing", "none: it is for folders of images", resizing as Any)
            }
        }
    }
}

/// Some of the images of a source.
public struct ImageSelection: Sendable {
    public var source: any ImageSource
    /// Indices into the source.
    public var members: [Int]
}

/// The images of a description: those for training and, where there are some, those held out.
public struct ImageData: Sendable {
    public let training: ImageSelection
    public let heldOut: ImageSelection?
    public let classCount: Int

    /// - Parameters:
    ///   - seed: draws which images a fraction or a limit takes: the order `SeededGenerator(seed, "selection")` permutes the N images to;
    ///     held out are its last ones, trained on its first ones.
    ///   - dataOverride: where the data are now, if not where the description says.
    /// - Throws: `SmoothnessError` of kind `.usage`, `.noInput`, `.inputOutput` or `.data`.
    public init(_ description: ImageDataDescription, seed: UInt64, dataOverride: String? = nil) throws {
        try description.validate()
        let parts: ImageParts
        let name: String
        switch description.source {
        case .generated(let images):
            parts = ImageParts(training: images.images(), heldOut: nil, classCount: images.classCount)
            name = "the generated images"
        case .files(let files):
            name = dataOverride ?? files.path
            parts = try ImageParts(files, at: name, classes: nil, resizing: description.resizing)
            if files.format == .idx {
                let labels = try files.format.members(of: name).last { !$0.isHeldOut }
                try IDXReader.refuseGap(in: parts.training.labels, file: labels?.path ?? name)
            }
        }
        classCount = parts.classCount
        let count = parts.training.labels.count
        var generator = SeededGenerator(seed: seed, purpose: "selection")
        var order = generator.permutation(of: count)
        switch description.heldOut {
        case .none: heldOut = nil
        case .fraction(let fraction):
            let share = max(1, Int(fraction * Double(count)))
            guard share < count else {
                throw SmoothnessError(
                    .data, "has too few images to hold some out", file: name, expected: "at least 2",
                    found: "\(count)")
            }
            heldOut = ImageSelection(source: parts.training, members: order.suffix(share).sorted())
            order.removeLast(share)
        case .published:
            guard let images = parts.heldOut else {
                throw SmoothnessError(
                    .data, "has no held-out images of its own", file: name,
                    expected: "a test batch, t10k files or a folder val",
                    remedy: "Name some with --valid, or hold a fraction out")
            }
            heldOut = ImageSelection(source: images, members: Array(images.labels.indices))
        case .files(let files):
            let images = try ImageParts(
                files, at: files.path, classes: parts.classNames, resizing: description.resizing
            )
            .training
            heldOut = ImageSelection(source: images, members: Array(images.labels.indices))
        }
        training = ImageSelection(
            source: parts.training, members: order.prefix(description.limit ?? count).sorted())
        if let heldOut { try Self.check(heldOut.source, against: parts, name: name) }
    }

    private static func check(_ source: any ImageSource, against parts: ImageParts, name: String) throws {
        guard source.shape == parts.training.shape else {
            func text(_ shape: ImageShape) -> String { "\(shape.channels) × \(shape.height) × \(shape.width)" }
            throw SmoothnessError(
                .data, "has held-out images of another size", file: name, expected: text(parts.training.shape),
                found: text(source.shape))
        }
        guard let label = source.labels.first(where: { $0 >= parts.classCount }) else { return }
        throw SmoothnessError(
            .data, "has a held-out image of a class that the training images do not have", file: name,
            expected: "0 to \(parts.classCount - 1)", found: "\(label)")
    }
}

/// What the files at one place hold.
struct ImageParts {
    var training: any ImageSource
    var heldOut: (any ImageSource)?
    var classCount: Int
    /// Of folders.
    var classNames: [String]?

    init(training: any ImageSource, heldOut: (any ImageSource)?, classCount: Int) {
        self.training = training
        self.heldOut = heldOut
        self.classCount = classCount
    }

    /// - Parameters:
    ///   - place: where the files are now.
    ///   - classes: the names of the classes, where they are given.
    init(_ files: ImageFiles, at place: String, classes: [String]?, resizing: ImageResizing?) throws {
        try files.check(at: place)
        switch files.format {
        case .cifarBinary, .cifarPython:
            let isBinary = files.format == .cifarBinary
            let batches = try Self.batches(files.format, at: place).map { batch in
                let read = isBinary ? CIFARReader.binary : CIFARReader.python
                return (images: try read(batch.bytes, batch.name), isHeldOut: batch.isHeldOut)
            }
            let heldOut = batches.filter(\.isHeldOut).map(\.images)
            self.init(
                training: joined(batches.filter { !$0.isHeldOut }.map(\.images)),
                heldOut: heldOut.isEmpty ? nil : joined(heldOut), classCount: CIFARReader.classCount)
        case .idx:
            let members = try files.format.members(of: place)
            func images(isHeldOut: Bool) throws -> StoredImages? {
                let pair = members.filter { $0.isHeldOut == isHeldOut }
                guard !pair.isEmpty else { return nil }
                guard pair.count == 2 else {
                    let isImages = pair[0].name.contains("images")
                    let partner =
                        isImages
                        ? pair[0].name.replacing("images-idx3", with: "labels-idx1")
                        : pair[0].name.replacing("labels-idx1", with: "images-idx3")
                    throw SmoothnessError(
                        .data, "is half of a pair", file: pair[0].path,
                        expected: "its \(isImages ? "labels" : "images") beside it in \(partner)", found: "no such file"
                    )
                }
                return try IDXReader.images(
                    Self.bytes(of: pair[0].path), file: pair[0].path, labels: Self.bytes(of: pair[1].path),
                    labelFile: pair[1].path)
            }
            // The form's members hold training images.
            let training = try images(isHeldOut: false)!
            self.init(
                training: training, heldOut: try images(isHeldOut: true), classCount: (training.labels.max() ?? 0) + 1)
        case .folder:
            guard let resizing else {
                throw SmoothnessError(.usage, "needs a size for its images", file: place, expected: "--image-size")
            }
            let roots = ImageFormat.folderParts(of: place).map { $0.isEmpty ? place : "\(place)/\($0)" }
            let names = try classes ?? ImageFolder.classes(of: roots[0])
            let sources = try roots.map { try ImageFolder($0, classes: names, resizing: resizing).kept() }
            self.init(training: sources[0], heldOut: sources.dropFirst().first, classCount: names.count)
            classNames = names
        }
    }

    private static func bytes(of path: String) throws -> [UInt8] { try readWhole(path) }

    /// The batches of CIFAR-10 in a file, a folder or an archive.
    private static func batches(
        _ format: ImageFormat, at place: String
    ) throws -> [(bytes: ArraySlice<UInt8>, name: String, isHeldOut: Bool)] {
        let members = try format.members(of: place)
        guard !isFolder(place) else {
            return try members.map { (try readWhole($0.path)[...], $0.path, $0.isHeldOut) }
        }
        let packed = try readWhole(place)
        // The published archives hold 186 MB.
        let bytes = Packing.isGzip(packed) ? try Packing.gzip.unpacked(packed, file: place, atMost: 1 << 28) : packed
        guard TarArchive.isTar(bytes) else { return [(bytes[...], place, false)] }
        let ending = format == .cifarBinary ? ".bin" : ""
        let archive = try TarArchive(bytes, file: place)
        let batches = ((1...5).map { "data_batch_\($0)" } + ["test_batch"]).compactMap { name in
            archive.members.first { "/\($0.name)".hasSuffix("/\(name)\(ending)") }
                .map { (bytes[$0.range], "\(place): \($0.name)", name == "test_batch") }
        }
        guard batches.contains(where: { !$0.2 }) else {
            throw SmoothnessError(
                .data, "holds no batch of CIFAR-10", file: place, expected: "data_batch_1\(ending)",
                found: archive.members.prefix(3).map(\.name).joined(separator: ", "))
        }
        return batches
    }
}

private func joined(_ parts: [StoredImages]) -> StoredImages {
    StoredImages(shape: parts[0].shape, labels: parts.flatMap(\.labels), pixels: parts.flatMap(\.pixels))
}
