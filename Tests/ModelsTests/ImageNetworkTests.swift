import Essentials
import Evaluation
import Models
import ParameterSpace
import TestSupport
import Testing

private func generated(
    _ count: Int = 40, channels: Int = 3, size: Int = 8, classes: Int = 4, heldOut: Double = 0.25
) -> ImageDataDescription {
    ImageDataDescription(
        source: .generated(
            GeneratedImages(
                imageCount: count, classCount: classes,
                shape: ImageShape(channels: channels, height: size, width: size), seed: 3)),
        heldOut: .fraction(heldOut))
}

private func small(_ network: ImageClassifierOptions.Network, batchSize: Int = 12) -> ImageClassifierOptions {
    var options = ImageClassifierOptions(network: network)
    options.batchSize = batchSize
    options.seed = 9
    return options
}

private let tiny = ImageClassifierOptions.Network.residual(family: .cifar, depth: 8, width: 3)

private func gradient<Scalar: ParameterScalar>(
    _ objective: any Objective<Scalar>, _ component: Int, _ point: [Scalar]
) throws -> (loss: Double, gradient: [Scalar]) {
    var gradient = [Scalar](repeating: 0, count: point.count)
    let loss = try objective.gradient(ofComponent: component, at: point, into: &gradient)
    return (loss, gradient)
}

@Suite("Image classifiers") struct ImageNetworkTests {
    typealias Network = ResidualNetworkConfiguration

    /// He et al. 2016 with both shortcuts, kuangliu's ResNet-18, torchvision's ResNet-50, -101, -152.
    @Test(arguments: [
        (Network(family: .cifar, depth: 20, shortcut: .projection, classCount: 10), 272_474),
        (Network(family: .cifar, depth: 20, shortcut: .identity, classCount: 10), 269_722),
        (Network(family: .cifar, depth: 32, shortcut: .identity, classCount: 10), 464_154),
        (Network(family: .cifar, depth: 56, shortcut: .identity, classCount: 10), 853_018),
        (Network(family: .cifar, depth: 110, shortcut: .identity, classCount: 10), 1_727_962),
        (Network(family: .cifarResNet18, depth: 18, classCount: 10), 11_173_962),
        (Network(family: .imageNet, depth: 50, classCount: 1000), 25_557_032),
        (Network(family: .imageNet, depth: 101, classCount: 1000), 44_549_160),
        (Network(family: .imageNet, depth: 152, classCount: 1000), 60_192_808),
    ]) func parameterCounts(network: Network, count: Int) throws {
        try network.validate()
        #expect(network.layout.count == count)
    }

