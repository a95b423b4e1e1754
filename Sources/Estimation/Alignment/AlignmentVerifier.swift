import HDF5
import RunFiles

/// Holds an alignment file against every MUST of docs/alignment-file.md and says what is wrong where; every derived number is made
/// again from the inner products and norms. Never throws: what cannot be read is a finding.
public func verifyAlignmentFile(_ path: String) -> VerificationReport {
    var report = VerificationReport(file: path)
    do {
        let file = try AnalysisFile.open(path, .readOnly, AlignmentSchema.file)
        let start = try AlignmentFile.start(of: file)
        report.format = "\(AlignmentSchema.format) \(start.header.formatVersion)"
        report.pass("opens as an alignment file")
        try report.checkSuperblock(of: file)
        report.checkRootAttributes(of: file)
        report.checkDefinition(start.header, in: file)
        guard report.checkAlignmentRows(start.header, in: file) else { return report }
        try report.checkRows(start, in: file)
        let rows = Array(0..<start.committedRows)
        report.checkChecksums(
            of: file, rows: { $0 == AlignmentSchema.checksums ? rows : nil }, required: AlignmentSchema.rowDatasets)
        report.checkState(
            start.header.root, committedRows: start.committedRows, rowCount: start.header.rowCount,
            at: AlignmentSchema.commit)
        report.checkRun(beside: path, root: start.header.root, digestRows: start.header.digestRows) { reader, report in
            let iterations = try translating(.data) {
                try file.dataset(AlignmentSchema.iteration).read(
                    as: Int64.self, start: [0], count: [start.committedRows]
                )
                .map { Int($0) }
            }
            let snapshots = try reader.snapshots()
            let expected = start.header.rows.prefix(start.committedRows).map {
                snapshots.indices.contains($0) ? snapshots[$0].iteration : -1
            }
            report.check(
                "iterations are the run's", iterations == expected, at: AlignmentSchema.iteration,
                expected: "\(expected.prefix(10))", found: "\(iterations.prefix(10))")
            report.checkSameRun(
                objective: start.header.objective, optimizer: start.header.optimizer, layout: start.header.layout,
                against: reader)
        }
    } catch {
        report.fail(error, "opens as an alignment file")
    }
    return report
}

extension VerificationReport {
    fileprivate mutating func checkDefinition(_ header: AlignmentHeader, in file: borrowing HDF5.File) {
        checkComponents(
            header.components, weights: header.componentWeights, selection: header.configuration.subset,
            at: (AlignmentSchema.components, AlignmentSchema.componentWeights))
        checkForm(
            of: (AlignmentSchema.componentCount, "int64", [1]), in: file, "the component count has its type and extents"
        )
        checkComponentCount(header)
        check(
            "rows increase from 0 or more",
            header.rows.first ?? 0 >= 0 && zip(header.rows, header.rows.dropFirst()).allSatisfy(<),
            at: AlignmentSchema.rows, expected: "increasing rows", found: "\(header.rows.prefix(10))")
        check(
            "the precision is named", header.configuration.precision != nil, at: AlignmentSchema.configuration,
            expected: "float32 or float64", found: "none")
        checkJSON([
            (AlignmentSchema.objective, header.objective), (AlignmentSchema.optimizer, header.optimizer),
        ])
        checkTexts(
            [
                (AlignmentSchema.configuration, []), (AlignmentSchema.objective, []), (AlignmentSchema.optimizer, []),
                ("/parameters/name", [header.layout.blocks.count]),
            ], in: file)
        let (partitions, sizeCount) = (header.partitions, header.partitions.count)
        let offsets = partitions.indices.map { partitions[..<$0].reduce(0) { $0 + $1.count } }
        for (path, expected) in [
            (AlignmentSchema.batchSize, partitions.map(\.size)),
            (AlignmentSchema.batchComponents, partitions.map(\.componentsPerBatch)),
            (AlignmentSchema.batchCount, partitions.map(\.count)), (AlignmentSchema.batchOffset, offsets),
        ] {
            checkForm(of: (path, "int64", [sizeCount]), in: file, "the batches have their type and extents")
            let found = try? AlignmentFile.integers(file, path)
            check(
                "the batches follow from the configuration", found == expected, at: path, expected: "\(expected)",
                found: "\(found ?? [])")
        }
        for (path, expected) in [
            (AlignmentSchema.batchWeights, partitions.flatMap(\.weights)),
            (AlignmentSchema.clipNorms, header.configuration.clipNorms),
            (AlignmentSchema.levelsPath, AlignmentSchema.levels), (AlignmentSchema.edgesPath, AlignmentSchema.edges),
        ] {
            let found = try? file.dataset(path).read(as: Double.self)
            check(
                "the batches follow from the configuration", found == expected, at: path,
                expected: "\(expected.prefix(10))", found: "\((found ?? []).prefix(10))")
        }
        let fixed = [
            AlignmentSchema.commit, AlignmentSchema.configuration, AlignmentSchema.objective, AlignmentSchema.optimizer,
            AlignmentSchema.components, AlignmentSchema.componentWeights, AlignmentSchema.componentCount,
            AlignmentSchema.rows, AlignmentSchema.clipNorms, AlignmentSchema.levelsPath, AlignmentSchema.edgesPath,
            AlignmentSchema.batchSize, AlignmentSchema.batchComponents, AlignmentSchema.batchCount,
            AlignmentSchema.batchOffset, AlignmentSchema.batchWeights,
        ]
        for path in fixed + AlignmentSchema.parameterDatasets { checkDescription(of: path, in: file) }
    }

