import Essentials
import Testing
import Training

@Suite("The options of train that decide how a run is made")
struct TrainingOptionsTests {
    /// A text that is not the usual one for every option, and what must be given beside it.
    private static let samples: [(name: String, text: String, beside: [String: String])] = [
        ("algorithm", "normalized", [:]), ("learning-rate", "0.3", [:]), ("gamma", "0.7", ["learning-rate": "0.3"]),
        ("clip-norm", "0.1", ["learning-rate": "0.3"]), ("beta", "0.5", [:]), ("nu", "0.25", [:]),
        ("clip-form", "soft", [:]), ("clip-scope", "block", [:]), ("offset", "0.5", ["algorithm": "normalized"]),
        ("beta2", "0.9", ["algorithm": "adam"]), ("epsilon", "0.001", ["algorithm": "adam"]),
        ("weight-decay", "0.125", [:]), ("decay-place", "after", ["weight-decay": "0.125"]),
        ("gradient", "full", [:]), ("order", "cyclic", [:]), ("iterations", "17", [:]),
        ("save", "every=2,first=9", [:]), ("seed", "4", [:]), ("precision", "float64", [:]), ("threads", "3", [:]),
        ("device", "cuda", [:]), ("store-gradients", "true", [:]), ("micro-batch", "2", [:]), ("warm-up", "5", [:]),
        ("decay-epochs", "2,5", [:]), ("plateau", "3", [:]), ("decay-factor", "4.0", ["plateau": "3"]),
        ("cosine", "true", [:]), ("last-learning-rate", "0.001", ["cosine": "true"]), ("average", "from=2", [:]),
    ]

    private static let usual = TrainingConfiguration(
        learningRate: 0.01, clipping: .norm(0.25), iterations: 300, save: SaveSchedule(every: 5))

    private func read(_ texts: [String: String], from usual: TrainingConfiguration = usual) throws
        -> TrainingConfiguration
    {
        var definition = usual
        try TrainingConfiguration.options.read(
            texts, into: &definition, conflicts: TrainingConfiguration.optionConflicts)
        return definition
    }

    private func texts(_ words: [String]) -> [String: String] {
        var texts: [String: String] = [:]
        for (place, word) in words.enumerated() where word.hasPrefix("--") {
            let next = place + 1 < words.count ? words[place + 1] : "--"
            texts[String(word.dropFirst(2))] = next.hasPrefix("--") ? "true" : next
        }
        return texts
    }

    @Test("every option changes the configuration, and the words of the configuration are read back as the same")
    func inverse() throws {
        #expect(Self.samples.map(\.name) == TrainingConfiguration.options.map(\.name))
        for sample in Self.samples {
            let base = try read(sample.beside)
            let configuration = try read(sample.beside.merging([sample.name: sample.text]) { $1 })
            #expect(configuration != base, "\(sample.name)")
            try configuration.validate()
            let words = configuration.arguments
            #expect(words.contains("--" + sample.name), "\(words)")
            #expect(try read(texts(words)) == configuration, "\(words)")
        }
    }

    @Test("every field is reached by an option, but for what another command reads")
    func fields() throws {
        func values(_ configuration: TrainingConfiguration) -> [String: String] {
            Dictionary(
                uniqueKeysWithValues: Mirror(reflecting: configuration).children.map {
                    ($0.label ?? "", String(describing: $0.value))
                })
        }
        let usual = values(Self.usual)
        var reached: Set<String> = []
        for sample in Self.samples {
            let changed = try values(read(sample.beside.merging([sample.name: sample.text]) { $1 }))
            reached.formUnion(changed.filter { usual[$0.key] != $0.value }.keys)
        }
        #expect(Set(usual.keys).subtracting(reached) == ["observation"])
    }

    @Test("an algorithm brings what is usual with it, and keeps the clip norm of the objective where it clips the step")
    func usual() throws {
        let heavyBall = try read(["algorithm": "heavy-ball"])
        #expect(heavyBall.beta == 0.9 && heavyBall.clipNorm == 0.25 && heavyBall.learningRate == 0.01)
        let adam = try read(["algorithm": "adamw"])
        #expect(adam.learningRate == 0.001 && adam.clipNorm == nil && adam.beta == 0.9)
        #expect(adam.weightDecay == .init(rate: 0.01, place: .decoupled) && adam.adam == .init())
        #expect(try read(["algorithm": "normalized"]).gamma == nil)
        // γ goes with η where the clip norm is the usual one.
        let faster = try read(["learning-rate": "2"])
        #expect(faster.clipNorm == 0.25 && faster.gamma == 0.5)
        #expect(try read(["clip-norm": "inf"]).clipNorm == nil)
    }
}
