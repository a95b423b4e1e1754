import HDF5
import ParameterSpace

/// One dataset of the format: where it lies, what it holds and what it says about itself. The writer makes datasets from
/// these and the verifier holds files against them.
struct DatasetDefinition: Sendable {
    var path: String
    var element: ScalarType
    var shape: [Int]
    var longName: String
    var definition: String
    /// Further attributes that this dataset alone carries.
    var attributes: [String: String] = [:]

    /// Saturates, so that a senseless plan is refused for want of space and not by a trap.
    var byteCount: Int {
        shape.reduce(element.byteCount) { bytes, extent in
            let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
            return overflow ? .max : product
        }
    }

    /// Lets the dataset say what it is.
    func describe(in file: borrowing File) throws(HDF5Error) {
        try file.describe(path, longName: longName, definition: definition)
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
            try file.setAttribute(name, of: path, to: value)
        }
    }
}

extension File {
    /// Lets a dataset say what it is.
    func describe(_ path: String, longName: String, definition: String) throws(HDF5Error) {
        try setAttribute("long_name", of: path, to: longName)
        try setAttribute("definition", of: path, to: definition)
    }
}

extension ScalarType {
    var byteCount: Int {
        switch self {
        case .int8, .uint8: 1
        case .int16, .uint16: 2
        case .float32, .int32, .uint32: 4
        case .float64, .int64, .uint64: 8
        }
    }
}

/// Names of the objects in a run file.
enum RunFilePath {
    static let objective = "/objective"
    static let optimizer = "/optimizer"
    static let commit = "/commit"
    static let historyCommit = "/history/commit"
    static let evaluationCommit = "/history/evaluation/commit"
    static let resumeCommit = "/resume/commit"
    static let parameterName = "/parameters/name"
    static let parameterShape = "/parameters/shape"
    static let parameterOffset = "/parameters/offset"
    static let parameterCount = "/parameters/count"
    static let iteration = "/trajectory/iteration"
    static let iterate = "/trajectory/iterate"
    static let nextIterate = "/trajectory/next_iterate"
    static let gradient = "/trajectory/gradient"
    static let metric = "/history/evaluation/metric"
    static let resumeIterate = "/resume/iterate"
    static let resumeMomentum = "/resume/momentum"
    static let resumeSecondMoment = "/resume/second_moment"
    static let resumeAverage = "/resume/average"
    static let resumeIteration = "/resume/iteration"
    static let resumeEvaluationCount = "/resume/evaluation_count"
    static let fixedSubset = "/fixed_subset"
    static let counters = [commit, historyCommit, evaluationCommit, resumeCommit]
}

/// The definitions of everything that is written while a run goes on, in the order of their places in the file:
/// counters first, then wide elements before narrow ones, so that all are aligned.
struct RunFileLayout: Sendable {
    /// Text datasets and the parameter table carry these.
    static let textAttributes: [String: (longName: String, definition: String)] = [
        RunFilePath.objective: (
            "description of the objective",
            "JSON object with everything needed to rebuild the objective: kind, sizes, seeds, data with digest, components"
        ),
        RunFilePath.optimizer: (
            "description of the optimiser",
            "JSON object with everything needed to repeat the run on the objective: rule, step sizes, order, schedule"
        ),
        RunFilePath.parameterName: (
            "names of the parameter blocks", "one name per block, in the order of the flat parameter vector"
        ),
        RunFilePath.parameterShape: (
            "extents of the parameter blocks",
            "row-major extents of each block, padded with -1 up to the largest rank (at least 1); a scalar is all -1"
        ),
        RunFilePath.parameterOffset: (
            "offsets of the parameter blocks", "index of the block's first element in the flat parameter vector"
        ),
        RunFilePath.parameterCount: (
            "sizes of the parameter blocks", "number of elements of the block, the product of its extents"
        ),
    ]

    static func describe(text path: String, in file: borrowing File) throws(HDF5Error) {
        guard let text = textAttributes[path] else { return }
        try file.describe(path, longName: text.longName, definition: text.definition)
    }

