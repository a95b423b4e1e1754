import ArgumentParser
import Estimation
import Reporting
import Training

/// The tables of `align`.
enum AlignmentTable: String, ExpressibleByArgument, CaseIterable {
    case summary, histogram

    func table(of rows: [AlignmentRow], header: AlignmentHeader) -> Table {
        switch self {
        case .summary: Self.summary(of: rows, header: header)
        case .histogram: Self.histogram(of: rows, header: header)
        }
    }

    private typealias Column = (name: String, value: @Sendable (BatchAlignment) -> Double)

    private static let numbers = [meanColumn] + quantileColumns + agreementColumns + normColumns + noiseColumns

    private static let meanColumn: Column = ("mean_cosine", { $0.meanCosine })

    private static let quantileColumns: [Column] = AlignmentSchema.levels.enumerated().map { index, level in
        ("cosine_q" + twoDigits(level), { $0.cosineQuantiles[index] })
    }

    private static let agreementColumns: [Column] = [
        ("negative_share", { $0.negativeShare }), ("zero_count", { $0.zeroCount }),
        ("leave_one_out_cosine", { $0.leaveOneOutCosine }),
        ("leave_one_out_negative_share", { $0.leaveOneOutNegativeShare }), ("noise_cosine", { $0.noiseCosine }),
    ]

    private static let normColumns: [Column] = [
        ("norm_ratio", { $0.normRatio }), ("norm_ratio_q05", { $0.normQuantiles[0] / $0.normQuantiles[6] }),
        ("norm_ratio_q10", { $0.normQuantiles[1] / $0.normQuantiles[5] }),
        ("norm_ratio_q25", { $0.normQuantiles[2] / $0.normQuantiles[4] }),
    ]

    private static let noiseColumns: [Column] = [
        ("beta_excess", { $0.betaExcess }), ("smallest_beta", { $0.smallestBeta }),
        ("largest_beta", { $0.largestBeta }), ("gradient_noise", { $0.gradientNoise }),
        ("noise_scale", { $0.noiseScale }), ("noise_scale_unbiased", { $0.unbiasedNoiseScale }),
    ]

    private static func twoDigits(_ level: Double) -> String {
        let percent = Int((100 * level).rounded())
        return percent < 10 ? "0\(percent)" : "\(percent)"
    }

    /// A row for every iterate, batch size and clip norm; without clip norms one with the last columns empty.
    private static func summary(of rows: [AlignmentRow], header: AlignmentHeader) -> Table {
        var columns = ["iteration", "epoch", "batch_size", "batches", "loss", "gradient_norm"]
        columns += numbers.map(\.name)
        columns += ["clip_norm", "clipped_agreement", "agreement_bound", "clipped_share", "status"]
        var table = Table(columns: columns)
        let epochLength = Double(header.epochLength)
        for row in rows {
            for (partition, batch) in zip(header.partitions, row.batches) {
                var start: [TableValue] = [
                    .integer(row.iteration), .number(Double(row.iteration) / epochLength), .integer(partition.size),
                    .integer(partition.count), .number(row.loss), .number(row.gradientNorm),
                ]
                start += numbers.map { .number($0.value(batch)) }
                let clips: [[TableValue]] = batch.clipped.map {
                    [.number($0.clipNorm), .number($0.agreement), .number($0.bound), .number($0.clippedShare)]
                }
                for clip in clips.isEmpty ? [[.missing, .missing, .missing, .missing]] : clips {
                    table.append(start + clip + [.string(row.status.name)])
                }
            }
        }
        return table
    }

    /// A row for every iterate, batch size and bin.
    private static func histogram(of rows: [AlignmentRow], header: AlignmentHeader) -> Table {
        var table = Table(columns: ["iteration", "epoch", "batch_size", "lower", "upper", "count"])
        let (edges, epochLength) = (AlignmentSchema.edges, Double(header.epochLength))
        for row in rows {
            for (partition, batch) in zip(header.partitions, row.batches) {
                for (bin, count) in batch.cosineHistogram.enumerated() {
                    table.append([
                        .integer(row.iteration), .number(Double(row.iteration) / epochLength), .integer(partition.size),
                        .number(edges[bin]), .number(edges[bin + 1]), .integer(Int(count)),
                    ])
                }
            }
        }
        return table
    }
}

extension AlignmentHeader {
    /// The iterations of an epoch: one where the run takes the full gradient, otherwise one a component. A run of another program
    /// may describe its optimiser in its own way and is taken for one of single components.
    var epochLength: Int {
        let training = try? TrainingConfiguration(json: optimizer)
        return training?.epochLength(componentCount: componentCount) ?? max(componentCount, 1)
    }
}

extension AlignmentPlan {
    /// One row for stdout: what an alignment would do. `seconds` leaves out reading and writing.
    func table(secondsPerGradient: Double) -> Table {
        Table(
            columns: [
                "disposition", "parameters", "subset", "components", "batch_sizes", "batch_unit", "rows", "rows_done",
                "component_gradients", "bytes", "memory_bytes", "seconds",
            ],
            rows: [
                [
                    .string(disposition.rawValue), .integer(parameterCount), .integer(subsetSize),
                    .integer(componentCount), .integer(partitions.count), .string(unit.rawValue), .integer(rowCount),
                    .integer(committedRows), .integer(componentGradientCount), .integer(outputBytes),
                    .integer(workspaceBytes), .number(Double(componentGradientCount) * secondsPerGradient),
                ]
            ])
    }
}
