import Essentials
import HDF5

/// The six datasets that hold the numbers of iterations, in /history or in /trajectory.
struct RecordColumns: ~Copyable {
    private let loss: Dataset
    private let gradientNorm: Dataset
    private let stepNorm: Dataset
    private let learningRate: Dataset
    private let clipped: Dataset
    private let status: Dataset
    private let group: String
    private let file: String

    func write(_ records: [IterationRecord], from row: Int) throws {
        let (start, count) = ([row], [records.count])
        try loss.write(records.map(\.loss), start: start, count: count)
        try gradientNorm.write(records.map(\.gradientNorm), start: start, count: count)
        try stepNorm.write(records.map(\.stepNorm), start: start, count: count)
        try learningRate.write(records.map(\.learningRate), start: start, count: count)
        try clipped.write(records.map { $0.clipped ? UInt8(1) : 0 }, start: start, count: count)
        try status.write(records.map(\.status.rawValue), start: start, count: count)
    }

    func read(_ rows: Range<Int>) throws -> [IterationRecord] {
        let (start, count) = ([rows.lowerBound], [rows.count])
        let losses = try loss.read(as: Double.self, start: start, count: count)
        let gradientNorms = try gradientNorm.read(as: Double.self, start: start, count: count)
        let stepNorms = try stepNorm.read(as: Double.self, start: start, count: count)
        let learningRates = try learningRate.read(as: Double.self, start: start, count: count)
        let flags = try clipped.read(as: UInt8.self, start: start, count: count)
        let codes = try status.read(as: UInt8.self, start: start, count: count)
        return try losses.indices.map { index in
            guard let status = RowStatus(rawValue: codes[index]) else {
                throw SmoothnessError(
                    .data, "unknown status in row \(rows.lowerBound + index)", file: file, object: group + "status",
                    expected: "0, 1 or 2", found: "\(codes[index])")
            }
            return IterationRecord(
                loss: losses[index], gradientNorm: gradientNorms[index], stepNorm: stepNorms[index],
                learningRate: learningRates[index], clipped: flags[index] != 0, status: status)
        }
    }
}

extension RecordColumns {
    init(_ file: borrowing File, group: String) throws {
        self.init(
            loss: try file.dataset(group + "loss"), gradientNorm: try file.dataset(group + "gradient_norm"),
            stepNorm: try file.dataset(group + "step_norm"),
            learningRate: try file.dataset(group + "learning_rate"), clipped: try file.dataset(group + "clipped"),
            status: try file.dataset(group + "status"), group: group, file: file.path)
    }
}

/// The datasets of /history/evaluation.
struct EvaluationColumns: ~Copyable {
    private let epoch: Dataset
    private let iteration: Dataset
    private let trainingLoss: Dataset
    private let validationLoss: Dataset
    private let metric: Dataset

    func write(_ record: EvaluationRecord, row: Int) throws {
        try epoch.write(Int64(record.epoch), at: [row])
        try iteration.write(Int64(record.iteration), at: [row])
        try trainingLoss.write(record.trainingLoss, at: [row])
        try validationLoss.write(record.validationLoss, at: [row])
        try metric.write(record.metric, at: [row])
    }

    func read(_ rows: Range<Int>) throws -> [EvaluationRecord] {
        let (start, count) = ([rows.lowerBound], [rows.count])
        let epochs = try epoch.read(as: Int64.self, start: start, count: count)
        let iterations = try iteration.read(as: Int64.self, start: start, count: count)
        let trainingLosses = try trainingLoss.read(as: Double.self, start: start, count: count)
        let validationLosses = try validationLoss.read(as: Double.self, start: start, count: count)
        let metrics = try metric.read(as: Double.self, start: start, count: count)
        return epochs.indices.map {
            EvaluationRecord(
                epoch: Int(epochs[$0]), iteration: Int(iterations[$0]), trainingLoss: trainingLosses[$0],
                validationLoss: validationLosses[$0], metric: metrics[$0])
        }
    }
}

extension EvaluationColumns {
    init(_ file: borrowing File) throws {
        self.init(
            epoch: try file.dataset("/history/evaluation/epoch"),
            iteration: try file.dataset("/history/evaluation/iteration"),
            trainingLoss: try file.dataset("/history/evaluation/training_loss"),
            validationLoss: try file.dataset("/history/evaluation/validation_loss"),
            metric: try file.dataset(RunFilePath.metric))
    }
}
