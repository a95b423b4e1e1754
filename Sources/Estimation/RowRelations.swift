import ParameterSpace

/// What the measured numbers of a row, from which `RowCheck` makes all others again, say of each other: means of groups, products that are no
/// larger than their factors, triangles, and errors.
struct RowRelations {
    typealias Finding = RowCheck.Finding

    /// The numbers are sums of many terms, and not all in the same order.
    private static let tolerance = 1e-9

    private let header: EstimatesHeader
    private let row: StepEstimate
    private let weights: [Double]
    private let share: Double
    /// Group gradients are rounded to the scalar, and recorded means may have been taken over all data at once (`GroupMean`).
    private let groupTolerance: Double

    init(_ header: EstimatesHeader, of row: StepEstimate) {
        self.header = header
        self.row = row
        let sample = header.groups.sample(ofSize: min(max(1, row.subsetSize), header.components.count))
        weights = sample.groupWeights.map { $0 / sample.totalWeight }
        share = sample.share
        let isSingle = header.configuration.precision == .float32
        groupTolerance = (isSingle ? Double(Float.ulpOfOne) : Double.ulpOfOne).squareRoot()
    }

    var findings: [Finding] {
        sizeFindings + errorFindings + hessianFindings
            + (isOneFunction ? groupFindings + triangleFindings : [])
    }

    /// Whether all gradients of the row are those of one function: not so where other data or other masks are taken on purpose.
    private var isOneFunction: Bool {
        let configuration = header.configuration
        return configuration.control == .none && ![.gluon, .zhangCode].contains(configuration.mode)
            && configuration.evaluation.masks == .fixed
    }

    private var isProbedAlongRun: Bool {
        header.configuration.direction.endsAtNextIterate && header.configuration.control == .none
    }

    // MARK: - Counts and ranges

    private var sizeFindings: [Finding] {
        var findings: [Finding] = []
        func require(_ isTrue: Bool, _ object: String, _ expected: String, _ found: Any) {
            if !isTrue { findings.append(Finding(object: object, expected: expected, found: "\(found)")) }
        }
        let most = header.components.count
        if !row.gradientNorm.isNaN {
            let isFixed = header.configuration.targetError == nil
            require(
                isFixed ? row.subsetSize == most : (1...most).contains(row.subsetSize), EstimatesSchema.subsetSize,
                isFixed ? "\(most), all components" : "1 … \(most)", row.subsetSize)
            let probes = row.curve.indices.count { !row.curve[$0].gradientNorm.isNaN }
            require(
                row.componentGradientCount / max(1, row.subsetSize) >= min(1, probes) + 1 || probes == 0,
                EstimatesSchema.componentGradientCount,
                "at least two of each of \(row.subsetSize)", row.componentGradientCount)
        }
        require(
            row.relativeRounding.isNaN || row.relativeRounding >= 0, "/estimates/relative_rounding", "0 or more",
            row.relativeRounding)
        require(
            row.roundingProjection.isNaN || (0...(1 + Self.tolerance)).contains(row.roundingProjection),
            "/estimates/rounding_projection", "0 … 1", row.roundingProjection)
        for (index, block) in row.blocks.enumerated() {
            for (name, value) in [("gradient_norm", block.gradientNorm), ("step_norm", block.stepNorm)] {
                require(!(value < 0), "/estimates/blocks/\(name), block \(index)", "0 or more", value)
            }
        }
        return findings
    }

    // MARK: - Errors

