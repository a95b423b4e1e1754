import Dispatch
import Foundation
import Synchronization

/// SIGINT and SIGTERM: the first asks the work to stop at the next committed row, the second ends the process at once
/// (which loses nothing that is committed).
final class Interruption: Sendable {
    private let count = Atomic<Int>(0)
    private let sources: [any DispatchSourceSignal]

    /// Registers for the signals; keep the object as long as they are to be caught.
    init() {
        let queue = DispatchQueue(label: "signals")
        var sources: [any DispatchSourceSignal] = []
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            sources.append(DispatchSource.makeSignalSource(signal: number, queue: queue))
        }
        self.sources = sources
        for source in sources {
            source.setEventHandler { [self] in received() }
            source.resume()
        }
    }

    /// Whether a signal has come.
    var isRequested: Bool { count.load(ordering: .relaxed) > 0 }

    private func received() {
        if count.wrappingAdd(1, ordering: .relaxed).newValue > 1 { _exit(130) }
        Console.error("stopping after the current row; a second signal stops at once")
    }
}
