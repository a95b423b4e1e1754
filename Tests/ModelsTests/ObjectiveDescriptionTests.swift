import Essentials
import Evaluation
import Formulas
import Foundation
import GradientProcess
import Models
import ParameterSpace
import TestSupport
import Testing

@Suite("Descriptions of objectives")
struct ObjectiveDescriptionTests {
    init() {
        ObjectiveRegistry.register(
            ObjectiveRegistry.formulas + ObjectiveRegistry.models + ObjectiveRegistry.external)
    }

    static let formulas: [(description: ObjectiveDescription, json: String, summary: String)] = [
        (
            .quadratic(spectrum: [1, 0.1], rotations: 2, componentCount: 3, noise: 0.5, seed: .max),
            #"{"component_count":3,"kind":"quadratic","noise":0.5,"rotations":2,"seed":18446744073709551615,"#
                + #""spectrum":[1,0.1]}"#,
            "quadratic, rotated, 2 parameters, largest eigenvalue 1.0, 3 components"
        ),
        (
            .polynomial(coefficients: [0, 0, 0, 0, 1], start: -2.5),
            #"{"coefficients":[0,0,0,0,1],"kind":"polynomial","start":-2.5}"#, "polynomial of degree 4, start -2.5"
        ),
        (
            .quarticValley(start: [1, -1]), #"{"kind":"quartic-valley","start":[1,-1]}"#,
            "x² + (y − 3x + 2)⁴, start (1.0, -1.0)"
        ),
        (
            .exponentialWalls(growth: 3, initialGradient: 50),
            #"{"growth":3,"initial_gradient":50,"kind":"exponential-walls"}"#,
            "exponential walls around a quadratic (theorem 4, fast), growth 3.0, initial gradient 50.0"
        ),
        (
            .slowSlope(slope: 0.25, gap: 2), #"{"gap":2,"kind":"slow-slope","slope":0.25}"#,
            "slow slope (theorem 4, slow), slope 0.25, gap 2.0"
        ),
        (
            .qianExample(), #"{"kind":"qian-example","start":1}"#,
            "−x², −x², 5x² (Qian et al. 2021, example 1), start 1.0"
        ),
        (
            .exponentialSum(amplitudes: [1, -0.5], rates: [2, -1], start: 0),
            #"{"amplitudes":[1,-0.5],"kind":"exponential-sum","rates":[2,-1],"start":0}"#,
            "1.0·exp(2.0x) + -0.5·exp(-1.0x), start 0.0"
        ),
        (
            .deepLinearNetwork(widths: [3, 2, 4], sampleCount: 2000, noise: 0.5, batchSize: 8, seed: 4),
            #"{"batch_size":8,"initial_scale":1,"kind":"deep-linear-network","noise":0.5,"sample_count":2000,"seed":4,"#
                + #""widths":[3,2,4]}"#,
            "deep linear network 3–2–4 on 2,000 generated samples, batches of 8"
        ),
        (
            .logisticRegression(
                generated: GeneratedSamples(sampleCount: 1000, featureCount: 6, seed: 9), batchSize: 16,
                regularization: 0.1),
            #"{"batch_size":16,"generated":{"feature_count":6,"sample_count":1000,"seed":9},"intercept":true,"#
                + #""kind":"logistic-regression","regularization":0.1}"#,
            "logistic regression on 1,000 generated samples of 6 features, batches of 16"
        ),
    ]

    @Test("JSON is stable and reads back; the objective is made", arguments: formulas.indices)
    func formulaDescriptions(index: Int) throws {
        let (description, json, summary) = Self.formulas[index]
        #expect(try description.json() == json)
        #expect(try ObjectiveDescription(json: json) == description)
        #expect(description.summary == summary)
        #expect(description.dataNotes.isEmpty)
        let double = try makeObjective(description, as: Double.self)
        let single = try makeObjective(description, as: Float.self)
        #expect(double.validation == nil && double.metricName == nil)
        #expect(single.training.layout == double.training.layout)
        let x = double.training.initialPoint(seed: 4)
        #expect(x.count == double.training.layout.count)
        #expect(single.training.initialPoint(seed: 4) == x.map { Float($0) })
        #expect(double.training is any TwiceDifferentiableObjective<Double>)
    }

