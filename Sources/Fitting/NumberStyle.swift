/// How numbers stand in texts for people.
public struct NumberStyle: Sendable {
    let digits: Int
    /// Where no interval was asked for, that is said once and not at every number.
    let hasIntervals: Bool

    public init(digits: Int, hasIntervals: Bool) { (self.digits, self.hasIntervals) = (digits, hasIntervals) }

    /// Returns a value with its interval, or with the reason why there is none.
    public func estimate(_ estimate: Estimate) -> String {
        guard let lower = estimate.lower, let upper = estimate.upper else {
            let reason = hasIntervals ? estimate.reasonWithoutInterval : nil
            return number(estimate.value) + (reason.map { "  (no interval: \($0))" } ?? "")
        }
        let method = estimate.intervalMethod == .profile ? "  (profile at the bound)" : ""
        return "\(number(estimate.value))  [\(number(lower)), \(number(upper))]\(method)"
    }

    func bound(_ isOnBound: Bool) -> String { isOnBound ? "  on its bound" : "" }

    /// Returns the lines of two coefficients that may sit on their bounds 0.
    func coefficients(_ fit: FittedValues, _ names: (String, String) = ("L0", "L1")) -> [String] {
        [
            "  \(names.0) = \(estimate(fit.intercept))\(bound(fit.interceptOnBound))",
            "  \(names.1) = \(estimate(fit.slope))\(bound(fit.slopeOnBound))",
        ]
    }

    public func number(_ value: Double?) -> String { value.map { significant($0, digits: digits) } ?? "undefined" }

    /// Returns three significant digits.
    public func short(_ value: Double) -> String { significant(value, digits: 3) }
}
