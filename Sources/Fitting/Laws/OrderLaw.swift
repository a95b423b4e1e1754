import Foundation

/// L = L0 + L_ρ g^ρ, generalised smoothness of order ρ; with L0 = 0 a power law fitted to L itself, not to its logarithm.
public struct OrderLaw: Sendable, Codable, Equatable {
    /// L0 ≥ 0.
    public var intercept: Double
    /// L_ρ ≥ 0, in units of smoothness per gradient norm to the power ρ.
    public var coefficient: Double
    /// ρ
    public var order: Double

    public init(intercept: Double, coefficient: Double, order: Double) {
        self.intercept = intercept
        self.coefficient = coefficient
        self.order = order
    }

    public func callAsFunction(_ gradientNorm: Double) -> Double {
        intercept + coefficient * pow(gradientNorm, order)
    }
}

/// The orders that are searched. Theory ends below 2; more says that the points leave it.
public let orderRange = 0.0...4.0

/// The least-squares fit of L = L0 + L_ρ g^ρ over L0, L_ρ ≥ 0 and ρ, by the profile over ρ: for each ρ non-negative least squares.
/// - Parameters: `order`: ρ, or `nil` to fit it within `orderRange`; `hasIntercept`: whether L0 may be above 0.
/// - Returns: `nil` where all gradient norms are equal (or n < 2).
public func orderLaw(
    gradientNorm: [Double], smoothness: [Double], weights: [Double]? = nil, order: Double? = nil,
    hasIntercept: Bool = true
) -> OrderLaw? {
    guard let points = ScaledPoints(gradientNorm, smoothness, weights), points.isDetermined else { return nil }
    let profile = OrderProfile(points, hasIntercept: hasIntercept)
    let fitted: OrderLaw
    if let order {
        fitted = profile.law(order)
    } else {
        // The profile may have several valleys: the lowest of a scan is refined.
        let step = 0.1
        let scan = stride(from: orderRange.lowerBound + step, through: orderRange.upperBound, by: step)
        let losses = scan.map(profile.scanLoss)
        let start = zip(scan, losses).min { $0.1 < $1.1 }?.0 ?? 1
        let best = minimize(
            from: max(start - step, 1e-6), to: min(start + step, orderRange.upperBound), tolerance: 1e-8, profile.loss)
        fitted = profile.law(best)
    }
    return OrderLaw(
        intercept: fitted.intercept * points.yScale,
        coefficient: fitted.coefficient * points.yScale / pow(points.xScale, fitted.order), order: fitted.order)
}

/// Non-negative least squares for given orders.
private struct OrderProfile {
    private let points: ScaledPoints
    private let logs: [Double]
    private let hasIntercept: Bool

    init(_ points: ScaledPoints, hasIntercept: Bool) {
        self.points = points
        self.hasIntercept = hasIntercept
        logs = points.x.map { log($0) }
    }

    private func sums(_ order: Double, every step: Int = 1) -> LineSums {
        var sums = LineSums(about: (0, 0))
        for index in stride(from: 0, to: logs.count, by: step) {
            sums.add(exp(order * logs[index]), points.y[index], points.w[index])
        }
        return sums
    }

    private func line(_ sums: LineSums) -> SmoothnessLine {
        hasIntercept
            ? sums.nonNegativeLine ?? sums.betterEdge : SmoothnessLine(intercept: 0, slope: sums.gl / sums.gg)
    }

    func law(_ order: Double) -> OrderLaw {
        let line = line(sums(order))
        return OrderLaw(intercept: line.intercept, coefficient: line.slope, order: order)
    }

    /// The loss of a part of the points: enough to find the valley, which all of them then refine.
    func scanLoss(_ order: Double) -> Double { loss(sums(order, every: max(1, logs.count / 20_000))) }

    func loss(_ order: Double) -> Double { loss(sums(order)) }

