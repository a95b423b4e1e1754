import Essentials
import Foundation
import Objectives

/// What is measured, in full: with the run it decides every number of an estimates file.
public struct EstimationConfiguration: Sendable, Hashable, Codable {
    public enum Mode: String, Sendable, Hashable, Codable, CaseIterable {
        /// Eq. 20 of Zhang, He, Sra, Jadbabaie 2020: the largest ‖∇f_S(x_k + γd) − ∇f_S(x_k)‖ / ‖γd‖ over a grid of γ.
        case zhangPaper = "zhang-paper"
    }

    public enum Direction: String, Sendable, Hashable, Codable, CaseIterable {
        /// d = x_{k+1} − x_k
        case step
    }

    public enum Norm: String, Sendable, Hashable, Codable, CaseIterable {
        case euclidean
    }

    public var mode: Mode
    public var direction: Direction
    public var norm: Norm
    public var grid: GammaGrid
    public var subset: ComponentSelection
    /// The scalar in which gradients are evaluated; `nil` means the run's. Iterates are rounded to it once, on reading.
    public var precision: Precision?
    /// How components are evaluated: masks, pieces, device.
    public var evaluation: EvaluationOptions

    public init(
        grid: GammaGrid = .spacing(delta: 0.1), subset: ComponentSelection = .sample(fraction: 0.1, seed: 0),
        precision: Precision? = nil, evaluation: EvaluationOptions = EvaluationOptions(), mode: Mode = .zhangPaper,
        direction: Direction = .step, norm: Norm = .euclidean
    ) {
        self.mode = mode
        self.direction = direction
        self.norm = norm
        self.grid = grid
        self.subset = subset
        self.precision = precision
        self.evaluation = evaluation
    }

    /// One line of JSON with sorted keys: equal configurations give equal text.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// Reads what `json()` writes.
    /// - Throws: `SmoothnessError(.data)` that names the file, the key, what belongs there and what is there.
    public init(json: String, file: String? = nil) throws {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(json.utf8))
        } catch let error as DecodingError {
            throw SmoothnessError(
                decoding: error, what: "the configuration of the estimate", file: file, object: "/configuration")
        }
    }
}
