import Essentials

/// Samples for least squares: n inputs with n outputs.
public struct RegressionSamples: Sendable, Hashable {
    public let inputCount: Int
    public let outputCount: Int
    /// n × inputCount, sample by sample.
    public let inputs: [Double]
    /// n × outputCount
    public let outputs: [Double]

    public var count: Int { inputs.count / inputCount }

    public init(inputCount: Int, outputCount: Int, inputs: [Double], outputs: [Double]) {
        precondition(
            inputCount > 0 && outputCount > 0 && !inputs.isEmpty && inputs.count.isMultiple(of: inputCount)
                && outputs.count == inputs.count / inputCount * outputCount, "inputs and outputs do not match")
        self.inputCount = inputCount
        self.outputCount = outputCount
        self.inputs = inputs
        self.outputs = outputs
    }

    /// A function of the seed: standard normal inputs, y = T x + `noise`·z with a normal T of standard deviation
    /// 1/√inputCount and standard normal z.
    public init(inputCount: Int, outputCount: Int, count: Int, noise: Double, seed: UInt64) {
        var truth = SeededGenerator(seed: seed, purpose: "deep linear truth")
        let scale = 1 / Double(inputCount).squareRoot()
        let matrix = (0..<(inputCount * outputCount)).map { _ in scale * truth.normal() }
        var (inputs, outputs): ([Double], [Double]) = ([], [])
        for sample in 0..<count {
            var draw = SeededGenerator(seed: seed, purpose: "deep linear sample", index: sample)
            let x = (0..<inputCount).map { _ in draw.normal() }
            inputs += x
            for row in 0..<outputCount {
                let mean = x.indices.reduce(0) { $0 + matrix[row * inputCount + $1] * x[$1] }
                outputs.append(mean + noise * draw.normal())
            }
        }
        self.init(inputCount: inputCount, outputCount: outputCount, inputs: inputs, outputs: outputs)
    }

    /// X and Y of some samples, one column a sample.
    func columns(_ range: Range<Int>) -> (x: DenseMatrix, y: DenseMatrix) {
        func part(_ values: [Double], _ width: Int) -> DenseMatrix {
            DenseMatrix(
                rows: range.count, columns: width,
                values: Array(values[(range.lowerBound * width)..<(range.upperBound * width)])
            ).transposed
        }
        return (part(inputs, inputCount), part(outputs, outputCount))
    }
}
