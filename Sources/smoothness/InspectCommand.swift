import Analysis
import ArgumentParser
import Essentials
import Estimation
import Evaluation
import Foundation
import GradientProcess
import Reporting
import RunFiles

/// Text for people or JSON for programs, for subcommands that print no table.
enum ProseFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Say what is in a run, estimates or alignment file.")

    @Argument(help: "A run, estimates or alignment file.", completion: .file())
    var file: String
    @Option(help: "text or json.")
    var format = ProseFormat.text
    @Flag(help: "Print the command that repeats the work, and nothing else.")
    var config = false

    func run() throws {
        switch try FileKind(of: file) {
        case .run:
            let reader = try RunFileReader(file)
            if config {
                return try Console.output(
                    trainCommand(
                        objective: reader.header.objective, optimizer: reader.header.optimizer, file: file) + "\n")
            }
            let summary = try reader.summary()
            try Console.output(format == .json ? jsonDocument(summary) : summary.description + "\n")
        case .estimates:
            if config {
                return try Console.output(estimateCommand(try EstimatesFileReader(file).header, file: file) + "\n")
            }
            let summary = try EstimatesSummary(ofFile: file)
            try Console.output(format == .json ? summary.json() : summary.text())
        case .alignment:
            if config {
                let header = try AlignmentFileReader(file).header
                let command = analysisCommand(
                    "align", header.root, header.configuration.arguments, file: file)
                return try Console.output(command + "\n")
            }
            let summary = try AlignmentSummary(ofFile: file)
            try Console.output(format == .json ? jsonDocument(summary) : summary.text())
        case .other: throw notHDF5(file)
        }
    }
}

/// The command that made an estimates file: `estimate`, or `train` itself.
func estimateCommand(_ header: EstimatesHeader, file: String) throws -> String {
    if header.live?.maker == .train {
        let run = header.root.origin.runPath(named: header.runFile, besideFile: file)
        return try trainCommand(objective: header.objective, optimizer: header.optimizer, file: run)
    }
    let follow = header.live == nil ? [] : ["--follow"]
    return analysisCommand("estimate", header.root, header.configuration.arguments + follow, file: file)
}

private func analysisCommand(_ name: String, _ root: AnalysisRoot, _ arguments: [String], file: String) -> String {
    let run = root.origin.runPath(named: root.runFile, besideFile: file)
    let origin = root.origin.arguments(besideFile: file)
    return Escaping.shell(
        ["smoothness", name, Escaping.argument(path: run)] + arguments + origin + [
            "--output", Escaping.argument(path: file),
        ])
}

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every MUST of the file's specification; exit 65 where one is broken.",
        discussion: "With --oracle it is a gradient process that is held against docs/gradient-process.md.")

    @Argument(help: "A run, estimates or alignment file.", completion: .file())
    var file: String?
    @OptionGroup(title: "A gradient process") var process: OracleOptions
    @Option(help: "text or json.")
    var format = ProseFormat.text

    func validate() throws {
        guard (file == nil) != (process.oracle == nil) else {
            throw ValidationError(
                file == nil ? "give a file, or a command with --oracle" : "give a file or --oracle, not both")
        }
    }

    func run() throws {
        let report = try process.settings.map { VerificationReport(GradientProcessConformance($0), $0) } ?? fileReport()
        try Console.output(format == .json ? jsonDocument(report) : report.description + "\n")
        guard report.isValid else { throw ExitCode(SmoothnessError.Kind.data.rawValue) }
    }

    private func fileReport() throws -> VerificationReport {
        let file = file ?? ""
        let report: VerificationReport
        switch try FileKind(of: file) {
        case .run: report = verifyRunFile(file)
        case .estimates: report = verifyEstimatesFile(file)
        case .alignment: report = verifyAlignmentFile(file)
        case .other: throw notHDF5(file)
        }
        return report
    }
}

extension VerificationReport {
    fileprivate init(_ conformance: GradientProcessConformance, _ settings: GradientProcessSettings) {
        self.init(file: settings.command, format: "gradient process")
        for finding in conformance.findings {
            check(finding.name, finding.ok, expected: finding.expected, found: finding.found)
        }
        notes = conformance.notes
    }
}

private func notHDF5(_ path: String) -> SmoothnessError {
    SmoothnessError(.data, "is not an HDF5 file", file: path, expected: "a run, estimates or alignment file")
}
