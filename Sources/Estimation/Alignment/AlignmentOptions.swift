import Essentials
import Evaluation

extension AlignmentConfiguration {
    /// Every option that decides a number of an alignment, in the order in which help shows them and `arguments` writes them.
    public static let options: [CommandOption<AlignmentConfiguration>] =
        [
            CommandOption(
                "every", nil, "Every n-th row of the run file. (default: 1)",
                set: { (count: Int, definition) in
                    definition.rows = .every(count: count)
                }, get: { if case .every(let count) = $0.rows { count } else { nil } }),
            CommandOption(
                "rows", .value("list"), "The rows of the run file, as 0,3,8-11.",
                store: { $1.rows = try RowSelection(parsing: $0) },
                text: { if case .list(let rows) = $0.rows { rows.optionText } else { nil } }),
            CommandOption(
                "batch-sizes", nil,
                """
                Batch sizes, increasing: in components for texts, in examples for everything else. (default: one component and 2, 4, 8 \
                times as much while four batches are left)
                """,
                at: \.batchSizes),
            CommandOption(
                "batch-unit", nil, "What batch sizes count. (default: components for texts, else examples)", at: \.unit),
            CommandOption(
                "clip-norms", nil, "Clip norms, increasing, or none. (default: the run's own)",
                store: { text, definition in
                    guard let norms = text == "none" ? [] : [Double](optionText: text) else { throw UnreadableOption() }
                    definition.clipNorms = norms
                }, text: { $0.clipNorms.isEmpty ? "none" : $0.clipNorms.optionText }),
        ]
        + componentOptions(
            at: \.subset,
            help: "Share of the components that is measured, drawn without replacement. (default: 1)")
        + [precisionOption(at: \.precision)] + evaluationOptions(at: \.evaluation)

    /// Those of the options that cannot be given together.
    public static let optionConflicts =
        [OptionConflict("rows", "every", "give --rows or --every, not both")]
        + componentConflicts

    /// The words of `smoothness align` that ask for this configuration, in a fixed order.
    public var arguments: [String] { Self.options.arguments(of: self) }
}

extension BatchUnit: OptionValue {}
