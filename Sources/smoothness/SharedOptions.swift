import ArgumentParser
import Essentials
import Fitting
import Foundation
import Reporting

extension Table.Format: ExpressibleByArgument {}

/// `--format`, for every subcommand whose stdout is data.
struct FormatOption: ParsableArguments {
    @Option(help: "How stdout is written: text, csv or json.")
    var format: Table.Format = .text
}

/// `--checksums`, for every subcommand that writes rows.
struct ChecksumOption: ParsableArguments {
    @Flag(
        inversion: .prefixedNo,
        help:
            "Keep a checksum of every row, by which verify finds any change of it. (default: yes, but for a training that saves more than every fourth iterate)"
    )
    var checksums: Bool?
}

/// How the intervals of a fit are made, but for the seed: a command that estimates has one already.
struct IntervalOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: "Bootstrap replicates; 0 for no intervals.")
    var replicates = 2000
    @Option(parsing: .unconditional, help: "Nominal coverage of the intervals.")
    var confidence = 0.95
    @Option(parsing: .unconditional, help: "Length of the bootstrap's blocks in points (default: automatic).")
    var blockLength: Int?

    func validate() throws {
        guard replicates >= 0 else { throw ValidationError("--replicates must be 0 or more, not \(replicates)") }
        guard confidence > 0, confidence < 1 else {
            throw ValidationError("--confidence must lie between 0 and 1, not \(confidence)")
        }
        if let blockLength, blockLength < 1 {
            throw ValidationError("--block-length must be 1 or more, not \(blockLength)")
        }
    }

    /// Those that were changed.
    var arguments: [String] {
        (replicates == 2000 ? [] : ["--replicates", "\(replicates)"])
            + (confidence == 0.95 ? [] : ["--confidence", "\(confidence)"])
            + (blockLength.map { ["--block-length", "\($0)"] } ?? [])
    }

    func options(seed: UInt64) -> FitOptions {
        FitOptions(replicates: replicates, confidence: confidence, blockLength: blockLength, seed: seed)
    }
}

/// How a fit is made, for `fit` and for the lines of `plot`.
struct FitOptionGroup: ParsableArguments {
    @OptionGroup var intervals: IntervalOptions
    @Option(parsing: .unconditional, help: "Seed of the bootstrap.")
    var seed: UInt64 = 0

    /// Whether no option of the fit was changed.
    var isDefault: Bool { arguments.isEmpty }

    /// Those that were changed.
    var arguments: [String] { intervals.arguments + (seed == 0 ? [] : ["--seed", "\(seed)"]) }

    var options: FitOptions { intervals.options(seed: seed) }
}

/// `--force`, for every subcommand whose outputs can be made again.
struct ReplaceOption: ParsableArguments {
    @Flag(help: "Replace what stands at the place of an output, also where it is no former output of this command.")
    var force = false

    /// Refuses outputs that are inputs, or in whose place something else stands, before any work is done.
    /// - Parameter kinds: those that are made, by the path.
    func check(_ outputs: [String], inputs: [String?], makes kinds: (String) throws -> [OutputKind]) throws {
        for path in outputs {
            let kinds = try kinds(path)
            try refuseInput(as: path, inputs: inputs)
            try OutputKind.requireReplaceable(path, by: kinds, isForced: force)
        }
    }
}

extension ScatterPlot.Format {
    /// What a picture of this format is as a file.
    var kind: OutputKind {
        switch self {
        case .csv: .table
        case .svg: .svg
        case .png: .png
        case .pdf: .pdf
        case .vegaLite: .vegaLite
        }
    }
}

/// Writes what a subcommand prints: to a file, whole or not at all, or to stdout.
func deliver(_ text: String, to path: String?) throws {
    guard let path else { return try Console.output(text) }
    try writeAtomically(text, to: path)
    Console.error("wrote \(Console.absolute(path))")
}

/// Refuses an output that is one of the inputs, by whatever name: not even --force should destroy what it reads.
func refuseInput(as output: String, inputs: [String?]) throws {
    guard let identity = FileIdentity(output) else { return }
    for case let input? in inputs where FileIdentity(input) == identity {
        throw SmoothnessError(
            .cannotCreate, "is an input of this command and would be replaced", file: output,
            remedy: "Name another output")
    }
}

/// Lets an error about the numbers of a file name it.
func naming<Result>(_ file: String, _ work: () throws -> Result) throws -> Result {
    try amendingErrors({ $0.file = $0.file ?? file }, of: work)
}

/// What two names of one file have in common.
private struct FileIdentity: Equatable {
    let device: UInt64
    let number: UInt64

    /// `nil` where there is no file.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
    }
}
