import ArgumentParser
import Essentials
import Evaluation
import Formulas
import Foundation
import GradientProcess
import Interprocess
import Models
import Torch

/// The program. Subcommands parse, call the libraries and print; whatever computes lives below.
@main
struct Smoothness: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: Software.name,
        abstract: "Measure how smooth a training run is.",
        discussion: """
            train → estimate → fit → plot: a run file with iterates, an estimates file with the gradient norm and the local \
            smoothness of every iterate, (L0, L1) with intervals, and the log–log scatter.
            """,
        version: Software.version,
        subcommands: [
            TrainCommand.self, EstimateCommand.self, FitCommand.self, AdviseCommand.self, PlotCommand.self,
            ReportCommand.self, ExportCommand.self, ImportCommand.self,
            AlignCommand.self,
            TheoryCommand.self,
            InspectCommand.self, VerifyCommand.self, BatchCommand.self, BridgeCommand.self,
        ])

    static func main() {
        // A reader that goes away (`smoothness … | head`) is an error to report by exit code, not a reason to die of SIGPIPE
        // half-way through a file.
        signal(SIGPIPE, SIG_IGN)
        // A limit on the size of files is an error of the write that meets it, too.
        signal(SIGXFSZ, SIG_IGN)
        // Before a command has begun what a signal has to wait for, and where it begins no such thing, the same command can be called again.
        SpawnedProcess.endWithProgram(interruptedCode: SmoothnessError.Kind.interrupted.rawValue)
        Console.fillClosedStreams()
        ObjectiveRegistry.register(
            ObjectiveRegistry.formulas + ObjectiveRegistry.models + ObjectiveRegistry.external)
        _ = tuneAllocator()
        letThreadsSleep()
        chooseMatrixKernels()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            exit(with: error)
        }
    }

    /// Prints an error the way its kind asks for and ends the process with its code.
    private static func exit(with error: any Error) -> Never {
        if let code = Failure.exitCode(of: error) {
            Console.error("error: \(error)")
            Foundation.exit(code)
        }
        let (message, label) = (fullMessage(for: error), "Error: ")
        guard message.hasPrefix(label) else { exit(withError: error) }
        // The argument parser's own, which begins like all others here.
        Console.error("error: " + message.dropFirst(label.count), lineEnds: .kept)
        Foundation.exit(exitCode(for: error).rawValue)
    }
}
