import HDF5
import ParameterSpace
import RunFiles

/// A slice of everything that belongs to a row, in memory that is used again and again.
struct RecordedBuffers<Scalar: ParameterScalar & HDF5Scalar>: ~Copyable {
    private var iterate: [Scalar]
    private var base: [Scalar]
    private var next: [Scalar]
    /// fl(x_k + γd), where γ is not 1.
    private var probe: [Scalar]
    private var gradient: [Scalar]
    private var groupBases: [[Scalar]]
    private var groupGradients: [[Scalar]]
    /// The two gradients in Double, where there are groups.
    private var baseMean: [Double]
    private var mean: [Double]
    /// Memory for `GroupMean`.
    private var difference: [Double]

    init(length: Int, groupCount: Int) {
        let zeros = Scalar.zeros(length)
        (iterate, base, next, probe, gradient) = (zeros, zeros, zeros, zeros, zeros)
        groupBases = Array(repeating: zeros, count: groupCount)
        groupGradients = groupBases
        baseMean = [Double](repeating: 0, count: groupCount > 0 ? length : 0)
        mean = baseMean
        difference = baseMean
    }

    var hasGroups: Bool { !groupBases.isEmpty }

    /// x_k and the gradients there.
    mutating func readBase(
        of row: Int, _ slice: Range<Int>, _ vectors: borrowing RecordedVectors<Scalar>
    ) throws {
        try vectors.read(.iterate, row: row, slice, into: &iterate)
        try vectors.read(.gradient, row: row, slice, into: &base)
        for group in groupBases.indices {
            try vectors.read(.groupGradient(group), row: row, slice, into: &groupBases[group])
        }
        widen()
    }

    /// The end of the row before is where this one begins.
    mutating func takeEndAsBase() {
        swap(&iterate, &next)
        swap(&base, &gradient)
        swap(&groupBases, &groupGradients)
        widen()
    }

    private mutating func widen() {
        guard hasGroups else { return }
        for index in base.indices { baseMean[index] = Double(base[index]) }
    }

    /// The point and the gradients at the γ of an index; the last is γ = 1, the next iterate itself.
    mutating func readProbe(
        _ index: Int, of row: Int, _ slice: Range<Int>, _ vectors: borrowing RecordedVectors<Scalar>
    ) throws {
        let subset = vectors.subset
        let isEnd = index == subset.gammas.count
        if index == 0 { try vectors.read(.nextIterate, row: row, slice, into: &next) }
        if isEnd {
            try vectors.read(.nextGradient, row: row, slice, into: &gradient)
        } else {
            if subset.hasProbes {
                try vectors.read(.probe(index), row: row, slice, into: &probe)
            } else {
                Scalar.pointAlong(into: &probe, from: iterate, to: next, fraction: subset.gammas[index])
            }
            try vectors.read(.probeGradient(index), row: row, slice, into: &gradient)
        }
        for group in groupGradients.indices {
            try vectors.read(
                isEnd ? .nextGroupGradient(group) : .probeGroupGradient(index, group: group), row: row, slice,
                into: &groupGradients[group])
        }
        if hasGroups { for place in gradient.indices { mean[place] = Double(gradient[place]) } }
    }

    /// Adds elements of the slice to the sums of their block.
    func add(_ range: Range<Int>, isEnd: Bool, to sums: inout SliceSums) {
        Scalar.add(
            to: &sums, iterate: iterate, probe: isEnd ? next : probe, base: base, gradient: gradient, in: range)
    }

    /// Holds the elements of the slice of the gradient at x_k, or at the γ that was read last, against the mean of their groups.
    mutating func compare(_ range: Range<Int>, isBase: Bool, into mean: inout GroupMean<Scalar>) {
        if isBase {
            mean.add(base, groups: groupBases, in: range, difference: &difference)
        } else {
            mean.add(gradient, groups: groupGradients, in: range, difference: &difference)
        }
    }

    func addGroups(_ range: Range<Int>, to sums: inout [GroupSums]) {
        for group in sums.indices {
            sums[group] = sums[group] + Scalar.groupSums(groupBases[group], mean: baseMean, in: range)
        }
    }

    func addDifferences(_ range: Range<Int>, to sums: inout [GroupSums]) {
        for group in sums.indices {
            sums[group] =
                sums[group]
                + Scalar.groupSums(
                    groupGradients[group], from: groupBases[group], mean: mean, from: baseMean, in: range)
        }
    }
}