    @Test("a language model: JSON, summary, notes")
    func languageModel() throws {
        let description = try ObjectiveDescription.languageModel(
            TextDescription(source: .generated(GeneratedText(lineCount: 300, seed: 2)), vocabularyLimit: 500),
            batchSize: 4, sequenceLength: 20, embeddingSize: 10, hiddenSize: 12, layerCount: 2, dropout: 0.25, seed: 7)
        let data = try LanguageData(
            TextDescription(source: .generated(GeneratedText(lineCount: 300, seed: 2)), vocabularyLimit: 500),
            batchSize: 4, sequenceLength: 20)
        func part(_ statistics: TextStatistics) -> String {
            "{\"component_count\":\(statistics.componentCount),\"dropped_count\":\(statistics.droppedCount),"
                + "\"line_count\":\(statistics.lineCount),\"token_count\":\(statistics.tokenCount),"
                + "\"unknown_count\":\(statistics.unknownCount)}"
        }
        let json = try description.json()
        #expect(
            json
                == #"{"batch_size":4,"kind":"lstm-language-model","network":{"dropout":0.25,"embedding_size":10,"#
                + #""hidden_size":12,"layer_count":2,"tied_weights":true,"vocabulary_size":500},"seed":7,"#
                + #""sequence_length":20,"text":{"generated":{"class_count":16,"line_count":300,"seed":2,"#
                + #""word_count":2000},"held_out_fraction":0.1,"tokenization":"whitespace","vocabulary_limit":500},"#
                + "\"training\":\(part(data.trainingStatistics)),"
                + "\"validation\":\(part(try #require(data.validationStatistics)))}")
        #expect(try ObjectiveDescription(json: json) == description)
        // 500·10 embedding; 4·12·(10 + 12 + 2) and 4·10·(12 + 10 + 2) in the layers; 500 biases of the decoder.
        #expect(
            description.summary
                == "LSTM language model, 2 layers × 12, embedding 10, tied, dropout 0.25, 7,612 parameters, "
                + "\(data.trainingStatistics.componentCount) components of 4 × 20 tokens")
        #expect(try makeObjective(description, as: Float.self).training.layout.count == 7612)
        #expect(description.dataNotes.count == 3)
        #expect(description.dataNotes[0] == "generated text, seed 2: vocabulary of 500 words")
        #expect(description.dataNotes[1].hasPrefix("training text: 270 lines, "))
        #expect(description.dataNotes[2].hasPrefix("held-out text: 30 lines, "))
    }

    @Test("texts and samples from files keep path, digest and size")
    func files() throws {
        let folder = try TemporaryFolder()
        let samples = try folder.file("samples.csv", "1,2,1\n3,4,0\n5,6,1\n")
        let regression = try ObjectiveDescription.logisticRegression(file: samples, batchSize: 2, hasIntercept: false)
        let digest = try Digest(ofFile: samples)
        #expect(
            try regression.json()
                == "{\"batch_size\":2,\"file\":{\"byte_count\":\(digest.byteCount),\"path\":\"\(samples)\","
                + "\"sha256\":\"\(digest.sha256)\"},\"intercept\":false,\"kind\":\"logistic-regression\","
                + "\"regularization\":0}")
        #expect(try ObjectiveDescription(json: try regression.json()) == regression)
        let source = (regression.value as? LogisticRegressionDescription)?.source
        #expect(source == .file(try DataFile(path: samples)) && regression.dataPath == samples)
        #expect(try makeObjective(regression, as: Double.self).training.layout.count == 2)

        let copy = try folder.file("copy.csv", "1,2,1\n3,4,0\n5,6,1\n")
        _ = try folder.file("samples.csv", "1,2,1\n3,4,0\n5,7,1\n")
        let error = #expect(throws: SmoothnessError.self) { try makeObjective(regression, as: Double.self) }
        #expect(error?.kind == .data && error?.file == samples)
        #expect(error?.expected?.contains(digest.sha256) == true)
        #expect(try makeObjective(regression, as: Double.self, dataOverride: copy).training.componentCount == 2)

        let train = try folder.file("train.txt", "a b c\nd e f\n")
        let valid = try folder.file("valid.txt", "a b\nc\n")
        let language = try ObjectiveDescription.languageModel(
            TextDescription(
                source: .file(try DataFile(path: train)), validation: .file(try DataFile(path: valid)),
                tokenization: .words, vocabularyLimit: nil),
            batchSize: 2, sequenceLength: 2, tiedWeights: false)
        #expect(try ObjectiveDescription(json: try language.json()) == language)
        let none = try ObjectiveDescription.languageModel(
            TextDescription(source: .file(try DataFile(path: train)), validation: .none), batchSize: 2)
        #expect(try ObjectiveDescription(json: try none.json()) == none)
        #expect(try makeObjective(none, as: Float.self).validation == nil)
        #expect(none.dataNotes.last == "no held-out text")
    }

    @Test("JSON that cannot be read says where and why")
    func unreadable() throws {
        func error(_ json: String) -> SmoothnessError? {
            #expect(throws: SmoothnessError.self) { try ObjectiveDescription(json: json) }
        }
        let unknown = error(#"{"kind":"resnet","layers":20}"#)
        #expect(unknown?.kind == .data && unknown?.object == "kind" && unknown?.found == "'resnet'")
        #expect(unknown?.expected?.contains("lstm-language-model") == true)
        #expect(unknown?.remedy != nil)
        #expect(error(#"{"start":1}"#)?.object == "kind")
        #expect(error(#"{"kind":"slow-slope","slope":1}"#)?.object == "gap")
        #expect(
            error(#"{"kind":"polynomial","coefficients":[1,"x"],"start":0}"#)?.object?.hasPrefix("coefficients") == true
        )
        #expect(error("not JSON")?.kind == .data)
        #expect(error("")?.kind == .data)
        let notFinite = #expect(throws: SmoothnessError.self) {
            try ObjectiveDescription.qianExample(start: .nan).json()
        }
        #expect(notFinite?.kind == .usage)
    }

    static let outOfRange: [(ObjectiveDescription, String)] = [
        (.quadratic(spectrum: []), "spectrum"), (.quadratic(spectrum: [.infinity]), "spectrum"),
        (.quadratic(spectrum: [1], rotations: -1), "rotations"),
        (.quadratic(spectrum: [1], componentCount: 0), "component_count"),
        (.quadratic(spectrum: [1], noise: -1), "noise"), (.polynomial(coefficients: []), "coefficients"),
        (.polynomial(coefficients: [.nan]), "coefficients"), (.polynomial(coefficients: [1], start: .nan), "start"),
        (.quarticValley(start: [1]), "start"), (.exponentialWalls(growth: 0), "growth"),
        (.exponentialWalls(growth: 1, initialGradient: 0.5), "initial_gradient"), (.slowSlope(slope: 0), "slope"),
        (.slowSlope(slope: 1, gap: -1), "gap"), (.qianExample(start: .infinity), "start"),
        (.exponentialSum(amplitudes: [], rates: []), "amplitudes"),
        (.exponentialSum(amplitudes: [1], rates: [1, 2]), "rates"),
        (.exponentialSum(amplitudes: [1], rates: [.nan]), "amplitudes and rates"),
        (.exponentialSum(amplitudes: [1], rates: [1], start: .nan), "start"),
        (.deepLinearNetwork(widths: [3], sampleCount: 1, batchSize: 1), "widths"),
        (.deepLinearNetwork(widths: [3, 0, 1], sampleCount: 1, batchSize: 1), "widths"),
        (.deepLinearNetwork(widths: [3, 1], sampleCount: 0, batchSize: 1), "sample_count"),
        (.deepLinearNetwork(widths: [3, 1], sampleCount: 1, noise: -1, batchSize: 1), "noise"),
        (.deepLinearNetwork(widths: [3, 1], sampleCount: 1, batchSize: 0), "batch_size"),
        (.deepLinearNetwork(widths: [3, 1], sampleCount: 1, batchSize: 1, initialScale: 0), "initial_scale"),
        (.logisticRegression(generated: .init(sampleCount: 0, featureCount: 1), batchSize: 1), "sample_count"),
        (.logisticRegression(generated: .init(sampleCount: 1, featureCount: 0), batchSize: 1), "feature_count"),
        (.logisticRegression(generated: .init(sampleCount: 1, featureCount: 1), batchSize: 0), "batch_size"),
        (
            .logisticRegression(
                generated: .init(sampleCount: 1, featureCount: 1), batchSize: 1, regularization: -1), "regularization"
        ),
        // Sizes whose products leave 64 bits, or that no memory holds.
        (.quadratic(spectrum: [1], rotations: 1 << 40), "rotations"),
        (.quadratic(spectrum: [1], componentCount: .max), "component_count"),
        (.deepLinearNetwork(widths: [.max, 5, 4, 3], sampleCount: 1, batchSize: 1), "widths"),
        (.deepLinearNetwork(widths: [3, 1], sampleCount: 1 << 62, batchSize: 1), "sample_count"),
        (.deepLinearNetwork(widths: [3, 1], sampleCount: 1, batchSize: .max), "batch_size"),
        (.logisticRegression(generated: .init(sampleCount: 1, featureCount: 1), batchSize: .max), "batch_size"),
        (
            .logisticRegression(generated: .init(sampleCount: 1 << 32, featureCount: 1 << 32), batchSize: 1),
            "feature_count"
        ),
        (.logisticRegression(generated: .init(sampleCount: 1 << 32, featureCount: 2), batchSize: 1), "sample_count"),
    ]

    @Test("parameters out of range are refused by name", arguments: outOfRange.indices)
    func refusesOutOfRange(index: Int) {
        let (description, parameter) = Self.outOfRange[index]
        expectRefusal(.usage, object: parameter) { try makeObjective(description, as: Double.self) }
    }

    @Test("what is out of range in a file is wrong data, and names the file")
    func refusesOutOfRangeInFiles() throws {
        let json = try ObjectiveDescription.quadratic(spectrum: [1], rotations: -1).json()
        #expect(throws: Never.self) { try ObjectiveDescription(json: json) }
        let error = #expect(throws: SmoothnessError.self) { try ObjectiveDescription(json: json, file: "run.h5") }
        #expect(error?.kind == .data && error?.file == "run.h5" && error?.object == "rotations")
    }

    @Test("sizes of texts and networks out of range are refused")
    func languageModelOutOfRange() {
        func expectRefused(
            _ text: TextDescription = TextDescription(source: .generated(GeneratedText(lineCount: 30))),
            batchSize: Int = 2, sequenceLength: Int = 3, hiddenSize: Int = 4, dropout: Double = 0,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            expectRefusal(.usage, sourceLocation: sourceLocation) {
                try ObjectiveDescription.languageModel(
                    text, batchSize: batchSize, sequenceLength: sequenceLength, embeddingSize: 3,
                    hiddenSize: hiddenSize, layerCount: 1, dropout: dropout)
            }
        }
        let text = GeneratedText(lineCount: 30)
        expectRefused(batchSize: 0)
        expectRefused(sequenceLength: 0)
        expectRefused(hiddenSize: 0)
        expectRefused(hiddenSize: 1 << 40)
        expectRefused(batchSize: .max)
        expectRefused(sequenceLength: .max)
        expectRefused(TextDescription(source: .generated(GeneratedText(lineCount: .max))))
        expectRefused(TextDescription(source: .generated(GeneratedText(wordCount: .max))))
        expectRefused(dropout: 1)
        expectRefused(TextDescription(source: .generated(text), vocabularyLimit: 2))
        for fraction in [0, 1, -0.1, .nan] {
            expectRefused(TextDescription(source: .generated(text), validation: .lastLines(fraction: fraction)))
        }
        expectRefused(TextDescription(source: .generated(GeneratedText(lineCount: 0))))
        expectRefused(TextDescription(source: .generated(GeneratedText(wordCount: 3, classCount: 4))))
        expectRefused(TextDescription(source: .generated(GeneratedText(wordCount: 3, classCount: 0))))
    }

    @Test("a description in a file is held against itself before anything is generated")
    func hugeDescriptions() throws {
        let text = TextDescription(source: .generated(GeneratedText(lineCount: 30)))
        let language = try ObjectiveDescription.languageModel(text, batchSize: 2, embeddingSize: 3, hiddenSize: 3)
            .json()
        let images = ImageDataDescription(
            source: .generated(GeneratedImages(imageCount: 20, shape: ImageShape(channels: 1, height: 4, width: 4))),
            heldOut: .none)
        let classifier = try ObjectiveDescription.imageClassifier(
            images, ImageClassifierOptions(network: .perceptron(hiddenSizes: [3]))
        ).json()
        func error(_ json: String, _ member: String, _ value: String) throws -> SmoothnessError? {
            let number = try Regex("\"\(member)\":-?[0-9]+")
            let changed = json.replacing(number, with: "\"\(member)\":\(value)", maxReplacements: 1)
            #expect(changed != json, "\(member)")
            return #expect(throws: SmoothnessError.self, "\(member) \(value)") {
                try makeObjective(ObjectiveDescription(json: changed), as: Float.self)
            }
        }
        // What is generated is counted in the description; another count is refused at once.
        #expect(try error(language, "line_count", "1000000")?.object == "lines")
        #expect(try error(classifier, "image_count", "1000000")?.kind == .data)
        for value in ["9223372036854775807", "4611686018427387904", "-1", "1000000000000", "9223372036854775808"] {
            for member in ["vocabulary_size", "embedding_size", "layer_count", "word_count", "class_count"] {
                _ = try error(language, member, value)
            }
            for member in ["channels", "height", "width", "batch_size", "class_count", "input_size"] {
                _ = try error(classifier, member, value)
            }
        }
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: SmoothnessError.self) { try ObjectiveDescription(json: deep) }
    }

    @Test("only regular files of the right length are read")
    func dataFiles() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("data.csv")
        try Data("1,2,0\n3,4,1\n".utf8).write(to: URL(filePath: path))
        let description = try ObjectiveDescription.logisticRegression(file: path, batchSize: 1)
        try Data("1,2,0\n3,4,1\n5,6,1\n".utf8).write(to: URL(filePath: path))
        let changed = #expect(throws: SmoothnessError.self) { try makeObjective(description, as: Double.self) }
        #expect(changed?.kind == .data && changed?.found == "18 bytes")
        try FileManager.default.removeItem(atPath: path)
        #expect(mkfifo(path, 0o600) == 0)
        for place in [path, "/dev/zero"] {
            let pipe = #expect(throws: SmoothnessError.self) {
                try makeObjective(description, as: Double.self, dataOverride: place)
            }
            #expect(pipe?.kind == .data && pipe?.message == "is not a data file")
        }
    }

    @Test("a place for data that are not read is refused")
    func needlessPlace() throws {
        let generated = TextDescription(source: .generated(GeneratedText(lineCount: 30)))
        let language = try ObjectiveDescription.languageModel(generated, batchSize: 2)
        for description in [ObjectiveDescription.qianExample(), Self.formulas[6].description, language] {
            #expect(description.dataPath == nil)
            let error = #expect(throws: SmoothnessError.self) {
                try makeObjective(description, as: Double.self, dataOverride: "/nowhere")
            }
            #expect(error?.kind == .usage)
        }
    }

    @Test("evaluation options are checked")
    func options() {
        for options in [EvaluationOptions(device: "cuda"), EvaluationOptions(microBatch: 0)] {
            let error = #expect(throws: SmoothnessError.self) {
                try makeObjective(.qianExample(), as: Double.self, options: options)
            }
            #expect(error?.kind == .usage)
        }
    }
}