    let counters: [DatasetDefinition]
    let rows: [DatasetDefinition]

    var all: [DatasetDefinition] { counters + rows }
    var byteCount: Int {
        all.reduce(0) { sum, definition in
            let (total, overflow) = sum.addingReportingOverflow(definition.byteCount)
            return overflow ? .max : total
        }
    }

    init(_ plan: RunExtents, parameterCount: Int, scalar: ScalarType) {
        counters = Self.counterDefinitions
        var definitions =
            Self.recordDefinitions("/history/", count: plan.iterationCount, index: "iteration t, t = 0, 1, …")
            + Self.evaluationDefinitions(plan) + Self.resumeIndexDefinitions
            + [
                DatasetDefinition(
                    path: RunFilePath.iteration, element: .int64, shape: [plan.snapshotCount],
                    longName: "iteration of the row",
                    definition: "k, the number of updates done before the iterate of this row; ascending")
            ] + Self.recordDefinitions("/trajectory/", count: plan.snapshotCount, index: "iteration k of the row")
            + Self.vectorDefinitions(plan, parameterCount, scalar)
            + (plan.fixedSubset?.definitions(rows: plan.snapshotCount, parameterCount: parameterCount, scalar: scalar)
                ?? [])
        for index in definitions.indices {
            let parts = definitions[index].path.split(separator: "/")
            guard ["history", "trajectory"].contains(parts[0]), parts.count == 2,
                plan.unrecorded.contains(String(parts[1]))
            else { continue }
            definitions[index].attributes["recorded"] = "no"
        }
        if plan.hasChecksums { definitions += RunChecksums.definitions(over: definitions, plan.fixedSubset) }
        rows = [8, 4, 1].flatMap { size in definitions.filter { $0.element.byteCount == size } }
    }

    private static let counterDefinitions = [
        DatasetDefinition(
            path: RunFilePath.commit, element: .uint64, shape: [], longName: "number of committed trajectory rows",
            definition: "a row of /trajectory (and /fixed_subset) counts only if its index is below this number"),
        DatasetDefinition(
            path: RunFilePath.historyCommit, element: .uint64, shape: [],
            longName: "number of committed history rows",
            definition: "a row of /history counts only if its index is below this number"),
        DatasetDefinition(
            path: RunFilePath.evaluationCommit, element: .uint64, shape: [],
            longName: "number of committed evaluations",
            definition: "a row of /history/evaluation counts only if its index is below this number"),
        DatasetDefinition(
            path: RunFilePath.resumeCommit, element: .uint64, shape: [],
            longName: "number of resume points written so far",
            definition: "n: 0 means none; otherwise slot (n - 1) mod 2 of /resume holds the last whole one"),
    ]

    /// The numbers of an iteration: once for every iteration, once for every saved row.
    private static func recordDefinitions(_ group: String, count: Int, index: String) -> [DatasetDefinition] {
        func define(_ name: String, _ element: ScalarType, _ longName: String, _ text: String) -> DatasetDefinition {
            DatasetDefinition(
                path: group + name, element: element, shape: [count], longName: longName,
                definition: "\(text); one value per \(index)")
        }
        return [
            define("loss", .float64, "minibatch loss", "f(x_k) on the minibatch of the iteration, before the update"),
            define(
                "gradient_norm", .float64, "minibatch gradient norm before clipping",
                "Euclidean norm of the gradient of the minibatch loss at x_k, before clipping"),
            define(
                "step_norm", .float64, "step norm",
                "Euclidean norm of x_{k+1} - x_k: differences and squares in double precision, summed in the order "
                    + "that the specification fixes"),
            define("learning_rate", .float64, "learning rate", "the step size eta of the iteration"),
            define("clipped", .uint8, "whether clipping shortened the step", "1 if the clip norm was active, else 0"),
            define(
                "status", .uint8, "status of the row",
                "0 ok; 1 non-finite: the loss, the gradient, x_k or x_{k+1} holds NaN or infinity; 2 zero step: "
                    + "x_{k+1} = x_k"),
        ]
    }

