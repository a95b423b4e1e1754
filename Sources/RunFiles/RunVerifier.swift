import Essentials
import Foundation
import HDF5
import ParameterSpace

/// Holds a run file against every MUST of docs/run-file.md and says what is wrong where. Reads every committed row once;
/// needs memory for three parameter vectors. Never throws: what cannot be read is a finding.
public func verifyRunFile(_ path: String) -> VerificationReport {
    var verifier = RunVerifier(path: path)
    verifier.run()
    return verifier.report
}

/// One verification. The structure is checked first; rows only where the structure lets them be read.
struct RunVerifier {
    let path: String
    var report: VerificationReport
    /// Broken in a way that the rows cannot be trusted to be readable.
    var isReadable = true
    /// Columns whose writer did not know their numbers.
    var unrecorded: Set<String> = []
    /// Columns whose writer knew the numbers of some rows.
    var partlyRecorded: Set<String> = []

    init(path: String) {
        self.path = path
        report = VerificationReport(file: path)
    }

    mutating func run() {
        do {
            let file = try RunFileOpening.open(path, .readOnly)
            report.pass("opens as a run file")
            let superblock = try file.superblockVersion
            report.check(
                "HDF5 1.8 can open it", superblock <= 2, at: "superblock", expected: "version 0, 1 or 2",
                found: "\(superblock)")
            report.format = "\(RunFormat.name) \((try? file.attribute("format_version", as: String.self)) ?? "?")"
            checkRootAttributes(file)
            checkTexts(file)
            guard let layout = checkParameters(file), let plan = checkPlan(file) else { return }
            checkDatasets(file, plan, layout)
            checkFixedSubset(file, plan, layout)
            guard isReadable else { return }
            let reader = try RunFileReader(file, isStrict: false)
            checkRows(of: reader)
            checkChecksums(of: reader)
        } catch {
            fail(error, "opens as a run file")
        }
    }

    /// An error of reading, as a finding.
    mutating func fail(_ error: any Error, _ name: String) { report.fail(error, name) }

    private mutating func checkRootAttributes(_ file: borrowing File) {
        let names = [
            "format", "format_version", "run_id", "created", "software", "software_version", "hdf5_version", "state",
        ]
        for name in names {
            do { try checkText(name, of: "/", in: file) } catch { fail(error, "root attributes") }
        }
        let identifier = (try? file.attribute("run_id", as: String.self)) ?? ""
        report.check(
            "run_id is a UUID", UUID(uuidString: identifier) != nil, at: "/@run_id", expected: "a UUID",
            found: "\"\(identifier)\"")
        let created = (try? file.attribute("created", as: String.self)) ?? ""
        report.check(
            "created is a time in UTC", created.hasSuffix("Z") && ISO8601DateFormatter.reads(created), at: "/@created",
            expected: "ISO 8601 in UTC, as 2026-01-31T12:00:00Z", found: "\"\(created)\"")
        let state = (try? file.attribute("state", as: String.self)) ?? ""
        report.check(
            "state is known", RunState(rawValue: state) != nil, at: "/@state",
            expected: "writing, complete or interrupted", found: "\"\(state)\"")
    }

    /// A text attribute must be a variable-length UTF-8 scalar.
    mutating func checkText(_ name: String, of object: String, in file: borrowing File) throws {
        let form = try file.attributeForm(name, of: object)
        report.check(
            "attributes are text as specified", form == .text(), at: "\(object)@\(name)",
            expected: "\(ValueForm.text())", found: "\(form)")
    }

    /// A dataset of text must be of variable-length UTF-8 strings.
    private mutating func checkTextDataset(_ object: String, shape: [Int], in file: borrowing File) {
        do {
            let form = try file.dataset(object).form
            report.check(
                "texts are as specified", form == .text(shape), at: object,
                expected: "\(ValueForm.text(shape))", found: "\(form)")
        } catch { fail(error, "texts are as specified") }
    }

    private mutating func checkTexts(_ file: borrowing File) {
        for object in [RunFilePath.objective, RunFilePath.optimizer] {
            do {
                let text = try file.readString(object)
                let json = try? JSONSerialization.jsonObject(with: Data(text.utf8))
                report.check(
                    "descriptions are JSON objects", json is [String: Any], at: object, expected: "a JSON object",
                    found: String(text.prefix(60)))
                checkTextDataset(object, shape: [], in: file)
            } catch { fail(error, "descriptions are JSON objects") }
        }
        for object in RunFileLayout.textAttributes.keys.sorted() { checkDescription(object, in: file) }
    }

    /// Every dataset says what it is.
    private mutating func checkDescription(_ object: String, in file: borrowing File, also: [String] = []) {
        for name in ["long_name", "definition"] + also {
            do {
                try checkText(name, of: object, in: file)
                let text = try file.attribute(name, of: object, as: String.self)
                report.check(
                    "datasets say what they are", !text.isEmpty || name == "metric_name", at: "\(object)@\(name)",
                    expected: "text", found: "nothing")
            } catch { fail(error, "datasets say what they are") }
        }
    }

