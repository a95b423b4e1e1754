import CVectorKernels

/// What one step of Adam multiplies with. With h = s g it is, element by element,
/// m ← fl(β₁ m + (1 − β₁) h), v ← fl(β₂ v + (1 − β₂) h²), x ← fl(k x − a m / (√(c v) + ε)),
/// computed in Double and rounded where fl stands.
public struct AdamNumbers: Sendable, Hashable {
    /// s, what the gradient is multiplied with on its way into both moments.
    public var gain: Double
    /// β₁, the memory of the first moment.
    public var beta1: Double
    /// β₂, the memory of the second moment.
    public var beta2: Double
    /// a = η / (1 − β₁ᵗ) with t the number of this step, from 1.
    public var step: Double
    /// c = 1 / (1 − β₂ᵗ)
    public var correction: Double
    /// ε > 0
    public var epsilon: Double

    public init(gain: Double, beta1: Double, beta2: Double, step: Double, correction: Double, epsilon: Double) {
        self.gain = gain
        self.beta1 = beta1
        self.beta2 = beta2
        self.step = step
        self.correction = correction
        self.epsilon = epsilon
    }

    var kernel: smoothness_adam_numbers {
        smoothness_adam_numbers(
            gain: gain, beta1: beta1, beta2: beta2, step: step, correction: correction, epsilon: epsilon)
    }
}
