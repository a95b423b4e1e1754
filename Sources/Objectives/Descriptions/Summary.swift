import Foundation

extension ObjectiveDescription {
    /// One line for a person.
    public var summary: String {
        switch kind {
        case .quadratic(let quadratic):
            let magnitude = quadratic.spectrum.map { abs($0) }.reduce(0, max)
            let shape = quadratic.rotations == 0 ? "diagonal" : "rotated"
            return "quadratic, \(shape), \(counted(quadratic.spectrum.count, "parameter")), largest eigenvalue "
                + "\(magnitude), \(counted(quadratic.componentCount, "component"))"
        case .polynomial(let polynomial):
            let degree = polynomial.coefficients.lastIndex { $0 != 0 } ?? 0
            return "polynomial of degree \(degree), start \(polynomial.start)"
        case .quarticValley(let valley):
            let start = valley.start.map { "\($0)" }.joined(separator: ", ")
            return "x² + (y − 3x + 2)⁴, start (\(start))"
        case .exponentialWalls(let walls):
            return "exponential walls around a quadratic (theorem 4, fast), growth \(walls.growth), initial gradient "
                + "\(walls.initialGradient)"
        case .slowSlope(let slow):
            return "slow slope (theorem 4, slow), slope \(slow.slope), gap \(slow.gap)"
        case .qianExample(let example):
            return "−x², −x², 5x² (Qian et al. 2021, example 1), start \(example.start)"
        case .exponentialSum(let sum):
            let terms = zip(sum.amplitudes, sum.rates).map { "\($0)·exp(\($1)x)" }.joined(separator: " + ")
            return "\(terms), start \(sum.start)"
        case .deepLinearNetwork(let network):
            let widths = network.widths.map { "\($0)" }.joined(separator: "–")
            return "deep linear network \(widths) on \(counted(network.sampleCount, "generated sample")), batches of "
                + "\(network.batchSize)"
        case .logisticRegression(let regression):
            let source =
                switch regression.source {
                case .file(let file): file.path
                case .generated(let samples):
                    "\(grouped(samples.sampleCount)) generated samples of \(counted(samples.featureCount, "feature"))"
                }
            return "logistic regression on \(source), batches of \(regression.batchSize)"
        case .languageModel(let model): return model.summary
        case .transformer(let model): return model.summary
        case .imageClassifier(let classifier): return classifier.summary
        case .torchScript(let script): return script.summary
        case .external(let model): return model.description ?? "a model of another program"
        }
    }

    /// What was read, what was held out and what was left out, a line each; empty for formulas.
    public var dataNotes: [String] {
        switch kind {
        case .languageModel(let model):
            notes(model.text, model.network.vocabularySize, model.training, model.validation) + model.stateNotes
        case .transformer(let model):
            notes(model.text, model.network.vocabularySize, model.training, model.validation)
        case .imageClassifier(let classifier): classifier.dataNotes
        default: []
        }
    }
}

extension ImageClassifierDescription {
    fileprivate var summary: String {
        let name =
            switch network {
            case .residual(let network):
                "ResNet-\(network.depth) (\(network.family.rawValue), \(network.shortcut.rawValue) shortcuts)"
            case .perceptron(let network):
                "multilayer perceptron, "
                    + (network.hiddenSizes.isEmpty
                        ? "no hidden layer"
                        : network.hiddenSizes.map(String.init).joined(separator: " × ")
                            + " \(network.activation.rawValue)")
            }
        return "\(name), \(counted(network.layout.count, "parameter")), "
            + "\(counted(training.componentCount, "component")) of \(counted(min(batchSize, training.imageCount), "image")) "
            + "\(shape.channels) × \(shape.height) × \(shape.width)"
    }

    fileprivate var dataNotes: [String] {
        let source =
            switch images.source {
            case .files(let files): files.path
            case .generated(let generated): "generated images, seed \(generated.seed)"
            }
        func note(_ part: String, _ statistics: ImageStatistics) -> String {
            "\(part): \(counted(statistics.imageCount, "image")), "
                + counted(statistics.componentCount, "component")
        }
        return [
            "\(source): \(counted(network.classCount, "class", plural: "classes"))", note("training images", training),
        ]
            + (validation.map { [note("held-out images", $0)] } ?? ["no held-out images"])
    }
}

/// 1234567 → `1,234,567`, whatever the locale.
func grouped(_ count: Int) -> String {
    let digits = Array(String(count.magnitude))
    let text = digits.enumerated().reduce(into: "") { text, digit in
        if digit.offset > 0 && (digits.count - digit.offset).isMultiple(of: 3) { text.append(",") }
        text.append(digit.element)
    }
    return (count < 0 ? "-" : "") + text
}

/// `1 parameter`, `2,000 parameters`
func counted(_ count: Int, _ noun: String, plural: String? = nil) -> String {
    "\(grouped(count)) \(count == 1 ? noun : plural ?? noun + "s")"
}
