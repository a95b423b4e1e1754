import Essentials

extension ObjectiveDescription {
    /// ½ xᵀAx with this spectrum; see `Quadratic`.
    public static func quadratic(
        spectrum: [Double], rotations: Int = 0, componentCount: Int = 1, noise: Double = 0, seed: UInt64 = 0
    ) -> Self {
        Self(
            .quadratic(
                QuadraticDescription(
                    spectrum: spectrum, rotations: rotations, componentCount: componentCount, noise: noise, seed: seed))
        )
    }

    /// Σ aₖ xᵏ, coefficients from the constant up; see `Polynomial`.
    public static func polynomial(coefficients: [Double], start: Double = 1) -> Self {
        Self(.polynomial(PolynomialDescription(coefficients: coefficients, start: start)))
    }

    /// x² + (y − 3x + 2)⁴; see `QuarticValley`.
    public static func quarticValley(start: [Double] = [1, -1]) -> Self {
        Self(.quarticValley(QuarticValleyDescription(start: start)))
    }

    /// The fast function of theorem 4; see `ExponentialWalls`.
    public static func exponentialWalls(growth: Double, initialGradient: Double = 10) -> Self {
        Self(.exponentialWalls(ExponentialWallsDescription(growth: growth, initialGradient: initialGradient)))
    }

    /// The slow function of theorem 4; see `SlowSlope`.
    public static func slowSlope(slope: Double, gap: Double = 1) -> Self {
        Self(.slowSlope(SlowSlopeDescription(slope: slope, gap: gap)))
    }

    /// −x², −x², 5x²; see `QianExample`.
    public static func qianExample(start: Double = 1) -> Self {
        Self(.qianExample(QianExampleDescription(start: start)))
    }

    /// Σ aⱼ exp(bⱼx); see `ExponentialSum`.
    public static func exponentialSum(amplitudes: [Double], rates: [Double], start: Double = 1) -> Self {
        Self(.exponentialSum(ExponentialSumDescription(amplitudes: amplitudes, rates: rates, start: start)))
    }

    /// A deep linear network on seeded samples; see `DeepLinearNetwork` and `RegressionSamples`.
    public static func deepLinearNetwork(
        widths: [Int], sampleCount: Int, noise: Double = 0, batchSize: Int, initialScale: Double = 1, seed: UInt64 = 0
    ) -> Self {
        Self(
            .deepLinearNetwork(
                DeepLinearNetworkDescription(
                    widths: widths, sampleCount: sampleCount, noise: noise, batchSize: batchSize,
                    initialScale: initialScale, seed: seed)))
    }

    /// Logistic regression on the samples of a file of comma-separated values; see `LabelledSamples`.
    /// - Throws: `SmoothnessError` of kind `.noInput` or `.inputOutput`.
    public static func logisticRegression(
        file: String, batchSize: Int, regularization: Double = 0, hasIntercept: Bool = true
    ) throws -> Self {
        Self(
            .logisticRegression(
                LogisticRegressionDescription(
                    source: .file(try DataFile(path: file)), batchSize: batchSize, regularization: regularization,
                    hasIntercept: hasIntercept)))
    }

    /// Logistic regression on seeded samples; see `LabelledSamples`.
    public static func logisticRegression(
        generated samples: GeneratedSamples, batchSize: Int, regularization: Double = 0, hasIntercept: Bool = true
    ) -> Self {
        Self(
            .logisticRegression(
                LogisticRegressionDescription(
                    source: .generated(samples), batchSize: batchSize, regularization: regularization,
                    hasIntercept: hasIntercept)))
    }
}
