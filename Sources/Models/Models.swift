import Evaluation

extension ObjectiveRegistry {
    /// Networks and scripted modules, each listed once.
    public static let models: [any DescribedObjective.Type] = [
        LanguageModelDescription.self,
        TransformerDescription.self,
        ImageClassifierDescription.self,
        TorchScriptDescription.self,
    ]
}
