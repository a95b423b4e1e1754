import Essentials
import ParameterSpace

/// Checks what the format promises about the numbers in committed rows.
extension RunVerifier {
    mutating func checkRows(of reader: borrowing RunFileReader) {
        do {
            try checkIterations(of: reader)
            unrecorded = try reader.unrecordedColumns()
            partlyRecorded = try reader.partlyRecordedColumns()
            try checkHistory(of: reader)
            try checkRelations(of: reader)
            if reader.header.scalarName == Float.scalarName {
                try checkVectors(of: reader, as: Float.self)
                try checkRecorded(of: reader, as: Float.self)
                try checkResume(of: reader, as: Float.self)
            } else {
                try checkVectors(of: reader, as: Double.self)
                try checkRecorded(of: reader, as: Double.self)
                try checkResume(of: reader, as: Double.self)
            }
            try checkCompleteness(of: reader)
        } catch { fail(error, "rows can be read") }
    }

    private mutating func checkIterations(of reader: borrowing RunFileReader) throws {
        let committed = reader.plan.savedIterations.prefix(reader.snapshotCount)
        let broken = zip(committed, committed.dropFirst()).enumerated().first { $1.0 >= $1.1 }
        report.check(
            "iterations ascend", broken == nil && (committed.first ?? 0) >= 0,
            at: "\(RunFilePath.iteration) row \(broken.map { $0.offset + 1 } ?? 0)",
            expected: "more than \(broken?.element.0 ?? -1)", found: "\(broken?.element.1 ?? committed.first ?? 0)")
        let beyond = committed.last.map { $0 >= reader.plan.iterationCount } ?? false
        report.check(
            "iterations lie in the history", !beyond, at: RunFilePath.iteration,
            expected: "below \(reader.plan.iterationCount)", found: "\(committed.last ?? 0)")
    }

    /// A row of status ok is finite throughout; a saved row repeats its iteration's line of the history.
    private mutating func checkHistory(of reader: borrowing RunFileReader) throws {
        let history = try reader.history()
        var nonFinite = 0
        for (iteration, record) in history.enumerated() {
            if record.status == .nonFinite { nonFinite += 1 }
            checkNumbers(record, "/history", iteration)
        }
        if nonFinite > 0 { report.notes.append("\(nonFinite) of \(history.count) iterations are not finite") }
        for (row, snapshot) in try reader.snapshots().enumerated() {
            checkNumbers(snapshot.values, "/trajectory", row)
            guard history.indices.contains(snapshot.iteration) else { continue }
            let line = history[snapshot.iteration]
            let difference = line.difference(from: snapshot.values)
            report.check(
                "trajectory agrees with history", difference == nil,
                at: "/trajectory row \(row), iteration \(snapshot.iteration)",
                expected: difference.map { "\($0.name) \($0.first), as in /history" }, found: difference?.second)
        }
        try checkClipped(of: reader)
        for (row, evaluation) in try reader.evaluations().enumerated() {
            report.check(
                "evaluations lie in the run",
                evaluation.epoch >= 0 && (0...reader.plan.iterationCount).contains(evaluation.iteration),
                at: "/history/evaluation row \(row)", expected: "an iteration up to \(reader.plan.iterationCount)",
                found: "epoch \(evaluation.epoch), iteration \(evaluation.iteration)")
        }
    }

    /// 1 or 0, nothing else.
    private mutating func checkClipped(of reader: borrowing RunFileReader) throws {
        for (object, count) in [
            ("/history/clipped", reader.iterationCount), ("/trajectory/clipped", reader.snapshotCount),
        ] {
            let values = try reader.file.dataset(object).read(as: UInt8.self, start: [0], count: [count])
            let row = values.firstIndex { $0 > 1 }
            report.check(
                "clipped is 0 or 1", row == nil, at: "\(object) row \(row ?? 0)", expected: "0 or 1",
                found: row.map { "\(values[$0])" })
        }
    }

    private mutating func checkNumbers(_ record: IterationRecord, _ group: String, _ row: Int) {
        let numbers = [
            ("loss", record.loss), ("gradient_norm", record.gradientNorm), ("step_norm", record.stepNorm),
            ("learning_rate", record.learningRate),
        ]
        if record.status != .nonFinite {
            for (name, value) in numbers where !value.isFinite && !unrecorded.contains(name) {
                if value.isNaN, partlyRecorded.contains(name) { continue }
                report.fail(
                    "rows of status ok are finite", at: "\(group)/\(name) row \(row)", expected: "a finite number",
                    found: "\(value)")
            }
        }
        for (name, value) in numbers.dropFirst() where value < 0 {
            report.fail("norms are not negative", at: "\(group)/\(name) row \(row)", expected: "≥ 0", found: "\(value)")
        }
        report.check(
            "zero steps are marked",
            (record.status == .zeroStep) == (record.status != .nonFinite && record.stepNorm == 0),
            at: "\(group)/status row \(row)", expected: record.stepNorm == 0 ? "zero step (2)" : "ok (0)",
            found: "\(record.status) with a step norm of \(record.stepNorm)")
    }

