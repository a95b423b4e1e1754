import Evaluation
import Foundation
import Models
import ParameterSpace
import TestSupport
import Testing

/// Residual networks of every small width on the convolutions of other processors, which oneDNN chooses by these variables; in processes of their own,
/// because it reads them once. Double does not go through oneDNN and says what is right.
@Suite("Narrow residual networks") struct NarrowNetworkTests {
    @Test(arguments: ["SSE41", "AVX2", "AVX512_CORE", ""]) func agreeWithDouble(instructions: String) async {
        await #expect(processExitsWith: .success) { [instructions] in
            for variable in ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"] {
                if instructions.isEmpty { unsetenv(variable) } else { setenv(variable, instructions, 1) }
            }
            for width in 1...17 {
                for (channels, size) in [(1, 16), (3, 16), (3, 9)] {
                    // At some points rounding moves the input of a ReLU across its kink, which is worth some hundredths of the gradient; what is wrong
                    // is wrong at every point.
                    var errors: [Double] = []
                    while errors.count < 4, errors.last ?? 1 > 1e-5 {
                        errors.append(
                            try Self.error(width: width, channels: channels, size: size, seed: errors.count + 1))
                    }
                    #expect(
                        errors.last ?? 1 <= 1e-5,
                        "width \(width), \(channels) channels, \(size) × \(size) pixels: \(errors)")
                }
            }
        }
    }

    /// The distance of the gradients in Float from those in Double, against the norm of the latter.
    private static func error(width: Int, channels: Int, size: Int, seed: Int) throws -> Double {
        let images = GeneratedImages(
            imageCount: 15, classCount: 4, shape: ImageShape(channels: channels, height: size, width: size), seed: 3)
        var options = ImageClassifierOptions(network: .residual(family: .cifar, depth: 8, width: width))
        options.batchSize = 10
        let description = try ObjectiveDescription.imageClassifier(
            ImageDataDescription(source: .generated(images), heldOut: .none), options)
        let found = try gradients(description, as: Float.self, seed: seed)
        let expected = try gradients(description, as: Double.self, seed: seed)
        return norm(difference(found, expected)) / norm(expected)
    }

    /// Of every component, one after another, at the same point.
    private static func gradients<Scalar: ParameterScalar>(
        _ description: ObjectiveDescription, as _: Scalar.Type, seed: Int
    ) throws -> [Double] {
        let objective = try makeObjective(description, as: Scalar.self).training
        let point = objective.initialPoint(seed: UInt64(seed))
        var gradient = point
        return try (0..<objective.componentCount).flatMap { component in
            _ = try objective.gradient(ofComponent: component, at: point, into: &gradient)
            return gradient.map { Double($0) }
        }
    }
}