    /// A sample is drawn from so many components; a list only bounds their number.
    private mutating func checkComponentCount(_ header: AlignmentHeader) {
        let (count, components) = (header.componentCount, header.components)
        var expected: [Int]?
        // The size first, which costs nothing whatever number stands there; no objective has more components than a range may name.
        if count <= ComponentSelection.maximumCount, header.configuration.subset.size(of: count) == components.count {
            expected = try? header.configuration.subset.resolved(of: count)
        }
        check(
            "the components are those that the configuration takes of so many", expected == components,
            at: AlignmentSchema.componentCount,
            expected: "the number of components of which the subset is \(components.prefix(5))", found: "\(count)")
    }

    fileprivate mutating func checkAlignmentRows(_ header: AlignmentHeader, in file: borrowing HDF5.File) -> Bool {
        checkRowDatasets(
            [
                (AlignmentSchema.iteration, "int64", [header.rowCount]),
                (AlignmentSchema.status, "uint8", [header.rowCount]),
            ] + AlignmentSchema.fields.map { ($0.name, "float64", [header.rowCount] + header.extents($0)) }, in: file)
    }

    fileprivate mutating func checkRows(_ start: AlignmentFile.Start, in file: borrowing HDF5.File) throws {
        let header = start.header
        var last: Int?
        var unsound = 0
        for index in 0..<start.committedRows {
            let stored = try translating(.data) {
                try AlignmentFile.row(index, of: file, header: header, isChecked: false)
            }
            checkIncrease(stored.iteration, after: last, at: "\(AlignmentSchema.iteration), row \(index)")
            last = stored.iteration
            if stored.status != .ok { unsound += 1 }
            for field in AlignmentSchema.fields { checkDerived(field, stored, header, row: index) }
            for (size, batch) in zip(header.partitions, stored.batches) where abs(batch.betaExcess) > 1e-6 {
                notes.append(
                    "row \(index), batch size \(size.size): Σβ is off by \(batch.betaExcess) of itself: the components were not "
                        + "the same functions in both passes")
            }
            checkBounds(stored, row: index)
            checkProducts(stored, row: index)
        }
        pass("committed rows can be read")
        if unsound > 0 { notes.append("\(unsound) of \(start.committedRows) rows have no value and say so") }
    }

    private mutating func checkDerived(
        _ field: AlignmentField, _ stored: AlignmentRow, _ header: AlignmentHeader, row index: Int
    ) {
        var expected = AlignmentRow(
            iteration: stored.iteration, partitions: header.partitions, clipNorms: header.configuration.clipNorms)
        expected.status = stored.status
        expected.loss = stored.loss
        expected.gradientNorm = stored.gradientNorm
        expected.innerProducts = stored.innerProducts
        expected.squaredNorms = stored.squaredNorms
        expected.conclude(partitions: header.partitions, clipNorms: header.configuration.clipNorms)
        for (place, (a, b)) in zip(field.values(of: expected), field.values(of: stored)).enumerated()
        where !RowCheck.agree(a, b) {
            fail(
                "rows follow from their inner products and norms", at: "\(field.name)[\(index), …\(place)]",
                expected: "\(a)", found: "\(b)")
        }
        if stored.status == .ok {
            check(
                "sound rows are finite",
                stored.loss.isFinite && stored.gradientNorm > 0 && stored.gradientNorm.isFinite,
                at: "/alignment/gradient_norm, row \(index)", expected: "a positive finite norm and a finite loss",
                found: "\(stored.gradientNorm), \(stored.loss)")
        }
    }

    /// No product is larger than its factors, and no square negative.
    private mutating func checkProducts(_ stored: AlignmentRow, row index: Int) {
        guard stored.status == .ok else { return }
        for (batch, (product, squared)) in zip(stored.innerProducts, stored.squaredNorms).enumerated() {
            let bound = squared.squareRoot() * stored.gradientNorm
            check(
                "inner products are at most the products of their norms",
                squared >= 0 && abs(product) <= bound * (1 + 1e-9),
                at: "/alignment/inner_product, row \(index), batch \(batch)",
                expected: "at most \(bound) in size", found: "\(product)")
        }
    }

    /// Eq. 33 is a theorem.
    private mutating func checkBounds(_ stored: AlignmentRow, row index: Int) {
        for batch in stored.batches {
            for clipped in batch.clipped where !clipped.bound.isNaN {
                check(
                    "clipped agreements keep their bound", clipped.agreement >= clipped.bound * (1 - 1e-9),
                    at: "/alignment/clipped_agreement, row \(index)", expected: "at least \(clipped.bound)",
                    found: "\(clipped.agreement)")
            }
        }
    }
}
