import Essentials
import Evaluation
import ParameterSpace

/// The mean cross-entropy per image, in nats, of a classifier; with label smoothing where it is asked for.
///
/// Component i is a batch of images and weighs their number. Batch normalisation takes the statistics of that batch, so that
/// the loss of a component is a function of the parameters; it is not the mean over pieces of the batch then, and a
/// network with batch normalisation is never evaluated in pieces.
struct ImageObjective<Scalar: ParameterScalar>: Objective {
    let classifier: ImageClassifier<Scalar>
    let batches: ImageBatches
    let labelSmoothing: Double
    /// Evaluate a component in pieces of at most this many images; `nil` where there is batch normalisation.
    let microBatch: Int?

    var layout: ParameterLayout { classifier.layout }
    var componentCount: Int { batches.componentCount }
    func weight(ofComponent component: Int) -> Double { Double(batches.count(ofComponent: component)) }
    func initialPoint(seed: UInt64) -> [Scalar] { classifier.network.initialPoint(seed: seed) }

    func redrawn(_ draw: UInt64) -> any Objective<Scalar> {
        ImageObjective(
            classifier: classifier, batches: batches.redrawn(draw), labelSmoothing: labelSmoothing,
            microBatch: microBatch)
    }

    func loss(ofComponent component: Int, at point: [Scalar]) throws -> Double {
        try pieces(ofComponent: component).reduce(0) { sum, piece in
            let batch: ImageBatch<Scalar> = try batches.batch(component, part: piece)
            return sum + Double(piece.count)
                * (try classifier.loss(batch, labelSmoothing: labelSmoothing, at: point))
        } / weight(ofComponent: component)
    }

    func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) throws -> Double {
        let pieces = pieces(ofComponent: component)
        if pieces.count == 1 {
            return try classifier.gradient(
                try batches.batch(component), labelSmoothing: labelSmoothing, at: point, into: &gradient)
        }
        var loss = 0.0
        var sum = [Double](repeating: 0, count: layout.count)
        for piece in pieces {
            let weight = Double(piece.count) / weight(ofComponent: component)
            loss +=
                weight
                * (try classifier.gradient(
                    try batches.batch(component, part: piece), labelSmoothing: labelSmoothing, at: point,
                    into: &gradient))
            Scalar.accumulate(into: &sum, scale: weight, gradient)
        }
        for index in gradient.indices { gradient[index] = Scalar(sum[index]) }
        return loss
    }

    func pieces(ofComponent component: Int) -> [Range<Int>] {
        let count = batches.count(ofComponent: component)
        guard let microBatch, microBatch < count else { return [0..<count] }
        return stride(from: 0, to: count, by: microBatch).map { $0..<min($0 + microBatch, count) }
    }
}

/// Held-out images: their cross-entropy, without label smoothing and augmentation, and the number classified correctly.
///
/// Batch normalisation uses population statistics, so that the answer for an image does not depend on the images beside it. They are
/// not carried along in training, as running averages are: they would depend on the whole history of the run, and would have to be
/// saved with every iterate. They are worked out at the iterate that is evaluated, as the cumulative averages of the statistics of the first
/// `populationCount` components of the training objective at draw 0: a function of the iterate alone.
struct HeldOutImages<Scalar: ParameterScalar>: Objective {
    let classifier: ImageClassifier<Scalar>
    let batches: ImageBatches
    let training: ImageBatches
    let populationCount: Int
    let microBatch: Int?
    /// At the point of `settled`.
    private(set) var statistics: PopulationStatistics<Scalar>?

    init(
        classifier: ImageClassifier<Scalar>, batches: ImageBatches, training: ImageBatches, populationCount: Int,
        microBatch: Int?
    ) {
        self.classifier = classifier
        self.batches = batches
        self.training = training
        self.populationCount = populationCount
        self.microBatch = microBatch
    }

    var layout: ParameterLayout { classifier.layout }
    var componentCount: Int { batches.componentCount }
    func weight(ofComponent component: Int) -> Double { Double(batches.count(ofComponent: component)) }
    func initialPoint(seed: UInt64) -> [Scalar] { classifier.network.initialPoint(seed: seed) }

    func settled(at point: [Scalar]) throws -> any Objective<Scalar> { try withStatistics(at: point) }

    private func withStatistics(at point: [Scalar]) throws -> HeldOutImages {
        var settled = self
        if statistics == nil && !classifier.network.normalizations.isEmpty {
            settled.statistics = try classifier.populationStatistics(
                over: (0..<min(populationCount, training.componentCount)).lazy.map { component in
                    Result { try training.batch(component) }
                }, at: point)
        }
        return settled
    }

    func evaluation(ofComponent component: Int, at point: [Scalar]) throws -> ComponentEvaluation {
        let settled = try withStatistics(at: point)
        let count = batches.count(ofComponent: component)
        let size = min(microBatch ?? count, count)
        var sum = 0.0
        var correct = 0
        for start in stride(from: 0, to: count, by: size) {
            let piece = start..<min(start + size, count)
            let evaluation = try classifier.evaluation(
                try batches.batch(component, part: piece), statistics: settled.statistics, at: point)
            sum += Double(piece.count) * evaluation.loss
            correct += evaluation.correctCount ?? 0
        }
        return ComponentEvaluation(loss: sum / Double(count), correctCount: correct)
    }

    func loss(ofComponent component: Int, at point: [Scalar]) throws -> Double {
        try evaluation(ofComponent: component, at: point).loss
    }

    /// Held-out images are evaluated; their gradient would be another function's, as the statistics depend on the point too.
    func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) throws -> Double {
        throw SmoothnessError(.internalFailure, "the gradient of held-out images was asked for")
    }
}
