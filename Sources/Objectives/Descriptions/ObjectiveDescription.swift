import Essentials
import Foundation

/// Everything that is needed to make an objective again: the JSON text under `/objective` in a run file. One key,
/// `kind`, says what it is; the others beside it are that kind's own.
public struct ObjectiveDescription: Sendable, Hashable, Codable {
    public enum Kind: Sendable, Hashable {
        case quadratic(QuadraticDescription)
        case polynomial(PolynomialDescription)
        case quarticValley(QuarticValleyDescription)
        case exponentialWalls(ExponentialWallsDescription)
        case slowSlope(SlowSlopeDescription)
        case qianExample(QianExampleDescription)
        case exponentialSum(ExponentialSumDescription)
        case deepLinearNetwork(DeepLinearNetworkDescription)
        case logisticRegression(LogisticRegressionDescription)
        case languageModel(LanguageModelDescription)
        case transformer(TransformerDescription)
        case imageClassifier(ImageClassifierDescription)
        case torchScript(TorchScriptDescription)
        case external(ExternalDescription)

        /// The value of the key `kind`.
        public var name: String { KindName(of: self).rawValue }

        /// The text that it is a model of, if it is one.
        var text: TextDescription? {
            switch self {
            case .languageModel(let model): model.text
            case .transformer(let model): model.text
            default: nil
            }
        }

        /// The kind's own parameters.
        var parameters: any Codable & Sendable {
            switch self {
            case .quadratic(let parameters): parameters
            case .polynomial(let parameters): parameters
            case .quarticValley(let parameters): parameters
            case .exponentialWalls(let parameters): parameters
            case .slowSlope(let parameters): parameters
            case .qianExample(let parameters): parameters
            case .exponentialSum(let parameters): parameters
            case .deepLinearNetwork(let parameters): parameters
            case .logisticRegression(let parameters): parameters
            case .languageModel(let parameters): parameters
            case .transformer(let parameters): parameters
            case .imageClassifier(let parameters): parameters
            case .torchScript(let parameters): parameters
            case .external(let parameters): parameters
            }
        }
    }

    public var kind: Kind

    public init(_ kind: Kind) { self.kind = kind }

    /// The file that its training data come from, if they come from a file.
    public var dataFile: DataFile? {
        if case .logisticRegression(let regression) = kind, case .file(let file) = regression.source { return file }
        if case .torchScript(let module) = kind { return module.data }
        if let text = kind.text, case .file(let file) = text.source { return file }
        return nil
    }

    /// Where its training data are, if they come from a file or a folder.
    public var dataPath: String? {
        if case .imageClassifier(let classifier) = kind, case .files(let files) = classifier.images.source {
            return files.path
        }
        return dataFile?.path
    }

    /// The names that `kind` can have.
    public static var kindNames: [String] { KindName.allCases.map(\.rawValue) }
}

private enum KindName: String, CaseIterable {
    case quadratic
    case polynomial
    case quarticValley = "quartic-valley"
    case exponentialWalls = "exponential-walls"
    case slowSlope = "slow-slope"
    case qianExample = "qian-example"
    case exponentialSum = "exponential-sum"
    case deepLinearNetwork = "deep-linear-network"
    case logisticRegression = "logistic-regression"
    case languageModel = "lstm-language-model"
    case transformer = "transformer-language-model"
    case imageClassifier = "image-classifier"
    case torchScript = "torchscript"
    case external

    init(of kind: ObjectiveDescription.Kind) {
        self =
            switch kind {
            case .quadratic: .quadratic
            case .polynomial: .polynomial
            case .quarticValley: .quarticValley
            case .exponentialWalls: .exponentialWalls
            case .slowSlope: .slowSlope
            case .qianExample: .qianExample
            case .exponentialSum: .exponentialSum
            case .deepLinearNetwork: .deepLinearNetwork
            case .logisticRegression: .logisticRegression
            case .languageModel: .languageModel
            case .transformer: .transformer
            case .imageClassifier: .imageClassifier
            case .torchScript: .torchScript
            case .external: .external
            }
    }

    func kind(from decoder: any Decoder) throws -> ObjectiveDescription.Kind {
        switch self {
        case .quadratic: .quadratic(try QuadraticDescription(from: decoder))
        case .polynomial: .polynomial(try PolynomialDescription(from: decoder))
        case .quarticValley: .quarticValley(try QuarticValleyDescription(from: decoder))
        case .exponentialWalls: .exponentialWalls(try ExponentialWallsDescription(from: decoder))
        case .slowSlope: .slowSlope(try SlowSlopeDescription(from: decoder))
        case .qianExample: .qianExample(try QianExampleDescription(from: decoder))
        case .exponentialSum: .exponentialSum(try ExponentialSumDescription(from: decoder))
        case .deepLinearNetwork: .deepLinearNetwork(try DeepLinearNetworkDescription(from: decoder))
        case .logisticRegression: .logisticRegression(try LogisticRegressionDescription(from: decoder))
        case .languageModel: .languageModel(try LanguageModelDescription(from: decoder))
        case .transformer: .transformer(try TransformerDescription(from: decoder))
        case .imageClassifier: .imageClassifier(try ImageClassifierDescription(from: decoder))
        case .torchScript: .torchScript(try TorchScriptDescription(from: decoder))
        case .external: .external(try ExternalDescription(from: decoder))
        }
    }
}

// MARK: - JSON

extension ObjectiveDescription {
    private enum CodingKeys: String, CodingKey { case kind }

    public init(from decoder: any Decoder) throws {
        let name = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .kind)
        guard let known = KindName(rawValue: name) else {
            throw SmoothnessError(
                .data, "this kind of objective is not known", object: "kind",
                expected: "one of " + Self.kindNames.joined(separator: ", "), found: "'\(name)'",
                remedy: "It may have been written by a newer smoothness")
        }
        kind = try known.kind(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind.name, forKey: .kind)
        try kind.parameters.encode(to: encoder)
    }

    /// Reads what `json()` writes.
    /// - Parameter file: the run file that it stands in, for messages.
    /// - Throws: `SmoothnessError` of kind `.data` that names the key.
    public init(json: String, file: String? = nil) throws {
        do {
            self = try decodingJSON(
                Data(json.utf8), what: "the description of the objective", file: file,
                object: file.map { _ in "/objective" })
        } catch var error as SmoothnessError {
            error.file = error.file ?? file
            throw error
        }
    }

    /// One line of JSON with sorted keys: equal descriptions give equal text.
    /// - Throws: `SmoothnessError` of kind `.usage` where a number is not finite.
    public func json() throws -> String {
        do { return try jsonLine(self) } catch is EncodingError {
            throw SmoothnessError(
                .usage, "the description of the objective holds a number that is not finite", object: kind.name)
        }
    }
}
