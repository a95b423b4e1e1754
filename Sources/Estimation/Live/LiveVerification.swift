import Essentials
import HDF5
import RunFiles

extension VerificationReport {
    /// `/live` in itself.
    mutating func check(_ live: LiveRows, of file: borrowing HDF5.File, _ start: EstimatesFileAccess.Start) throws {
        for dataset in [
            (name: LiveRows.iteration, element: "int64", shape: [start.header.rowCount]),
            (name: LiveRows.digest, element: "uint8", shape: [32]),
        ] {
            checkDescription(of: dataset.name, in: file)
            checkForm(of: dataset, in: file, "datasets of the definition have their type and extents")
        }
        checkText(LiveRows.maker, of: LiveRows.group, in: file, "the maker is named")
        check(
            "planned iterations increase", zip(live.iterations, live.iterations.dropFirst()).allSatisfy(<),
            at: LiveRows.iteration, expected: "increasing numbers", found: "\(live.iterations.prefix(10))")
        let found = try translating(.data) {
            try file.dataset(EstimatesSchema.iteration).read(as: Int64.self, start: [0], count: [start.committedRows])
                .map { Int($0) }
        }
        check(
            "rows are the planned ones", live.iterations.starts(with: found), at: EstimatesSchema.iteration,
            expected: "\(live.iterations.prefix(found.count).prefix(10))", found: "\(found.prefix(10))")
        if start.header.state != .complete {
            notes.append(
                "begun before its run was at its end: \(start.committedRows) of at most \(start.header.rowCount) rows")
        }
    }

    /// `/live` against the run.
    mutating func check(
        _ live: LiveRows, _ start: EstimatesFileAccess.Start, against reader: borrowing RunFileReader
    ) throws {
        switch live.maker {
        case .follow:
            check(
                "planned iterations are the run's", live.iterations == reader.plan.savedIterations,
                at: LiveRows.iteration, expected: "\(reader.plan.savedIterations.prefix(10))",
                found: "\(live.iterations.prefix(10))")
        case .train:
            let isInside = (live.iterations.last ?? 0) < reader.plan.iterationCount
            check(
                "planned iterations are the run's", isInside, at: LiveRows.iteration,
                expected: "below \(reader.plan.iterationCount)", found: "\(live.iterations.suffix(1))")
        }
        guard start.header.state == .complete else { return }
        let digest = try reader.digest(iterations: Array(live.iterations.prefix(start.committedRows)))
        check(
            "the digest is of the run's rows", digest == live.digest, at: LiveRows.digest, expected: digest,
            found: live.digest)
    }
}
