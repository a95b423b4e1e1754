import Essentials
import Foundation

/// One named number in a progress line, as `loss 4.32`.
public struct ProgressField: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    public static func loss(_ value: Double) -> ProgressField { ProgressField("loss", significantOrDash(value)) }
    public static func gradientNorm(_ value: Double) -> ProgressField {
        ProgressField("gradient norm", significantOrDash(value))
    }
    /// The share of clipped iterations, from 0 to 1.
    public static func clippedShare(_ value: Double) -> ProgressField {
        ProgressField("clipped", value.isFinite ? String(format: "%.0f %%", 100 * value) : "-")
    }

    private static func significantOrDash(_ value: Double) -> String { String(format: "%.4g", value) }
}

/// How a reporter shows itself.
public struct ProgressStyle: Sendable, Equatable {
    /// A bar redrawn in place, or whole lines.
    public var isInteractive: Bool
    public var usesColour: Bool
    /// The width of the terminal in columns; a bar line never wraps.
    public var width: Int
    /// Least seconds between two redraws.
    public var redrawInterval = 0.1
    /// Least seconds between two log lines.
    public var logInterval = 5.0

    public init(isInteractive: Bool, usesColour: Bool, width: Int = 80) {
        self.isInteractive = isInteractive
        self.usesColour = usesColour
        self.width = width
    }

    /// What suits standard error: a bar on a terminal (not where TERM is `dumb`), colour unless NO_COLOR is set and not empty.
    public static func forStandardError(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> ProgressStyle {
        let isInteractive = isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb"
        var size = winsize()
        let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return ProgressStyle(
            isInteractive: isInteractive, usesColour: isInteractive && (environment["NO_COLOR"] ?? "").isEmpty,
            width: isKnown ? Int(size.ws_col) : environment["COLUMNS"].flatMap { Int($0) } ?? 80)
    }
}

/// Progress of one piece of work on standard error: what is done, the fields of the caller and the remaining time.
public struct ProgressReporter: Sendable {
    private let label: String
    private let total: Int
    private let alreadyDone: Int
    private let style: ProgressStyle
    private let now: @Sendable () -> Double
    private let write: @Sendable (String) -> Void
    private let start: Double
    private var lastShown: Double?
    private var lastLine = ""
    private var isBarOpen = false

    /// - Parameters:
    ///   - total: The units of work in all.
    ///   - alreadyDone: Units that an earlier, interrupted call did; they do not count for the speed.
    ///   - now: Seconds of a steady clock.
    ///   - write: Takes text for standard error.
    public init(
        label: String, total: Int, alreadyDone: Int = 0, style: ProgressStyle = .forStandardError(),
        now: @escaping @Sendable () -> Double = { ProcessInfo.processInfo.systemUptime },
        write: @escaping @Sendable (String) -> Void = { text in
            // A closed standard error must not end the work.
            try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
        }
    ) {
        self.label = Escaping.label(label)
        self.total = total
        self.alreadyDone = alreadyDone
        self.style = style
        self.now = now
        self.write = write
        start = now()
    }

    /// Says that `completed` units are done; shown only as often as the style allows, and always when all are done. The
    /// fields are only asked for when they are shown.
    public mutating func update(completed: Int, _ fields: @autoclosure () -> [ProgressField] = []) {
        let time = now()
        let interval = style.isInteractive ? style.redrawInterval : style.logInterval
        if let lastShown, time - lastShown < interval, completed < total { return }
        lastShown = time
        let details =
            ([amount(completed)] + fields().map { Escaping.label("\($0.name) \($0.value)") } + [
                remaining(completed, time)
            ])
            .filter { !$0.isEmpty }.joined(separator: " · ")
        if style.isInteractive {
            redraw(completed, details)
        } else {
            show("\(label): \(details)\n")
        }
    }

    /// Ends the bar, so that what follows starts on a line of its own.
    public mutating func finish() {
        if isBarOpen { write("\n") }
        isBarOpen = false
    }

    private func amount(_ completed: Int) -> String {
        let percent = total > 0 ? Int(100 * Double(completed) / Double(total)) : 100
        return "\(completed)/\(total) (\(percent) %)"
    }

    private func remaining(_ completed: Int, _ time: Double) -> String {
        let done = completed - alreadyDone
        if completed >= total { return "took \(Self.duration(time - start))" }
        guard done > 0, time > start else { return "" }
        return "\(Self.duration((time - start) / Double(done) * Double(total - completed))) left"
    }

    private mutating func redraw(_ completed: Int, _ details: String) {
        let barWidth = 20
        let share = total > 0 ? min(max(Double(completed) / Double(total), 0), 1) : 1
        let filled = Int((share * Double(barWidth)).rounded(.down))
        let bar = String(repeating: "━", count: filled) + String(repeating: "─", count: barWidth - filled)
        let room = style.width - 1
        // The bar goes first where the line is too long; what is left is cut.
        let withBar = label.count + barWidth + details.count + 2 <= room
        let plain = withBar ? "\(label) \(bar) \(details)" : String("\(label) \(details)".prefix(max(room, 0)))
        guard plain != lastLine else { return }
        lastLine = plain
        let coloured = style.usesColour && withBar ? "\(label) \u{1B}[32m\(bar)\u{1B}[0m \(details)" : plain
        write("\r\u{1B}[K" + coloured)
        isBarOpen = true
    }

    private mutating func show(_ line: String) {
        guard line != lastLine else { return }
        lastLine = line
        write(line)
    }

    /// `0:42`, `12:05`, `3:07:00`.
    public static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
        let whole = Int(seconds.rounded())
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
        return hours > 0
            ? String(format: "%d:%02d:%02d", hours, minutes, rest) : String(format: "%d:%02d", minutes, rest)
    }
}
