import Essentials
import Evaluation
import Foundation
import ParameterSpace

/// The messages of docs/gradient-process.md.
enum GradientProtocol {
    static let version = 1
}

/// A request for the mean gradient of a list of components at the point in shared memory.
struct GradientRequest: Encodable, Sendable {
    var id = 0
    var request = "gradient"
    var precision: String
    var memory: String
    var bytes: Int
    /// Offset of x.
    var point: Int
    /// Another number wherever the point is another.
    var pointID: Int
    /// Offset at which the gradient is wanted; `nil`: only the losses are.
    var gradient: Int?
    var components: [Int]
    var draw: UInt64

    enum CodingKeys: String, CodingKey {
        case id, request, precision, memory, bytes, point, gradient, components, draw
        case pointID = "point_id"
    }
}

/// What a process says of the function that it serves.
struct GradientDescription: Decodable, Sendable, Equatable {
    struct Block: Decodable, Sendable, Equatable {
        var name: String
        var shape: [Int]
    }

    var name: String
    var precisions: [String]
    var components: Int
    var parameters: [Block]
    var weights: [Double]?
    /// What may keep two evaluations from being equal.
    var notes: [String]?
    /// What may make its numbers wrong, or others than are expected: shown at once.
    var warnings: [String]?
    /// Of the data: another one is another function.
    var digest: String?

    var layout: ParameterLayout { ParameterLayout(parameters.map { ($0.name, $0.shape) }) }

    private static let (mostComponents, longestName, mostAxes) = (10_000_000, 4096, 64)

    /// - Throws: `SmoothnessError(.data)` for numbers that no function has.
    func validate() throws {
        func require(_ isTrue: Bool, _ key: String, _ expected: String, _ found: String) throws {
            guard !isTrue else { return }
            throw SmoothnessError(
                .data, "the gradient process describes itself wrongly", object: "describe: \(key)", expected: expected,
                found: found)
        }
        try require(
            (1...Self.mostComponents).contains(components), "components", "1 … \(Self.mostComponents)", "\(components)")
        let texts = [("name", [name]), ("digest", [digest ?? ""]), ("block names", parameters.map(\.name))]
        for (key, values) in texts {
            let longest = values.map(\.utf8.count).max() ?? 0
            try require(longest <= Self.longestName, key, "at most \(Self.longestName) bytes", "\(longest)")
        }
        try require(!parameters.isEmpty, "parameters", "one block or more", "none")
        let shapes = parameters.map(\.shape)
        try require(
            shapes.allSatisfy { $0.count <= Self.mostAxes && $0.allSatisfy { $0 > 0 } }, "shape",
            "positive extents, of at most \(Self.mostAxes) axes", "\(shapes.prefix(8).map { Array($0.prefix(8)) })")
        let count = shapes.reduce(0.0) { $0 + $1.reduce(1.0) { $0 * Double($1) } }
        // A description is words; memory is set aside for what this machine can hold: a point and two gradients.
        let memory = ProcessInfo.processInfo.physicalMemory
        try require(
            count < 1e12 && 3 * 8 * count < Double(memory), "shape",
            "parameters for which this machine has memory, \(memory) bytes", "\(count) parameters")
        try require(
            Set(parameters.map(\.name)).count == parameters.count, "parameters", "distinct names", "the same twice")
        try require(
            precisions.contains { $0 == "float32" || $0 == "float64" }, "precisions", "float32 or float64",
            "\(precisions)")
        guard let weights else { return }
        try require(weights.count == components, "weights", "\(components) numbers", "\(weights.count)")
        let wrong = weights.first { !($0.isFinite && $0 > 0) }
        try require(wrong == nil, "weights", "positive numbers", wrong.map { "\($0)" } ?? "")
        let total = weights.reduce(0, +)
        try require(
            total.isFinite && (1 / total).isFinite, "weights", "numbers of examples, with a sum that is a number",
            "a sum of \(total)")
    }
}

/// Any answer.
struct GradientAnswer: Decodable {
    var id: Int?
    var error: String?
    var `protocol`: Int?
    var software: String?
    var losses: [JSONReal]?
}

/// A number, or in its place "NaN", "Infinity" or "-Infinity", which JSON has not.
struct JSONReal: Decodable {
    var value: Double

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Double.self) {
            value = number
            return
        }
        switch try container.decode(String.self) {
        case "NaN": value = .nan
        case "Infinity": value = .infinity
        case "-Infinity": value = -.infinity
        default:
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "neither a number nor \"NaN\"")
        }
    }
}