    /// Errors of the blocks are kept, and the sums from which they came are not.
    private var errorFindings: [Finding] {
        var findings: [Finding] = []
        let condition =
            share == 1
            ? "0, as the subset is everything" : weights.count < 2 ? "NaN, as there is one group" : "0 or more"
        func isSound(_ error: Double) -> Bool {
            error.isNaN || (share == 1 ? error == 0 : weights.count >= 2 && error >= 0)
        }
        for (index, block) in row.blocks.enumerated() {
            for (name, error) in [
                ("blocks/gradient_norm_error", block.gradientNormError),
                ("blocks/smoothness_error", block.smoothnessError),
                ("norm/block_gradient_dual_norm_error", block.normed.gradientDualNormError),
            ] where !isSound(error) {
                findings.append(
                    Finding(object: "/estimates/\(name), block \(index)", expected: condition, found: "\(error)"))
            }
        }
        guard row.gradientNorm.isFinite, row.gradientNormError.isFinite else { return findings }
        // The norm of the blocks' norms moves by no more than they do.
        let blocks = row.blocks.reduce(0) { $0 + $1.gradientNormError * $1.gradientNormError }.squareRoot()
        let slack = Self.tolerance * row.gradientNorm
        let isOne = row.blocks.count == 1
        if blocks.isNaN || row.gradientNormError > blocks * (1 + Self.tolerance) + slack
            || (isOne && row.gradientNormError < blocks * (1 - Self.tolerance) - slack)
        {
            findings.append(
                Finding(
                    object: "/estimates/blocks/gradient_norm_error",
                    expected: "together \(isOne ? "" : "at least ")\(row.gradientNormError), the error of the whole",
                    found: "\(blocks)"))
        }
        return findings
    }

    private var hessianFindings: [Finding] {
        let hessian = row.hessian
        guard !hessian.norm.isNaN else { return [] }
        var findings: [Finding] = []
        func require(_ isTrue: Bool, _ name: String, _ expected: String, _ found: Double) {
            if !isTrue {
                findings.append(Finding(object: "/estimates/hessian/\(name)", expected: expected, found: "\(found)"))
            }
        }
        let largest = max(abs(hessian.largestEigenvalue), abs(hessian.smallestEigenvalue))
        require(
            RowCheck.agree(largest, hessian.norm), "norm", "\(largest), the larger size of the two eigenvalues",
            hessian.norm)
        require(
            hessian.smallestEigenvalue <= hessian.largestEigenvalue, "smallest_eigenvalue",
            "at most \(hessian.largestEigenvalue)", hessian.smallestEigenvalue)
        require(hessian.residual >= 0, "residual", "0 or more", hessian.residual)
        require(hessian.converged == 0 || hessian.converged == 1, "converged", "0 or 1", hessian.converged)
        require(
            hessian.productCount >= 1 && hessian.productCount == hessian.productCount.rounded(), "product_count",
            "a whole number from 1 on", hessian.productCount)
        return findings
    }

    // MARK: - Groups

    /// The weighted means of the groups' products are the squares of the whole, and that of their losses is the loss.
    private var groupFindings: [Finding] {
        guard row.gradientNorm.isFinite, weights.count == row.groups.count else { return [] }
        var findings: [Finding] = []
        /// `size` is the sum of the sizes of what was added.
        func require(_ object: String, _ values: [Double], is whole: Double, size: Double) {
            let mean = zip(weights, values).reduce(0) { $0 + $1.0 * $1.1 }
            guard !mean.isNaN || values.contains(where: { !$0.isNaN }), !(abs(mean - whole) <= size) else { return }
            findings.append(
                Finding(
                    object: object, expected: "a weighted mean of \(whole), to \(size)",
                    found: "\(mean) over \(values.count) groups"))
        }
        func requireProducts(_ object: String, _ sums: [GroupSums], _ norm: Double, slack: Double) {
            for (group, sums) in sums.enumerated() where !sums.squared.isNaN {
                let bound = sums.squared.squareRoot() * norm
                guard sums.squared < 0 || abs(sums.product) > bound * (1 + Self.tolerance) + slack * norm else {
                    continue
                }
                findings.append(
                    Finding(
                        object: "\(object)_product, group \(group)",
                        expected: "at most \(bound) in size, the product of the norms", found: "\(sums.product)"))
            }
        }
        let losses = row.groups.map(\.loss)
        let isMeanOfLosses = losses.allSatisfy { $0.isFinite } && row.loss.isFinite
        if isMeanOfLosses {
            let size = zip(weights, losses).reduce(0) { $0 + $1.0 * abs($1.1) }
            require("/estimates/groups/loss", losses, is: row.loss, size: Self.tolerance * size)
        }
        let sums = row.groups.map(\.sums)
        // A single group that is evaluated for no error keeps no sums.
        guard sums.contains(where: { !$0.squared.isNaN }) else { return findings }
        let size = zip(weights, sums).reduce(0) { $0 + $1.0 * $1.1.squared.squareRoot() }
        requireProducts("/estimates/groups/gradient", sums, row.gradientNorm, slack: 0)
        require(
            "/estimates/groups/gradient_product", sums.map(\.product), is: row.gradientNorm * row.gradientNorm,
            size: groupTolerance * size * row.gradientNorm)
        for (index, point) in row.curve.enumerated() where point.differenceNorm.isFinite {
            let differences = row.groupDifferences.map { $0[index] }
            guard differences.contains(where: { !$0.squared.isNaN }) else { continue }
            // The rounding of a difference is that of its two ends.
            let ends = 2 * size + zip(weights, differences).reduce(0) { $0 + $1.0 * $1.1.squared.squareRoot() }
            requireProducts("/estimates/groups/difference", differences, point.differenceNorm, slack: 0)
            require(
                "/estimates/groups/difference_product, γ = \(point.gamma)", differences.map(\.product),
                is: point.differenceNorm * point.differenceNorm, size: groupTolerance * ends * point.differenceNorm)
            if header.configuration.mode == .directional {
                require(
                    "/estimates/groups/difference_along_step, γ = \(point.gamma)",
                    row.groupProjections.map { $0[index] }, is: point.differenceAlongStep,
                    size: groupTolerance * ends * point.displacementNorm)
            }
        }
        return findings
    }

