import ArgumentParser
import Estimation
import Evaluation
import Reporting

/// What `plot` draws of an alignment file against epochs.
enum AlignmentQuantity: String, ExpressibleByArgument, CaseIterable {
    case meanCosine = "mean_cosine"
    case normRatio = "norm_ratio"
    case negativeShare = "negative_share"
    case leaveOneOutCosine = "leave_one_out_cosine"
    case noiseScale = "noise_scale"

    private var label: String {
        switch self {
        case .meanCosine: "mean of cos θ(∇fᵢ, ∇f)"
        case .normRatio: "m_g / M_g = min ‖∇fᵢ‖ / max ‖∇fᵢ‖"
        case .negativeShare: "share of negative cosines"
        case .leaveOneOutCosine: "mean of cos θ(∇fᵢ, mean of the others)"
        case .noiseScale: "gradient noise scale tr Σ / ‖∇f‖²"
        }
    }

    private func value(of batch: BatchAlignment) -> Double {
        switch self {
        case .meanCosine: batch.meanCosine
        case .normRatio: batch.normRatio
        case .negativeShare: batch.negativeShare
        case .leaveOneOutCosine: batch.leaveOneOutCosine
        case .noiseScale: batch.noiseScale
        }
    }

    /// One curve a batch size; beside a mean cosine what pure noise would give.
    func plot(of reader: borrowing AlignmentFileReader, title: String?) throws -> LinePlot {
        let (header, rows) = (reader.header, try reader.rows())
        let epochLength = Double(header.epochLength)
        var curves: [LinePlot.Curve] = []
        for (group, partition) in header.partitions.enumerated() {
            func curve(_ name: String, isReference: Bool, _ value: (BatchAlignment) -> Double) -> LinePlot.Curve {
                LinePlot.Curve(
                    name: name, points: rows.map { (Double($0.iteration) / epochLength, value($0.batches[group])) },
                    isReference: isReference, group: group)
            }
            let name = "batch size \(partition.size)"
            curves.append(curve(name, isReference: false, value))
            if self == .meanCosine { curves.append(curve(name + ": pure noise", isReference: true, \.noiseCosine)) }
        }
        let unit = header.configuration.unit?.rawValue ?? ""
        let summary = (try? ObjectiveDescription(json: header.objective).summary) ?? header.runFile
        return LinePlot(
            title: title ?? "\(header.runFile): \(summary); batch sizes in \(unit)", horizontal: ("epoch", "epoch"),
            vertical: (rawValue, label), curves: curves)
    }
}