    private static func evaluationDefinitions(_ plan: RunExtents) -> [DatasetDefinition] {
        func define(_ name: String, _ element: ScalarType, _ longName: String, _ text: String) -> DatasetDefinition {
            DatasetDefinition(
                path: "/history/evaluation/" + name, element: element, shape: [plan.evaluationCount],
                longName: longName, definition: text)
        }
        var metric = define(
            "metric", .float64, plan.metricName ?? "metric",
            "the metric named by metric_name on the held-out data; NaN where there is none")
        metric.attributes["metric_name"] = plan.metricName ?? ""
        return [
            define("epoch", .int64, "epochs done", "number of passes over the training data before the evaluation"),
            define("iteration", .int64, "iterations done", "number of updates done before the evaluation"),
            define("training_loss", .float64, "training loss", "mean loss of the minibatches of the epoch"),
            define("validation_loss", .float64, "validation loss", "mean loss on the held-out data"),
            metric,
        ]
    }

    private static let resumeIndexDefinitions = [
        DatasetDefinition(
            path: RunFilePath.resumeIteration, element: .int64, shape: [2], longName: "next iteration",
            definition: "the iteration that starts from the slot's iterate and momentum"),
        DatasetDefinition(
            path: RunFilePath.resumeEvaluationCount, element: .int64, shape: [2], longName: "evaluations done",
            definition: "number of evaluations before the slot's next iteration"),
    ]

    private static func vectorDefinitions(
        _ plan: RunExtents, _ width: Int, _ scalar: ScalarType
    ) -> [DatasetDefinition] {
        let rows = plan.snapshotCount
        var definitions = [
            DatasetDefinition(
                path: RunFilePath.resumeIterate, element: scalar, shape: [2, width], longName: "resume iterate",
                definition: "two alternating slots for the flat parameter vector at the start of the next iteration"),
            DatasetDefinition(
                path: RunFilePath.resumeMomentum, element: scalar, shape: [2, plan.storesMomentum ? width : 0],
                longName: "resume momentum",
                definition: "two alternating slots for the momentum m; of zero extent where the optimiser has none"),
            DatasetDefinition(
                path: RunFilePath.iterate, element: scalar, shape: [plan.isConsecutive ? rows + 1 : rows, width],
                longName: "iterate",
                definition: plan.isConsecutive
                    ? "flat parameter vector x_k; every iteration is saved, so x_{k+1} of row i is row i + 1"
                    : "flat parameter vector x_k"),
        ]
        if plan.storesSecondMoment {
            definitions.append(
                DatasetDefinition(
                    path: RunFilePath.resumeSecondMoment, element: scalar, shape: [2, width],
                    longName: "resume second moment",
                    definition: "two alternating slots for the running mean of squared gradients"))
        }
        if plan.storesAverage {
            definitions.append(
                DatasetDefinition(
                    path: RunFilePath.resumeAverage, element: scalar, shape: [2, width],
                    longName: "resume average of iterates",
                    definition: "two alternating slots for the mean of the iterates since averaging began; zero before")
            )
        }
        if !plan.isConsecutive {
            definitions.append(
                DatasetDefinition(
                    path: RunFilePath.nextIterate, element: scalar, shape: [rows, width], longName: "next iterate",
                    definition: "flat parameter vector x_{k+1}, one update after the row's iterate"))
        }
        if plan.storesGradients {
            var gradient = DatasetDefinition(
                path: RunFilePath.gradient, element: scalar, shape: [rows, width],
                longName: "minibatch gradient before clipping",
                definition: "gradient of the minibatch loss of iteration k at x_k, before clipping and momentum")
            gradient.attributes = ["clipping": "before", "examples": "the minibatch of iteration k"]
            definitions.append(gradient)
        }
        return definitions
    }
}
