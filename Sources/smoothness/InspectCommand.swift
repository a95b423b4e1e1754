import ArgumentParser
import Essentials
import Estimation
import Reporting
import RunFiles

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Say what is in a run file or an estimates file.")

    @Argument(help: "A run file or an estimates file.", completion: .file())
    var file: String
    @OptionGroup var format: FormatOption

    func validate() throws {
        guard format.format != .csv else { throw ValidationError("inspect prints text or json") }
    }

    func run() throws {
        switch try FileKind(of: file) {
        case .run:
            let inspection = try RunInspection(ofFile: file)
            try Console.output(format.format == .json ? inspection.json() : inspection.text())
        case .estimates:
            let summary = try EstimatesSummary(ofFile: file)
            try Console.output(format.format == .json ? summary.json() : summary.text())
        case .other:
            throw SmoothnessError(.data, "is not an HDF5 file", file: file, expected: "a run file or an estimates file")
        }
    }
}

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every MUST of the file's specification; exit 65 where one is broken.")

    @Argument(help: "A run file or an estimates file.", completion: .file())
    var file: String
    @OptionGroup var format: FormatOption

    func validate() throws {
        guard format.format != .csv else { throw ValidationError("verify prints text or json") }
    }

    func run() throws {
        let report: VerificationReport
        switch try FileKind(of: file) {
        case .run: report = verifyRunFile(file)
        case .estimates: report = verifyEstimatesFile(file)
        case .other:
            throw SmoothnessError(.data, "is not an HDF5 file", file: file, expected: "a run file or an estimates file")
        }
        try Console.output(format.format == .json ? report.json() : report.text())
        guard report.isValid else {
            throw SmoothnessError(.data, "breaks its specification", file: file, remedy: "The report names each place")
        }
    }
}