    // MARK: - Triangles

    /// In every block and for every γ: products against their factors, and the three sides ∇f(x_k), ∇f(x_k + γd) and Δ(γ).
    private var triangleFindings: [Finding] {
        var findings: [Finding] = []
        for (block, sums) in row.blockSums.enumerated() {
            let (base, step) = (row.blocks[block].gradientNorm, row.blocks[block].stepNorm)
            for (index, sums) in sums.enumerated() where !sums.displacementSquared.isNaN {
                let place = "block \(block), γ = \(row.curve[index].gamma)"
                let (end, difference) = (sums.gradientSquared.squareRoot(), sums.differenceSquared.squareRoot())
                let displacement = sums.displacementSquared.squareRoot()
                guard end.isFinite, difference.isFinite, base.isFinite else { continue }
                let slack = Self.tolerance * (base + end)
                if difference > base + end + slack || difference < abs(end - base) - slack {
                    findings.append(
                        Finding(
                            object: "/estimates/blocks/difference_squared, \(place)",
                            expected: "the square of \(abs(end - base)) … \(base + end)",
                            found: "\(sums.differenceSquared)"))
                }
                for (name, product, bound) in [
                    ("difference_along_step", sums.differenceAlongStep, difference * displacement),
                    ("base_along_step", sums.baseAlongStep, base * displacement),
                ] where abs(product) > bound + slack * displacement {
                    findings.append(
                        Finding(
                            object: "/estimates/blocks/\(name), \(place)",
                            expected: "at most \(bound) in size, the product of the norms", found: "\(product)"))
                }
                // At γ = 1 the probe is x_{k+1} itself.
                if isProbedAlongRun, row.curve[index].gamma == 1, !RowCheck.agree(displacement, step) {
                    findings.append(
                        Finding(
                            object: "/estimates/blocks/displacement_squared, \(place)",
                            expected: "\(step * step), the square of the block's step norm",
                            found: "\(sums.displacementSquared)"))
                }
            }
        }
        return findings + cosineFindings
    }

    /// ⟨g₀, g₁⟩ = (‖g₀‖² + ‖g₁‖² − ‖Δ‖²) / 2
    private var cosineFindings: [Finding] {
        guard let end = row.curve.last, end.gamma == 1, row.cosine.isFinite else { return [] }
        let (first, last) = (row.gradientNorm, end.gradientNorm)
        let squares = first * first + last * last
        let expected = (squares - end.differenceNorm * end.differenceNorm) / (2 * first * last)
        guard abs(row.cosine - expected) > Self.tolerance * squares / (first * last) else { return [] }
        return [
            Finding(
                object: "/estimates/cosine", expected: "\(expected), from the norms of the two gradients and of Δ(1)",
                found: "\(row.cosine)")
        ]
    }
}
