import Essentials
import Estimation
import Evaluation
import Testing

@Suite("The options of estimate and align")
struct EstimationOptionsTests {
    /// A text that is not the usual one for every option of `estimate`, and what must be given beside it.
    private static let samples: [(name: String, text: String, beside: [String: String])] = [
        ("delta", "0.25", [:]), ("gammas", "0.5,1.0", [:]), ("subset", "0.3", [:]), ("subset-seed", "7", [:]),
        ("components", "0,2,3", [:]), ("mode", "directional", [:]), ("direction", "hessian", [:]),
        ("norm", "spectral", [:]), ("hessian-tolerance", "0.01", ["direction": "hessian"]),
        ("hessian-iterations", "12", ["direction": "hessian"]),
        ("hessian-products", "differences", ["direction": "hessian"]), ("search", "coarse-to-fine", [:]),
        ("tolerance", "0.2", ["search": "coarse-to-fine"]), ("groups", "5", [:]), ("target-error", "0.05", [:]),
        ("control", "permute", [:]), ("seed", "11", [:]), ("rounding-probes", "0", [:]), ("precision", "float64", [:]),
        ("masks", "off", [:]), ("micro-batch", "2", [:]), ("device", "cuda", [:]),
    ]

    private func read(_ texts: [String: String]) throws -> EstimationConfiguration {
        var definition = EstimationConfiguration.standard
        try EstimationConfiguration.options.read(
            texts, into: &definition, conflicts: EstimationConfiguration.optionConflicts)
        return definition
    }

    /// Names and values that stand side by side.
    private func texts(_ words: [String]) throws -> [String: String] {
        try #require(words.count.isMultiple(of: 2))
        let pairs = stride(from: 0, to: words.count, by: 2).map { (String(words[$0].dropFirst(2)), words[$0 + 1]) }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    @Test("every option changes the configuration, and the words of the configuration are read back as the same")
    func inverse() throws {
        #expect(Self.samples.map(\.name) == EstimationConfiguration.options.map(\.name))
        for sample in Self.samples {
            let base = try read(sample.beside)
            let configuration = try read(sample.beside.merging([sample.name: sample.text]) { $1 })
            #expect(configuration != base, "\(sample.name)")
            let words = configuration.arguments
            #expect(words.contains("--" + sample.name), "\(words)")
            #expect(try read(texts(words)) == configuration, "\(words)")
        }
        #expect(try read(texts(EstimationConfiguration.standard.arguments)) == .standard)
    }

    @Test("every field is reached by an option, but for what stands for gradients from elsewhere")
    func fields() throws {
        func values(_ configuration: EstimationConfiguration) -> [String: String] {
            Dictionary(
                uniqueKeysWithValues: Mirror(reflecting: configuration).children.map {
                    ($0.label ?? "", String(describing: $0.value))
                })
        }
        let usual = values(.standard)
        var reached: Set<String> = []
        for sample in Self.samples {
            let changed = try values(read(sample.beside.merging([sample.name: sample.text]) { $1 }))
            reached.formUnion(changed.filter { usual[$0.key] != $0.value }.keys)
        }
        #expect(Set(usual.keys).subtracting(reached) == ["oracle", "source", "objective"])
    }

    @Test("the words of an alignment are read back as the same")
    func alignment() throws {
        for texts: [String: String] in [
            [:], ["every": "3", "batch-sizes": "8,16", "batch-unit": "examples", "clip-norms": "0.1,1.0"],
            ["rows": "1,4", "clip-norms": "none", "components": "0,1", "precision": "float32"],
            ["subset": "0.5", "subset-seed": "3", "masks": "off", "micro-batch": "1", "device": "cuda"],
        ] {
            var configuration = AlignmentConfiguration()
            try AlignmentConfiguration.options.read(texts, into: &configuration)
            var again = AlignmentConfiguration()
            try AlignmentConfiguration.options.read(self.texts(configuration.arguments), into: &again)
            #expect(again == configuration, "\(configuration.arguments)")
        }
    }
}
