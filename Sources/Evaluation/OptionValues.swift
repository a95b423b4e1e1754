import Essentials

extension Precision: OptionValue {}
extension EvaluationOptions.Masks: OptionValue {}
extension TrainingDraws: OptionValue {}