    private func loss(_ sums: LineSums) -> Double {
        let line = line(sums)
        let (a, b) = (line.intercept, line.slope)
        return sums.ll - 2 * (a * sums.l + b * sums.gl) + a * a * sums.count + 2 * a * b * sums.g + b * b * sums.gg
    }
}

/// Powers of the gradient norms on a grid of orders around the fitted one, from which a resample finds its own order.
struct OrderTable {
    private static let spacing = 0.1
    private let first: Double
    private let powers: [[Double]]
    private let start: Int
    private let logs: [Double]

    init(_ points: ScaledPoints, near order: Double) {
        logs = points.x.map { log($0) }
        let orders = stride(from: Self.spacing, through: orderRange.upperBound, by: Self.spacing)
        first = Self.spacing
        powers = orders.map { [logs] order in logs.map { exp(order * $0) } }
        start = min(max(Int(((order - first) / Self.spacing).rounded()), 0), powers.count - 1)
    }

    /// Downhill from the order of all points, then a parabola through three values of the grid.
    func law(_ points: ScaledPoints) -> OrderLaw? {
        var known: [Int: Double] = [:]
        func loss(_ place: Int) -> Double {
            guard powers.indices.contains(place) else { return .infinity }
            if let value = known[place] { return value }
            let value = Self.fit(powers[place], points).loss
            known[place] = value
            return value
        }
        var place = start
        while true {
            let next = [place - 1, place + 1].min { loss($0) < loss($1) } ?? place
            guard loss(next) < loss(place) else { break }
            place = next
        }
        var order = first + Self.spacing * Double(place)
        let (a, b, c) = (loss(place - 1), loss(place), loss(place + 1))
        let bend = a - 2 * b + c
        if bend.isFinite, bend > 0 { order += Self.spacing * min(max((a - c) / (2 * bend), -0.5), 0.5) }
        let line = Self.fit(logs.map { exp(order * $0) }, points).line
        return OrderLaw(intercept: line.intercept, coefficient: line.slope, order: order)
    }

    private static func fit(_ x: [Double], _ points: ScaledPoints) -> (line: SmoothnessLine, loss: Double) {
        var sums = LineSums(about: (0, 0))
        for index in x.indices { sums.add(x[index], points.y[index], points.w[index]) }
        let line = sums.nonNegativeLine ?? sums.betterEdge
        let (a, b) = (line.intercept, line.slope)
        let loss =
            sums.ll - 2 * (a * sums.l + b * sums.gl) + a * a * sums.count + 2 * a * b * sums.g + b * b * sums.gg
        return (line, loss)
    }
}

extension Law {
    /// Generalised smoothness of an order ρ, given or fitted.
    public static let order: Law = {
        var law = Law("order", "order", formula: "L = L0 + Lρ g^ρ")
        law.label = { _ in "order ρ, L0 + Lρ g^ρ" }
        law.latex = { _ in "order $\\rho$" }
        law.quantities = [
            .intercept, LawQuantity("coefficient", "L_rho", label: "Lρ", latex: "L_\\rho"),
            LawQuantity("order", "rho", label: "ρ", latex: "\\rho"), .determination,
        ]
        law.solve = { work in
            guard
                let law = orderLaw(
                    gradientNorm: work.points.gradientNorm, smoothness: work.points.smoothness, weights: work.weights,
                    order: work.options.order), law.coefficient.isFinite, law.intercept.isFinite
            else { return nil }
            return work.options.order.map { ofGivenOrder($0, law, work) } ?? ofFittedOrder(law, work)
        }
        law.text = { fit, _, style in
            let searched = String(format: "%g to %g", orderRange.lowerBound, orderRange.upperBound)
            return [
                "", "Order ρ, L = L0 + Lρ g^ρ with L0, Lρ ≥ 0", "  L0 = \(style.estimate(fit.intercept))",
                "  Lρ = \(style.estimate(fit.coefficient))",
                fit.flag("isOrderFitted")
                    ? "  ρ  = \(style.estimate(fit.order))"
                        + (fit.orderOnBound ? "  an end of the orders searched, \(searched)" : "")
                    : "  ρ  = \(style.number(fit.order.value))  (given)", "  R² = \(style.number(fit.determination))",
            ]
        }
        law.prediction = LawPrediction(
            .order, formula: { $0.order.map { "L = L0 + Lρ g^\(significant($0, digits: 3))" } ?? "L = L0 + Lρ g^ρ" },
            parameters: { $0.order == nil ? 3 : 2 },
            fit: { work, indices in work.law(indices, order: work.options.order, hasIntercept: true) })
        return law
    }()

