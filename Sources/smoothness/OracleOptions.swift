import ArgumentParser
import Essentials
import Estimation
import Evaluation
import GradientProcess
import Torch

/// Gradients from another process.
struct OracleOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Take losses and gradients from the process that this command starts, as \"python my_run.py --serve\" (docs/gradient-process.md).",
            valueName: "command"))
    var oracle: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Processes that are started; each finds its index in SMOOTHNESS_WORKER, for one GPU each. (default: 1)",
            valueName: "N"))
    var oracleWorkers: Int?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long an answer may take for each component that is asked for, and a process to start. (default: 600)",
            valueName: "seconds"))
    var oracleTimeout: Double?

    func validate() throws {
        if oracle == nil, oracleWorkers != nil || oracleTimeout != nil {
            throw ValidationError("--oracle-workers and --oracle-timeout belong to --oracle")
        }
        try checkCount("--oracle-workers", oracleWorkers)
        if let oracleTimeout, !(oracleTimeout > 0 && oracleTimeout < 1e9) {
            throw ValidationError("--oracle-timeout must be a number of seconds above 0, not \(oracleTimeout)")
        }
    }

    var settings: GradientProcessSettings? {
        oracle.map {
            GradientProcessSettings(
                command: $0, workerCount: oracleWorkers ?? 1,
                secondsPerComponent: oracleTimeout ?? GradientProcessSettings.standardSeconds,
                withheldVariables: matrixKernelsVariable.map { [$0] } ?? [],
                isCancelled: { Interruption.isRequested })
        }
    }

    /// What a process decides for itself cannot be asked for beside it.
    func refuse(_ measured: ListedOptions<EstimateListing>, data: String?) throws {
        guard oracle != nil else { return }
        let excluded = names(
            ("--data", data != nil), ("--masks off (call model.eval() there)", measured["masks"] == "off"),
            ("--micro-batch", measured["micro-batch"] != nil), ("--device", measured["device"] ?? "cpu" != "cpu"))
        try ValidationError.refuse(excluded, "the process of --oracle has its own data and device")
    }

    /// Starts the processes, if any are asked for.
    func pool() throws -> GradientProcessPool? {
        guard let settings else { return nil }
        let pool = try GradientProcessPool(settings)
        Console.error(
            "gradients from \(settings.workerCount == 1 ? "a process" : "\(settings.workerCount) processes"): \(pool.name), "
                + "\(pool.layout.count) parameters, \(pool.weights.count) components (\(pool.software))")
        for warning in pool.warnings { Console.error("warning: the process says: \(warning)") }
        if !pool.precisions.contains("float64") {
            Console.error(
                "note: the process gives no gradients in float64: rounding is taken from the machine epsilon of float32"
            )
        }
        return pool
    }
}
