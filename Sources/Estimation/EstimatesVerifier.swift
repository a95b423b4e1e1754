import Essentials
import Foundation
import HDF5
import ParameterSpace
import RunFiles

/// Holds an estimates file against every MUST of docs/estimates-file.md and says what is wrong where. Where the run file
/// lies beside it, the digest, iterations and step norms are held against that. Never throws: what cannot be read is a finding.
public func verifyEstimatesFile(_ path: String) -> VerificationReport {
    var verifier = EstimatesVerifier(path: path)
    verifier.run()
    return verifier.report
}

/// One verification. The structure is checked first; rows only where the structure lets them be read.
private struct EstimatesVerifier {
    let path: String
    var report: VerificationReport

    init(path: String) {
        self.path = path
        report = VerificationReport(file: path)
    }

    mutating func run() {
        do {
            let file = try EstimatesFileAccess.open(path, .readOnly)
            let start = try EstimatesFileAccess.start(of: file)
            report.format = "\(EstimatesSchema.format) \(start.header.formatVersion)"
            report.pass("opens as an estimates file")
            let superblock = try translating(.data) { try file.superblockVersion }
            report.check(
                "HDF5 1.8 can open it", superblock <= 2, at: "superblock", expected: "version 0, 1 or 2",
                found: "\(superblock)")
            checkAttributes(file)
            checkDefinition(start.header)
            guard checkDatasets(file, start.header) else { return }
            try checkRows(file, start)
            checkState(start, in: file)
            checkRun(file, start)
        } catch {
            fail(error, "opens as an estimates file")
        }
    }

    /// An error of reading, as a finding.
    private mutating func fail(_ error: any Error, _ name: String) {
        let known = error as? SmoothnessError
        report.fail(
            name, at: known?.object ?? (error as? HDF5Error)?.object, expected: known?.expected,
            found: known.map { $0.found ?? $0.message } ?? "\(error)")
    }

    // MARK: - Structure

    private mutating func checkAttributes(_ file: borrowing HDF5.File) {
        for name in EstimatesSchema.rootAttributes { checkText(name, of: "/", in: file, "root attributes are text") }
        let version = (try? file.attribute("format_version", as: String.self)) ?? ""
        let parts = version.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        report.check(
            "format_version is MAJOR.MINOR", parts.count == 2 && !parts.contains(nil), at: "/@format_version",
            expected: "1 and a number", found: version)
        let state = (try? file.attribute("state", as: String.self)) ?? ""
        report.check(
            "state is known", RunState(rawValue: state) != nil, at: "/@state",
            expected: "writing, complete or interrupted", found: "\"\(state)\"")
        let runFile = (try? file.attribute("run_file", as: String.self)) ?? ""
        report.check(
            "run_file is a name", Self.isName(runFile), at: "/@run_file",
            expected: "the run file's name without its folder", found: "\"\(runFile)\"")
    }