    private static func values(
        _ law: OrderLaw, _ work: PointFit, _ coefficients: (intercept: Estimate, slope: Estimate), order: Estimate
    ) -> FittedValues {
        let isFitted = work.options.order == nil
        let isAtEnd = law.order < orderRange.lowerBound + 1e-3 || law.order > orderRange.upperBound - 1e-3
        return [
            "intercept": coefficients.intercept, "coefficient": coefficients.slope, "order": order,
            "isOrderFitted": isFitted, "orderOnBound": isFitted && isAtEnd,
            "determination": determination(
                work.residuals { law(work.points.gradientNorm[$0]) }, of: work.points.smoothness),
        ]
    }

    private static func ofFittedOrder(_ law: OrderLaw, _ work: PointFit) -> LawSolution {
        let coefficient = Statistic(hasLeverage: false, range: 0...Double.infinity)
        return LawSolution(
            statistics: [coefficient, coefficient, Statistic(hasLeverage: false, range: orderRange)],
            replicate: {
                let points = work.scaled
                // Beyond these the table of powers would not fit.
                let orders = points.count <= 100_000 ? OrderTable(points, near: law.order) : nil
                return { resample in
                    guard let law = orders?.law(resample.drawn) else { return [.nan, .nan, .nan] }
                    return [
                        law.intercept * points.yScale, law.coefficient * points.yScale / pow(points.xScale, law.order),
                        law.order,
                    ]
                }
            },
            values: {
                values(
                    law, work, ($0.estimate(law.intercept, 0), $0.estimate(law.coefficient, 1)),
                    order: $0.estimate(law.order, 2))
            })
    }

    /// With ρ given the law is a line on g^ρ.
    private static func ofGivenOrder(_ order: Double, _ law: OrderLaw, _ work: PointFit) -> LawSolution {
        let given = Estimate(value: law.order, reasonWithoutInterval: "ρ was given")
        let line = SmoothnessLine(intercept: law.intercept, slope: law.coefficient)
        let powers = work.points.gradientNorm.map { pow($0, order) }
        guard powers.allSatisfy({ $0.isFinite && $0 > 0 }),
            let other = ScaledPoints(powers, work.points.smoothness, work.weights), other.isDetermined,
            let free = other.leastSquares(isConstrained: false).map(other.original)
        else {
            let reason = order == 0 ? "with ρ = 0 only L0 + Lρ is determined" : "g^ρ does not vary enough"
            let intercept = Estimate(value: line.intercept, reasonWithoutInterval: reason)
            let slope = Estimate(value: line.slope, reasonWithoutInterval: reason)
            return LawSolution { _ in values(law, work, (intercept, slope), order: given) }
        }
        return LawSolution(
            statistics: Statistic.boundedLine(), replicate: { { other.leastSquaresReplicate($0) } },
            values: { values(law, work, $0.bounded(line, free: free), order: given) })
    }
}

extension ModelScore.Model {
    /// L = L0 + L_ρ g^ρ
    public static let order = Self(rawValue: "order")
}

extension FittedValues {
    /// L_ρ
    public var coefficient: Estimate { required("coefficient") }
    /// ρ
    public var order: Estimate { required("order") }
    /// Whether the fitted ρ is an end of `orderRange`, the orders that are searched.
    public var orderOnBound: Bool { flag("orderOnBound") }
}

extension FitReport {
    /// L = L0 + L_ρ g^ρ.
    public var order: FittedValues? { self[.order] }
}
