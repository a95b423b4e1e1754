import Essentials
import Foundation
import ParameterSpace

/// Everything that is needed to make an objective again: the JSON text under `/objective` in a run file. One key,
/// `kind`, says what it is; the others beside it are that kind's own.
public struct ObjectiveDescription: Sendable, Hashable, Codable {
    public let value: any DescribedObjective

    public init(_ value: some DescribedObjective) {
        self.value = value
        ObjectiveRegistry.register([type(of: value)])
    }

    /// The value of the key `kind`.
    public var kind: String { type(of: value).kind }
    /// One line for a person.
    public var summary: String { value.summary }
    /// What was read, what was held out and what was left out, a line each; empty for formulas.
    public var dataNotes: [String] { value.dataNotes }
    /// What has to be said of gradients that are not the gradients of the losses; mostly nothing.
    public var gradientNotes: [String] { value.gradientNotes }
    /// Where its training data are, if they come from a file or a folder.
    public var dataPath: String? { value.dataPath }
    /// Whether another program is needed to evaluate it.
    public var isExternal: Bool { value.absence != nil }

    /// - Throws: `SmoothnessError` of kind `.usage` that names the parameter.
    public func validate() throws { try value.validate() }

    public static func == (left: Self, right: Self) -> Bool { AnyHashable(left.value) == AnyHashable(right.value) }

    public func hash(into hasher: inout Hasher) { hasher.combine(AnyHashable(value)) }

    /// Returns where the data are when they are not where the description says: a path relative to the folder of the run file, or the
    /// file's own name there; `nil` where the description's path holds, or nothing is found.
    public func dataBeside(runFile: String) -> String? {
        guard let path = dataPath, !FileManager.default.fileExists(atPath: path) else { return nil }
        let folder = URL(filePath: runFile).deletingLastPathComponent()
        return [path, URL(filePath: path).lastPathComponent]
            .map { folder.appending(path: $0).path }
            .first { FileManager.default.fileExists(atPath: $0) }
    }
}

// MARK: - JSON

extension ObjectiveDescription {
    private enum CodingKeys: String, CodingKey { case kind }

    public init(from decoder: any Decoder) throws {
        let kind = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .kind)
        value = try ObjectiveRegistry.type(named: kind).init(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try value.encode(to: encoder)
    }

    /// Reads what `json()` writes.
    /// - Parameter file: the run file that it stands in, for messages.
    /// - Throws: `SmoothnessError` of kind `.data` that names the key.
    public init(json: String, file: String? = nil) throws {
        func decoded() throws -> Self {
            try decodingJSON(
                Data(json.utf8), what: "the description of the objective", file: file,
                object: file.map { _ in "/objective" })
        }
        self = try amendingErrors({ $0.file = $0.file ?? file }, of: decoded)
        guard let file else { return }
        // What is out of range on the command line is wrong usage; in a file it is wrong data.
        try amendingErrors({ if $0.kind == .usage { ($0.kind, $0.file) = (.data, file) } }, of: validate)
    }

    /// One line of JSON with sorted keys: equal descriptions give equal text.
    /// - Throws: `SmoothnessError` of kind `.usage` where a number is not finite.
    public func json() throws -> String {
        do { return try jsonLine(self) } catch is EncodingError {
            throw SmoothnessError(
                .usage, "the description of the objective holds a number that is not finite", object: kind)
        }
    }
}

// MARK: - Making it

/// Makes the objective that a description describes.
///
/// - Parameters:
///   - dataOverride: where the data file is now, if it is not where the description says; its content must be the same.
///   - modulePath: where the scripted module of such a description is, which only the caller may say.
/// - Throws: `SmoothnessError` of kind `.usage` where a parameter is out of range or a place is given for data that are
///   not read, `.noInput` where the data is gone, and `.data` where it is not what the description was made from.
public func makeObjective<Scalar: ParameterScalar>(
    _ description: ObjectiveDescription, as scalar: Scalar.Type, options: EvaluationOptions = EvaluationOptions(),
    dataOverride: String? = nil, modulePath: String? = nil
) throws -> ObjectiveSet<Scalar> {
    let (value, kind) = (description.value, description.kind)
    try value.validate()
    try requireSize("micro_batch", options.microBatch ?? 1, atMost: DescriptionBounds.batch)
    if dataOverride != nil && value.dataPath == nil {
        throw SmoothnessError(
            .usage, "this objective reads no file, so there is none to look for elsewhere", file: dataOverride,
            object: kind)
    }
    if let modulePath, !type(of: value).hasModule {
        throw SmoothnessError(.usage, "this objective has no scripted module", file: modulePath, object: kind)
    }
    if let absence = value.absence { throw absence }
    if options.device != "cpu" && !type(of: value).hasDevices {
        throw SmoothnessError(
            .usage, "formulas are evaluated on the processor", object: "device", expected: "cpu",
            found: options.device)
    }
    return try value.makeObjective(
        as: scalar, ObjectiveSurroundings(options: options, data: dataOverride, module: modulePath))
}