    /// Whether it names something in the folder of this file, and nothing elsewhere.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && !text.contains("/") && text != "." && text != ".."
    }

    private mutating func checkText(_ name: String, of object: String, in file: borrowing HDF5.File, _ check: String) {
        do {
            let form = try file.attributeForm(name, of: object)
            let text = form == .text() ? try file.attribute(name, of: object, as: String.self) : ""
            report.check(
                check, !text.isEmpty, at: "\(object)@\(name)",
                expected: "a scalar variable-length UTF-8 string, not empty",
                found: "\(form.elementName) \(form.shape)")
        } catch { fail(error, check) }
    }

    private mutating func checkDefinition(_ header: EstimatesHeader) {
        let gammas = header.gammas
        let isGrid =
            !gammas.isEmpty && gammas.allSatisfy { $0 > 0 && $0 <= 1 } && zip(gammas, gammas.dropFirst()).allSatisfy(<)
        report.check(
            "gammas increase in (0, 1]", isGrid, at: EstimatesSchema.gammas, expected: "increasing numbers in (0, 1]",
            found: "\(gammas)")
        let asked = try? header.configuration.grid.resolved()
        report.check(
            "gammas are the configured ones", asked == gammas, at: EstimatesSchema.gammas,
            expected: asked.map { "\($0)" } ?? "what \(EstimatesSchema.configuration) gives", found: "\(gammas)")
        let components = header.components
        let isSet =
            !components.isEmpty && components[0] >= 0 && zip(components, components.dropFirst()).allSatisfy(<)
        report.check(
            "components increase from 0 or more", isSet, at: EstimatesSchema.components,
            expected: "increasing indices", found: "\(components.prefix(10))")
        if case .list(let indices) = header.configuration.subset {
            report.check(
                "components are the configured ones", indices.sorted() == components, at: EstimatesSchema.components,
                expected: "\(indices.sorted().prefix(10))", found: "\(components.prefix(10))")
        }
        let weights = header.componentWeights
        report.check(
            "every component has a weight",
            weights.count == components.count && weights.allSatisfy { $0 > 0 && $0.isFinite },
            at: EstimatesSchema.componentWeights, expected: "\(components.count) positive numbers",
            found: "\(weights.prefix(10))")
        report.check(
            "the precision is named", header.configuration.precision != nil, at: EstimatesSchema.configuration,
            expected: "float32 or float64", found: "none")
        for (object, text) in [
            (EstimatesSchema.objective, header.objective), (EstimatesSchema.optimizer, header.optimizer),
        ] {
            let json = try? JSONSerialization.jsonObject(with: Data(text.utf8))
            report.check(
                "descriptions are JSON objects", json is [String: Any], at: object, expected: "a JSON object",
                found: String(text.prefix(60)))
        }
    }

    /// What does not grow with the rows.
    private mutating func checkFixedDatasets(_ file: borrowing HDF5.File, _ header: EstimatesHeader) {
        for object in EstimatesSchema.fixedDatasets + EstimatesSchema.parameterDatasets {
            for name in ["long_name", "definition"] {
                checkText(name, of: object, in: file, "datasets say what they are")
            }
        }
        let blockCount = header.layout.blocks.count
        let texts = [
            (EstimatesSchema.configuration, []), (EstimatesSchema.objective, []), (EstimatesSchema.optimizer, []),
            ("/parameters/name", [blockCount]),
        ]
        for (name, shape) in texts {
            do {
                let form = try file.dataset(name).form
                report.check(
                    "texts are as specified", form == .text(shape), at: name,
                    expected: "\(ValueForm.text(shape))", found: "\(form)")
            } catch { fail(error, "texts are as specified") }
        }
        let expected: [(name: String, element: String, shape: [Int])] = [
            (EstimatesSchema.gammas, "float64", [header.gammas.count]),
            (EstimatesSchema.components, "int64", [header.components.count]),
            (EstimatesSchema.componentWeights, "float64", [header.componentWeights.count]),
            (EstimatesSchema.repeatability, "float64", [1]), ("/parameters/offset", "int64", [blockCount]),
            ("/parameters/count", "int64", [blockCount]),
        ]
        for (name, element, shape) in expected {
            do {
                let dataset = try file.dataset(name)
                let (foundElement, foundShape) = (try dataset.elementName, try dataset.shape)
                report.check(
                    "datasets of the definition have their type and extents",
                    foundElement == element && foundShape == shape, at: name, expected: "\(element) \(shape)",
                    found: "\(foundElement) \(foundShape)")
            } catch { fail(error, "datasets of the definition have their type and extents") }
        }
    }

    /// Whether every dataset of a row is there and has its extents.
    private mutating func checkDatasets(_ file: borrowing HDF5.File, _ header: EstimatesHeader) -> Bool {
        checkFixedDatasets(file, header)
        var isReadable = true
        let extents = { (field: EstimatesField) in
            field.extents(gammaCount: header.gammas.count, blockCount: header.layout.blocks.count)
        }
        let expected: [(name: String, element: String, shape: [Int])] =
            [
                (EstimatesSchema.iteration, "int64", [header.rowCount]),
                (EstimatesSchema.status, "uint8", [header.rowCount]),
                (EstimatesSchema.curveStatus, "uint8", [header.rowCount, header.gammas.count]),
            ] + EstimatesSchema.fields.map { ($0.name, "float64", [header.rowCount] + extents($0)) }
        for (name, element, shape) in expected {
            for text in ["long_name", "definition"] {
                checkText(text, of: name, in: file, "datasets say what they are")
            }
            do {
                let dataset = try file.dataset(name)
                let (foundElement, foundShape) = (try dataset.elementName, try dataset.shape)
                isReadable =
                    report.check(
                        "row datasets have their type and extents", foundElement == element && foundShape == shape,
                        at: name, expected: "\(element) \(shape)", found: "\(foundElement) \(foundShape)") && isReadable
                let (contiguous, bytes) = (try dataset.isContiguous, dataset.storageSize)
                report.check(
                    "row datasets are contiguous and have their place",
                    contiguous && (foundShape.contains(0) || (dataset.byteOffset != nil && bytes > 0)), at: name,
                    expected: "contiguous, allocated when the file was made",
                    found: contiguous ? "\(bytes) bytes" : "chunked or compact")
            } catch {
                fail(error, "row datasets have their type and extents")
                isReadable = false
            }
        }
        return isReadable
    }

    // MARK: - Rows

    private mutating func checkRows(_ file: borrowing HDF5.File, _ start: EstimatesFileAccess.Start) throws {
        let check = RowCheck(header: start.header, repeatability: start.repeatability)
        var last: Int?
        var unsound = 0
        for row in 0..<start.committedRows {
            let estimate = try translating(.data) {
                try EstimatesFileAccess.estimate(row: row, of: file, header: start.header)
            }
            for finding in check.findings(in: estimate) {
                report.fail(
                    "rows follow from their sums", at: "\(finding.object), row \(row)", expected: finding.expected,
                    found: finding.found)
            }
            if let last, estimate.iteration <= last {
                report.fail(
                    "iterations increase", at: "\(EstimatesSchema.iteration), row \(row)",
                    expected: "more than \(last)",
                    found: "\(estimate.iteration)")
            }
            last = estimate.iteration
            if !estimate.status.hasValue { unsound += 1 }
            if estimate.status == .ok, !estimate.identityHolds {
                report.notes.append(
                    "row \(row): the losses ask for a smoothness of \(estimate.identity), the gradients give "
                        + "\(estimate.smoothness): a wrong loss or gradient, or a coarse grid")
            }
        }
        report.pass("committed rows can be read")
        if unsound > 0 { report.notes.append("\(unsound) of \(start.committedRows) rows have no value and say so") }
    }

    private mutating func checkState(_ start: EstimatesFileAccess.Start, in file: borrowing HDF5.File) {
        report.check(
            "complete means every row", start.header.state != .complete || start.committedRows == start.header.rowCount,
            at: EstimatesSchema.commit, expected: "\(start.header.rowCount)", found: "\(start.committedRows)")
    }

    // MARK: - Against the run

    private mutating func checkRun(_ file: borrowing HDF5.File, _ start: EstimatesFileAccess.Start) {
        let header = start.header
        guard Self.isName(header.runFile) else { return }
        let run = URL(filePath: path).deletingLastPathComponent().appending(path: header.runFile).path
        guard FileManager.default.fileExists(atPath: run) else {
            report.notes.append("\(header.runFile) is not beside it: the digest was not checked")
            return
        }
        do {
            let reader = try RunFileReader(run)
            let isSameRun = report.check(
                "run_id is the run's", reader.header.runID == header.runID, at: "/@run_id",
                expected: reader.header.runID,
                found: header.runID)
            guard isSameRun else { return }
            let digest = try reader.digest(rows: min(header.rowCount, reader.snapshotCount))
            report.check(
                "run_digest is the run's", digest == header.runDigest, at: "/@run_digest", expected: digest,
                found: header.runDigest)
            let iterations = try translating(.data) {
                try file.dataset(EstimatesSchema.iteration).read(
                    as: Int64.self, start: [0], count: [start.committedRows]
                ).map { Int($0) }
            }
            let expected = try reader.snapshots().prefix(iterations.count).map(\.iteration)
            report.check(
                "iterations are the run's", iterations == expected, at: EstimatesSchema.iteration,
                expected: "\(expected.prefix(10))", found: "\(iterations.prefix(10))")
            guard header.configuration.precision?.rawValue == reader.header.scalarName else { return }
            try checkStepNorms(file, start, reader.snapshots().map(\.stepNorm))
        } catch {
            fail(error, "the run beside it can be read")
        }
    }

    /// In the run's own precision the steps are the run's to the last bit.
    private mutating func checkStepNorms(
        _ file: borrowing HDF5.File, _ start: EstimatesFileAccess.Start, _ expected: [Double]
    ) throws {
        let found = try translating(.data) {
            try file.dataset(EstimatesSchema.stepNorm).read(as: Double.self, start: [0], count: [start.committedRows])
        }
        let row = zip(found, expected).enumerated().first { !$1.0.isNaN && $1.0 != $1.1 }?.offset
        report.check(
            "step norms are the run's", row == nil, at: "\(EstimatesSchema.stepNorm), row \(row ?? 0)",
            expected: row.map { "\(expected[$0])" }, found: row.map { "\(found[$0])" })
    }
}