    private mutating func checkParameters(_ file: borrowing File) -> ParameterLayout? {
        do {
            let layout = try ParameterTable.read(from: file)
            report.pass("parameter table is consistent")
            let names = Set(layout.blocks.map(\.name))
            report.check(
                "parameter names are distinct", names.count == layout.blocks.count, at: RunFilePath.parameterName,
                expected: "\(layout.blocks.count) names", found: "\(names.count) distinct ones")
            checkTextDataset(RunFilePath.parameterName, shape: [layout.blocks.count], in: file)
            report.check(
                "there are parameters", layout.count > 0, at: RunFilePath.parameterCount, expected: "P ≥ 1", found: "0")
            for object in [RunFilePath.parameterShape, RunFilePath.parameterOffset, RunFilePath.parameterCount] {
                let name = try file.dataset(object).elementName
                report.check(
                    "datasets have their types", name == "int64", at: object, expected: "int64", found: name)
            }
            return layout
        } catch {
            fail(error, "parameter table is consistent")
            return nil
        }
    }

    private mutating func checkPlan(_ file: borrowing File) -> RunPlan? {
        do {
            let plan = try RunFileOpening.plan(of: file)
            report.pass("extents of rows can be read")
            return plan
        } catch {
            fail(error, "extents of rows can be read")
            return nil
        }
    }

    /// Types, extents, contiguity and self-description of everything that the format defines.
    private mutating func checkDatasets(_ file: borrowing File, _ plan: RunPlan, _ layout: ParameterLayout) {
        let scalar = (try? file.dataset(RunFilePath.iterate).elementName).flatMap { ScalarType(rawValue: $0) }
        let known = report.check(
            "iterates are float32 or float64", scalar == .float32 || scalar == .float64, at: RunFilePath.iterate,
            expected: "float32 or float64, little-endian", found: scalar?.rawValue ?? "another type")
        guard known, let scalar else {
            isReadable = false
            return
        }
        // What checksums there are is looked at with the rows.
        var extents = plan.extents
        extents.hasChecksums = false
        // The file, not the numbering of its rows, says whether next iterates are left out: rows whose numbers are not
        // consecutive must not leave them out, others may store them.
        let hasNext = (try? file.exists(RunFilePath.nextIterate)) ?? false
        report.check(
            "next iterates are there", hasNext || plan.isConsecutive, at: RunFilePath.nextIterate,
            expected: "a dataset, because not every iteration is saved", found: "none")
        if hasNext { extents.isConsecutive = false }
        let definitions = RunFileLayout(extents, parameterCount: layout.count, scalar: scalar).all
        // A run that cannot be resumed may leave out /resume, but not half of it.
        let resumes = (try? file.exists("/resume")) ?? false
        for definition in definitions where resumes || !definition.path.hasPrefix("/resume/") {
            do {
                try checkDataset(definition, in: file)
            } catch {
                fail(error, "datasets exist")
                isReadable = false
            }
        }
    }

    mutating func checkDataset(_ definition: DatasetDefinition, in file: borrowing File) throws {
        let dataset = try file.dataset(definition.path)
        let (name, shape, contiguous) = (try dataset.elementName, try dataset.shape, try dataset.isContiguous)
        let hasType = report.check(
            "datasets have their types", name == definition.element.rawValue, at: definition.path,
            expected: definition.element.rawValue, found: name)
        let hasShape = report.check(
            "datasets have their extents", shape == definition.shape, at: definition.path,
            expected: "\(definition.shape)", found: "\(shape)")
        let isEmpty = definition.byteCount == 0
        report.check(
            "datasets are contiguous and have their place",
            contiguous && (isEmpty || (dataset.byteOffset != nil && dataset.storageSize == definition.byteCount)),
            at: definition.path, expected: "contiguous, \(definition.byteCount) bytes, allocated at creation",
            found: contiguous ? "\(dataset.storageSize) bytes" : "chunked or compact")
        isReadable = isReadable && hasType && hasShape
        checkDescription(definition.path, in: file, also: definition.attributes.keys.sorted())
        if definition.path == RunFilePath.gradient {
            let clipping = try file.attribute("clipping", of: definition.path, as: String.self)
            report.check(
                "gradients are those before clipping", clipping == "before", at: "\(definition.path)@clipping",
                expected: "before", found: "\"\(clipping)\"")
        }
    }
}

extension ISO8601DateFormatter {
    /// Tells whether the text is a date and time, with or without fractions of a second.
    static func reads(_ text: String) -> Bool {
        let whole = ISO8601DateFormatter()
        let fractional = ISO8601DateFormatter()
        fractional.formatOptions.insert(.withFractionalSeconds)
        return whole.date(from: text) != nil || fractional.date(from: text) != nil
    }
}
