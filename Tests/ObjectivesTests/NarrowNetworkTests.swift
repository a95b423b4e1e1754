import Foundation
import Objectives
import ParameterSpace
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
                    let error = try Self.error(width: width, channels: channels, size: size)
                    // Rounding moves some inputs of a ReLU across its kink, which is worth up to 1e-4 here.
                    #expect(error < 1e-3, "width \(width), \(channels) channels, \(size) × \(size) pixels: \(error)")
                }
            }
        }
    }

    /// The distance of the gradients in Float from those in Double, against the norm of the latter.
    private static func error(width: Int, channels: Int, size: Int) throws -> Double {
        let images = GeneratedImages(
            imageCount: 15, classCount: 4, shape: ImageShape(channels: channels, height: size, width: size), seed: 3)
        var options = ImageClassifierOptions(network: .residual(family: .cifar, depth: 8, width: width))
        options.batchSize = 10
        let description = try ObjectiveDescription.imageClassifier(
            ImageDataDescription(source: .generated(images), heldOut: .none), options)
        let found = try gradients(description, as: Float.self)
        let expected = try gradients(description, as: Double.self)
        return norm(difference(found, expected)) / norm(expected)
    }

    /// Of every component, one after another, at the same point.
    private static func gradients<Scalar: ParameterScalar>(
        _ description: ObjectiveDescription, as _: Scalar.Type
    ) throws -> [Double] {
        let objective = try makeObjective(description, as: Scalar.self).training
        let point = objective.initialPoint(seed: 1)
        var gradient = point
        return try (0..<objective.componentCount).flatMap { component in
            _ = try objective.gradient(ofComponent: component, at: point, into: &gradient)
            return gradient.map { Double($0) }
        }
    }
}
