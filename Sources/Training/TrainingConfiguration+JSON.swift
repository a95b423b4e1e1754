import Essentials
import Evaluation
import Foundation

extension TrainingConfiguration: Codable {
    private enum CodingKeys: String, CodingKey {
        case algorithm
        case learningRate = "learning_rate"
        case gamma
        case clipNorm = "clip_norm"
        case beta, nu, order, iterations, save
        case storesGradients = "stores_gradients"
        case seed, precision, threads, device
        case microBatch = "micro_batch"
        // Left out where they have no part in the run.
        case offset, beta2, epsilon
        case clippingForm = "clip_form"
        case clippingScope = "clip_scope"
        case weightDecay = "weight_decay"
        case schedule
        case averaging = "average"
        case gradient, observation
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        algorithm = try values.decode(Algorithm.self, forKey: .algorithm)
        learningRate = try values.decode(Double.self, forKey: .learningRate)
        gamma = try values.decodeIfPresent(Double.self, forKey: .gamma)
        clipNorm = try values.decodeIfPresent(Double.self, forKey: .clipNorm)
        beta = try values.decode(Double.self, forKey: .beta)
        nu = try values.decode(Double.self, forKey: .nu)
        order = try values.decode(ComponentOrder.Kind.self, forKey: .order)
        iterations = try values.decode(Int.self, forKey: .iterations)
        save = try values.decode(SaveSchedule.self, forKey: .save)
        storesGradients = try values.decode(Bool.self, forKey: .storesGradients)
        seed = try values.decode(UInt64.self, forKey: .seed)
        precision = try values.decode(Precision.self, forKey: .precision)
        threads = try values.decode(Int.self, forKey: .threads)
        device = try values.decode(String.self, forKey: .device)
        microBatch = try values.decodeIfPresent(Int.self, forKey: .microBatch)
        offset = try values.decodeIfPresent(Double.self, forKey: .offset) ?? 0
        clippingForm = try values.decodeIfPresent(ClippingForm.self, forKey: .clippingForm) ?? .hard
        clippingScope = try values.decodeIfPresent(ClippingScope.self, forKey: .clippingScope) ?? .global
        weightDecay = try values.decodeIfPresent(WeightDecay.self, forKey: .weightDecay)
        schedule = try values.decodeIfPresent(LearningRateSchedule.self, forKey: .schedule)
        averaging = try values.decodeIfPresent(AveragingTrigger.self, forKey: .averaging)
        gradient = try values.decodeIfPresent(GradientKind.self, forKey: .gradient) ?? .component
        observation = try values.decodeIfPresent(Observation.self, forKey: .observation)
        if let beta2 = try values.decodeIfPresent(Double.self, forKey: .beta2) {
            adam = AdamConstants(beta2: beta2, epsilon: try values.decode(Double.self, forKey: .epsilon))
        }
    }

    /// Writes what the first version of this program wrote and, of what came later, only what has a part in the run: a run
    /// that the first version could make is described by the same text.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(algorithm, forKey: .algorithm)
        try values.encode(learningRate, forKey: .learningRate)
        try values.encodeIfPresent(gamma, forKey: .gamma)
        try values.encodeIfPresent(clipNorm, forKey: .clipNorm)
        try values.encode(beta, forKey: .beta)
        try values.encode(nu, forKey: .nu)
        try values.encode(order, forKey: .order)
        try values.encode(iterations, forKey: .iterations)
        try values.encode(save, forKey: .save)
        try values.encode(storesGradients, forKey: .storesGradients)
        try values.encode(seed, forKey: .seed)
        try values.encode(precision, forKey: .precision)
        try values.encode(threads, forKey: .threads)
        try values.encode(device, forKey: .device)
        try values.encodeIfPresent(microBatch, forKey: .microBatch)
        if algorithm.isNormalized { try values.encode(offset, forKey: .offset) }
        if clippingForm != .hard { try values.encode(clippingForm, forKey: .clippingForm) }
        if clippingScope != .global { try values.encode(clippingScope, forKey: .clippingScope) }
        try values.encodeIfPresent(weightDecay, forKey: .weightDecay)
        try values.encodeIfPresent(schedule, forKey: .schedule)
        try values.encodeIfPresent(averaging, forKey: .averaging)
        if gradient != .component { try values.encode(gradient, forKey: .gradient) }
        try values.encodeIfPresent(observation, forKey: .observation)
        if let adam {
            try values.encode(adam.beta2, forKey: .beta2)
            try values.encode(adam.epsilon, forKey: .epsilon)
        }
    }

    /// The text of `/optimizer`: keys in alphabetical order, so that equal configurations are equal texts.
    public var json: String {
        get throws {
            try jsonLine(self)
        }
    }

    /// Reads and checks the text of `/optimizer`.
    /// - Throws: `SmoothnessError(.data)`.
    public init(json: String, file: String? = nil) throws {
        self = try decodingJSON(
            Data(json.utf8), what: "the description of the training", file: file, object: "/optimizer")
        guard (gamma == nil) == (clipNorm == nil) else {
            throw SmoothnessError(
                .data, "has one of gamma and clip_norm", file: file, object: "/optimizer", expected: "both or neither")
        }
        try validate(as: .data, file: file)
    }
}
