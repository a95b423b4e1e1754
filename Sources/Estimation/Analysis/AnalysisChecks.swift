import Essentials
import Foundation
import HDF5
import RunFiles

/// Checks that the specifications of all analysis files ask for.
extension VerificationReport {
    mutating func checkSuperblock(of file: borrowing HDF5.File) throws {
        let superblock = try translating(.data) { try file.superblockVersion }
        check(
            "HDF5 1.8 can open it", superblock <= 2, at: "superblock", expected: "version 0, 1 or 2",
            found: "\(superblock)")
    }

    mutating func checkRootAttributes(of file: borrowing HDF5.File) {
        for name in AnalysisRoot.attributeNames { checkText(name, of: "/", in: file, "root attributes are text") }
        for name in AnalysisOrigin.attributeNames where (try? file.hasAttribute(name)) == true {
            checkText(name, of: "/", in: file, "root attributes are text")
        }
        let version = (try? file.attribute("format_version", as: String.self)) ?? ""
        let parts = version.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        check(
            "format_version is MAJOR.MINOR", parts.count == 2 && !parts.contains(nil), at: "/@format_version",
            expected: "two whole numbers", found: version)
        let state = (try? file.attribute("state", as: String.self)) ?? ""
        check(
            "state is known", RunState(rawValue: state) != nil, at: "/@state",
            expected: "writing, complete or interrupted", found: "\"\(state)\"")
        let runFile = (try? file.attribute("run_file", as: String.self)) ?? ""
        check(
            "run_file is a name", Self.isName(runFile), at: "/@run_file",
            expected: "the run file's name without its folder", found: "\"\(runFile)\"")
    }

    /// Whether it names something in the folder of this file, and nothing elsewhere.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && !text.utf8.contains(UInt8(ascii: "/")) && text != "." && text != ".."
    }

    /// Texts of the definition: variable-length UTF-8.
    mutating func checkTexts(_ texts: [(name: String, shape: [Int])], in file: borrowing HDF5.File) {
        for (name, shape) in texts {
            do {
                let form = try file.dataset(name).form
                check(
                    "texts are as specified", form == .text(shape), at: name, expected: "\(ValueForm.text(shape))",
                    found: "\(form)")
            } catch { fail(error, "texts are as specified") }
        }
    }

    mutating func checkText(_ name: String, of object: String, in file: borrowing HDF5.File, _ checkName: String) {
        do {
            let form = try file.attributeForm(name, of: object)
            let text = form == .text() ? try file.attribute(name, of: object, as: String.self) : ""
            check(
                checkName, !text.isEmpty, at: "\(object)@\(name)",
                expected: "a scalar variable-length UTF-8 string, not empty", found: "\(form.elementName) \(form.shape)"
            )
        } catch { fail(error, checkName) }
    }

    mutating func checkDescription(of object: String, in file: borrowing HDF5.File) {
        for name in ["long_name", "definition"] { checkText(name, of: object, in: file, "datasets say what they are") }
    }

    mutating func checkJSON(_ texts: [(object: String, text: String)]) {
        for (object, text) in texts {
            let json = try? JSONSerialization.jsonObject(with: Data(text.utf8))
            check(
                "descriptions are JSON objects", json is [String: Any], at: object, expected: "a JSON object",
                found: String(text.prefix(60)))
        }
    }

    mutating func checkComponents(
        _ components: [Int], weights: [Double], selection: ComponentSelection,
        at paths: (indices: String, weights: String)
    ) {
        let isSet =
            !components.isEmpty && components[0] >= 0 && zip(components, components.dropFirst()).allSatisfy(<)
        check(
            "components increase from 0 or more", isSet, at: paths.indices, expected: "increasing indices",
            found: "\(components.prefix(10))")
        if case .list(let indices) = selection {
            check(
                "components are the configured ones", indices.sorted() == components, at: paths.indices,
                expected: "\(indices.sorted().prefix(10))", found: "\(components.prefix(10))")
        }
        check(
            "every component has a weight",
            weights.count == components.count && weights.allSatisfy { $0 > 0 && $0.isFinite }, at: paths.weights,
            expected: "\(components.count) positive numbers", found: "\(weights.prefix(10))")
    }

    /// Type and extents of a dataset.
    @discardableResult
    mutating func checkForm(
        of dataset: (name: String, element: String, shape: [Int]), in file: borrowing HDF5.File, _ checkName: String
    ) -> Bool {
        do {
            let stored = try file.dataset(dataset.name)
            let (element, shape) = (try stored.elementName, try stored.shape)
            return check(
                checkName, element == dataset.element && shape == dataset.shape, at: dataset.name,
                expected: "\(dataset.element) \(dataset.shape)", found: "\(element) \(shape)")
        } catch {
            fail(error, checkName)
            return false
        }
    }

    /// Description, type, extents and layout of datasets with a row axis.
    /// - Returns: whether all can be read.
    mutating func checkRowDatasets(
        _ datasets: [(name: String, element: String, shape: [Int])], in file: borrowing HDF5.File
    ) -> Bool {
        var isReadable = true
        for dataset in datasets {
            checkDescription(of: dataset.name, in: file)
            guard checkForm(of: dataset, in: file, "row datasets have their type and extents") else {
                isReadable = false
                continue
            }
            do {
                let stored = try file.dataset(dataset.name)
                let (contiguous, bytes) = (try stored.isContiguous, stored.storageSize)
                check(
                    "row datasets are contiguous and have their place",
                    contiguous && (dataset.shape.contains(0) || (stored.byteOffset != nil && bytes > 0)),
                    at: dataset.name, expected: "contiguous, allocated when the file was made",
                    found: contiguous ? "\(bytes) bytes" : "chunked or compact")
            } catch { fail(error, "row datasets are contiguous and have their place") }
        }
        return isReadable
    }

    mutating func checkState(_ root: AnalysisRoot, committedRows: Int, rowCount: Int, at commit: String) {
        check(
            "complete means every row", root.state != .complete || committedRows == rowCount, at: commit,
            expected: "\(rowCount)", found: "\(committedRows)")
    }

    mutating func checkIncrease(_ iteration: Int, after last: Int?, at place: String) {
        if let last, iteration <= last {
            fail("iterations increase", at: place, expected: "more than \(last)", found: "\(iteration)")
        }
    }

    /// Identity and digest against the run, where that lies beside the file.
    /// - Parameters:
    ///   - rowCount: how many rows of the run the digest covers.
    ///   - further: what else to hold against the run.
    mutating func checkRun(
        beside path: String, root: AnalysisRoot, digestRows rowCount: Int,
        further: (borrowing RunFileReader, inout VerificationReport) throws -> Void
    ) {
        guard Self.isName(root.runFile) else { return }
        let run = URL(filePath: path).deletingLastPathComponent().appending(path: root.runFile).path
        // With its own folder an analysis may bear the run's name.
        let isItself = URL(filePath: path).lastPathComponent == root.runFile
        guard FileManager.default.fileExists(atPath: run), !isItself else {
            notes.append("\(root.runFile) is not beside it: the digest was not checked")
            return
        }
        do {
            let reader = try RunFileReader(run)
            let isSameRun = check(
                "run_id is the run's", reader.header.runID == root.runID, at: "/@run_id", expected: reader.header.runID,
                found: root.runID)
            guard isSameRun else { return }
            let digest = try reader.digest(rows: min(rowCount, reader.snapshotCount))
            check(
                "run_digest is the run's", digest == root.runDigest, at: "/@run_digest", expected: digest,
                found: root.runDigest)
            try further(reader, &self)
        } catch {
            fail(error, "the run beside it can be read")
        }
    }
}