    /// Reads every committed vector once: finite where the status says so, the step norm again, and rows of successive
    /// iterations joined end to start.
    private mutating func checkVectors<Scalar: ParameterScalar>(
        of reader: borrowing RunFileReader, as scalar: Scalar.Type
    ) throws {
        let rows = try reader.snapshots()
        let layout = reader.header.layout
        var (iterate, next, gradient): ([Scalar], [Scalar], [Scalar]) = ([], [], [])
        var nonFiniteRows: [Int] = []
        for (row, record) in rows.enumerated() {
            let follows = row > 0 && rows[row - 1].iteration &+ 1 == record.iteration
            if follows { swap(&gradient, &next) }
            try reader.iterate(row: row, into: &iterate)
            if follows { checkJoint(gradient, iterate, row) }
            try reader.nextIterate(row: row, into: &next)
            var counts = [("iterate", count(iterate)), ("next iterate", count(next))]
            let step = layout.distance(from: iterate, to: next)
            checkStepNorm(step, record, row, reader.header.software)
            if reader.hasGradients {
                try reader.gradient(row: row, into: &gradient)
                counts.append(("gradient", count(gradient)))
                checkGradientNorm(layout.norm(of: gradient), record, row)
            }
            let offending = counts.filter { $0.1 > 0 }
            if record.status == .nonFinite {
                nonFiniteRows.append(row)
            } else {
                report.check(
                    "rows of status ok are finite", offending.isEmpty, at: "/trajectory row \(row)",
                    expected: "finite elements",
                    found: offending.map { "\($0.1) of \(layout.count) not finite in the \($0.0)" }
                        .joined(separator: ", "))
            }
        }
        if !nonFiniteRows.isEmpty {
            report.notes.append(
                "\(nonFiniteRows.count) of \(rows.count) snapshot rows are not finite and say so: "
                    + nonFiniteRows.prefix(8).map(String.init).joined(separator: ", "))
        }
    }

    private func count<Scalar: ParameterScalar>(_ vector: [Scalar]) -> Int {
        Scalar.nonfiniteCount(vector, in: 0..<vector.count)
    }

    private mutating func checkJoint<Scalar: ParameterScalar>(_ previous: [Scalar], _ iterate: [Scalar], _ row: Int) {
        let difference = firstDifference(previous, iterate)
        report.check(
            "successive rows are joined", difference == nil,
            at: "/trajectory row \(row), element \(difference ?? 0)",
            expected: difference.map { "\(previous[$0]), the next iterate of the row before" },
            found: difference.map { "\(iterate[$0])" })
    }

    /// Bit for bit for this software; another's sums may differ in their last digits.
    private mutating func checkStepNorm(_ step: Double, _ record: SnapshotRecord, _ row: Int, _ software: String) {
        let isSame = step.bitPattern == record.stepNorm.bitPattern || (step.isNaN && record.stepNorm.isNaN)
        let isClose = abs(step - record.stepNorm) <= 1e-12 * step
        report.check(
            "step norms", isSame || (software != Software.name && isClose), at: "/trajectory/step_norm row \(row)",
            expected: "\(step), from the stored iterates", found: "\(record.stepNorm)")
    }

    /// The gradient is stored in the run's scalar and its norm may have been taken before rounding.
    private mutating func checkGradientNorm(_ norm: Double, _ record: SnapshotRecord, _ row: Int) {
        guard norm.isFinite, record.gradientNorm.isFinite else { return }
        report.check(
            "gradient norms", abs(norm - record.gradientNorm) <= 1e-5 * norm,
            at: "/trajectory/gradient_norm row \(row)", expected: "\(norm), from the stored gradient",
            found: "\(record.gradientNorm)")
    }

    private mutating func checkResume<Scalar: ParameterScalar>(
        of reader: borrowing RunFileReader, as scalar: Scalar.Type
    ) throws {
        guard try reader.file.exists(RunFilePath.resumeCommit) else { return }
        let slots = try ResumeSlots(reader.file)
        guard let point = try slots.read(as: Scalar.self) else { return }
        // Counted after the point was read: a writer that is at work may have come further since the file was opened.
        let iterations = try CommitCounter.open(in: reader.file, at: RunFilePath.historyCommit).read()
        let evaluations = try CommitCounter.open(in: reader.file, at: RunFilePath.evaluationCommit).read()
        report.check(
            "resume point lies in what is committed",
            point.iteration >= 0 && point.iteration <= iterations && point.evaluationCount >= 0
                && point.evaluationCount <= evaluations,
            at: "/resume",
            expected: "at most iteration \(iterations) and \(evaluations) evaluations",
            found: "iteration \(point.iteration) and \(point.evaluationCount) evaluations")
        let (written, most) = (try slots.pointCount(), iterations + ResumeSlots.mostCalls)
        report.check(
            "resume points are no more than iterations and calls", written <= most, at: RunFilePath.resumeCommit,
            expected: "at most \(most)", found: "\(written)")
        try check(point, against: reader)
    }

    /// A run that is complete has committed all that it planned, or diverged. A writer that does not know the number of
    /// snapshots ahead reserves a capacity, so that another's file may have room left.
    private mutating func checkCompleteness(of reader: borrowing RunFileReader) throws {
        let isWhole =
            // A writer that knows saved iterations only has no history.
            (reader.iterationCount == reader.plan.iterationCount || reader.iterationCount == 0)
            && reader.snapshotCount == reader.plan.snapshotCount
        if reader.header.state == .complete, reader.header.software == Software.name {
            let diverged = try reader.history().last?.status == .nonFinite
            let due = reader.plan.savedIterations.count { $0 < reader.iterationCount }
            report.check(
                "complete means every row", isWhole || (diverged && reader.snapshotCount == due),
                at: RunFilePath.commit,
                expected: "\(reader.plan.snapshotCount) snapshots and \(reader.plan.iterationCount) iterations",
                found: "\(reader.snapshotCount) and \(reader.iterationCount)")
        }
        let parts = [
            ("snapshots", reader.snapshotCount, reader.plan.snapshotCount),
            ("iterations", reader.iterationCount, reader.plan.iterationCount),
        ]
        for (name, count, planned) in parts where count < planned {
            report.notes.append("\(count) of \(planned) \(name) are committed; the state is \(reader.header.state)")
        }
    }
}