    @Test func perceptronLayout() {
        let network = PerceptronConfiguration(inputSize: 784, hiddenSizes: [256, 128], classCount: 10)
        #expect(
            network.layout.blocks.map(\.name) == [
                "layer0.weight", "layer0.bias", "layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias",
            ])
        #expect(network.layout.count == 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10)
    }

    @Test(arguments: [
        (
            Network(family: .cifar, depth: 21, classCount: 10),
            "depth: the objective's parameter is out of range (expected 6n + 2 with n ≥ 1, found 21)"
        ),
        (
            Network(family: .imageNet, depth: 34, classCount: 10),
            "depth: the objective's parameter is out of range (expected 50, 101 or 152, found 34)"
        ),
        (
            Network(family: .cifarResNet18, depth: 18, shortcut: .identity, classCount: 10),
            "shortcut: the objective's parameter is out of range (expected projection: identity is cifar's, found identity)"
        ),
    ]) func refusedNetworks(network: Network, message: String) {
        #expect(throws: SmoothnessError.self) { try network.validate() }
        do { try network.validate() } catch { #expect("\(error)" == message) }
    }

    @Test func gradientsMatchLosses() throws {
        for network in [tiny, .perceptron(hiddenSizes: [6], activation: .tanh)] {
            let set = try makeObjective(.imageClassifier(generated(), small(network)), as: Double.self)
            let objective = set.training
            let point = objective.initialPoint(seed: 1)
            #expect(objective.componentCount == 3)
            #expect((0..<3).map { objective.weight(ofComponent: $0) } == [12, 12, 6])
            let direction = randomVector(point.count, index: 0)
            for component in 0..<3 {
                let (loss, slope) = try gradient(objective, component, point)
                #expect(try abs(objective.loss(ofComponent: component, at: point) - loss) <= 1e-14 * loss)
                let h = 1e-6
                let ahead = try objective.loss(ofComponent: component, at: moved(point, h, direction))
                let behind = try objective.loss(ofComponent: component, at: moved(point, -h, direction))
                // ReLU's kinks may lie between; at this seed none does.
                #expect(abs((ahead - behind) / (2 * h) - dot(slope, direction)) < 1e-6 * norm(direction))
            }
        }
    }

    @Test("a perceptron may be evaluated in pieces, batch normalisation may not") func microBatches() throws {
        let description = try ObjectiveDescription.imageClassifier(
            generated(), small(.perceptron(hiddenSizes: [6])))
        let whole = try makeObjective(description, as: Double.self)
        let pieces = try makeObjective(description, as: Double.self, options: EvaluationOptions(microBatch: 5))
        let point = whole.training.initialPoint(seed: 1)
        for component in 0..<whole.training.componentCount {
            let (loss, slope) = try gradient(whole.training, component, point)
            let (otherLoss, otherSlope) = try gradient(pieces.training, component, point)
            #expect(abs(loss - otherLoss) < 1e-14)
            #expect(norm(difference(slope, otherSlope)) < 1e-14 * max(1, norm(slope)))
            #expect(try abs(pieces.training.loss(ofComponent: component, at: point) - loss) < 1e-14)
        }
        let heldOut = try (#require(whole.validation), #require(pieces.validation))
        #expect(
            try heldOut.0.evaluation(ofComponent: 0, at: point).correctCount
                == heldOut.1.evaluation(ofComponent: 0, at: point).correctCount)
        let normalized = try ObjectiveDescription.imageClassifier(generated(), small(tiny))
        do {
            _ = try makeObjective(normalized, as: Double.self, options: EvaluationOptions(microBatch: 5))
            Issue.record("pieces were accepted")
        } catch let error as SmoothnessError {
            #expect(error.kind == .usage)
            #expect(
                error.description
                    == "micro_batch: a component cannot be evaluated in pieces: batch normalisation is over "
                    + "all of it (expected none, found 5). Use a smaller batch size")
        }
    }

    @Test("evaluating does not change what is evaluated next") func keepsNoState() throws {
        let set = try makeObjective(.imageClassifier(generated(), small(tiny)), as: Float.self)
        let point = set.training.initialPoint(seed: 2)
        let first = try gradient(set.training, 1, point)
        _ = try set.validation?.settled(at: point).evaluation(ofComponent: 0, at: point)
        _ = try gradient(set.training, 0, point)
        let again = try gradient(set.training, 1, point)
        #expect(first.loss == again.loss && first.gradient == again.gradient)
    }

    /// With population statistics the answer for an image does not depend on its neighbours: the mean over the held-out images is the
    /// same however they are cut. The one training component is all 30 images, whatever the batch size above that.
    @Test func heldOutImagesDoNotSeeOneAnother() throws {
        func means(_ images: ImageDataDescription, batchSize: Int) throws -> (
            loss: Double, correct: Int, components: Int
        ) {
            let set = try makeObjective(
                .imageClassifier(images, small(tiny, batchSize: batchSize)), as: Double.self)
            #expect(set.training.componentCount == 1)
            let point = set.training.initialPoint(seed: 4)
            let heldOut = try #require(set.validation)
            let settled = try heldOut.settled(at: point)
            var (loss, correct) = (0.0, 0)
            for component in 0..<settled.componentCount {
                let evaluation = try settled.evaluation(ofComponent: component, at: point)
                // One that is not settled works the statistics out by itself.
                #expect(try heldOut.evaluation(ofComponent: component, at: point) == evaluation)
                loss += evaluation.loss * settled.weight(ofComponent: component)
                correct += evaluation.correctCount ?? -1000
            }
            return (loss, correct, settled.componentCount)
        }
        // 90 generated images: 30 for training, 60 held out.
        let images = generated(90, heldOut: 2.0 / 3 + 1e-9)
        let cut = try means(images, batchSize: 30)
        let whole = try means(images, batchSize: 60)
        #expect(cut.components == 2 && whole.components == 1)
        #expect(abs(cut.loss - whole.loss) < 1e-10 && cut.correct == whole.correct)
        #expect(cut.correct > 0 && cut.correct < 60)
    }

    @Test func drawsChangeAugmentationAndComponentsOnly() throws {
        var options = small(tiny)
        options.augmentation = ImageAugmentation(cropPadding: 2, flips: true)
        let set = try makeObjective(.imageClassifier(generated(), options), as: Double.self)
        #expect(set.trainingDraws == .fresh)
        let objective = set.training
        let point = objective.initialPoint(seed: 1)
        let other = objective.redrawn(3)
        #expect(other.componentCount == objective.componentCount)
        #expect((0..<3).allSatisfy { other.weight(ofComponent: $0) == objective.weight(ofComponent: $0) })
        let losses = try (objective.loss(ofComponent: 0, at: point), other.loss(ofComponent: 0, at: point))
        #expect(losses.0 != losses.1)
        #expect(try objective.redrawn(3).loss(ofComponent: 0, at: point) == losses.1)
        #expect(try other.redrawn(0).loss(ofComponent: 0, at: point) == losses.0)
    }

    @Test("the same seed gives the same point, another seed another one") func initialPoints() throws {
        let objective = try makeObjective(
            .imageClassifier(generated(), small(.residual(family: .cifar, depth: 20))), as: Double.self
        ).training
        let point = objective.initialPoint(seed: 5)
        #expect(point == objective.initialPoint(seed: 5) && point != objective.initialPoint(seed: 6))
        // He et al. 2015: standard deviation √(2/(C·9)) over 2304 weights, so within 5 % at four standard errors.
        let block = try #require(objective.layout.block(named: "layer1.0.conv1.weight"))
        let weights = Array(point[block.range])
        let deviation = norm(weights) / Double(weights.count).squareRoot()
        #expect(abs(deviation / (2.0 / 144).squareRoot() - 1) < 0.06)
        let scales = try #require(objective.layout.block(named: "bn1.weight"))
        #expect(point[scales.range].allSatisfy { $0 == 1 })
    }

    @Test func descriptionsSurviveJSON() throws {
        for network in [tiny, .perceptron(hiddenSizes: [], activation: .gelu)] {
            let description = try ObjectiveDescription.imageClassifier(generated(), small(network))
            #expect(try ObjectiveDescription(json: description.json()) == description)
        }
    }
}
