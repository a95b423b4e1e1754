import Evaluation

extension ObjectiveRegistry {
    /// Functions with known constants, each listed once.
    public static let formulas: [any DescribedObjective.Type] = [
        QuadraticDescription.self,
        PolynomialDescription.self,
        QuarticValleyDescription.self,
        ExponentialWallsDescription.self,
        SlowSlopeDescription.self,
        QianExampleDescription.self,
        ExponentialSumDescription.self,
        DeepLinearNetworkDescription.self,
        LogisticRegressionDescription.self,
    ]
}
