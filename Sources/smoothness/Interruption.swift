import Foundation
import Synchronization

private let signalCount = Atomic<Int>(0)
/// `Interruption.Patience`, as a number that a handler can read.
private let patienceLevel = Atomic<Int>(0)

/// SIGINT and SIGTERM: the first asks the work to stop at the next committed row, the second ends the process at once
/// (which loses nothing that is committed).
enum Interruption {
    /// What a second signal does.
    enum Patience: Int {
        /// Ends the process.
        case none
        /// Ends it where both are SIGINT, as by a person at a terminal: schedulers signal all processes of a job, whose script passes the signal
        /// on, so that one request comes twice.
        case scheduled
        /// Nothing, and nothing is said: the parent decides when the process is killed.
        case full
    }

    /// Begins to catch the signals.
    static func install(_ numbers: [Int32] = [SIGINT, SIGTERM], patience: Patience = .none) {
        // The handler touches nothing but an atomic and write(2), both safe inside a signal; reading the count here makes
        // sure that the global exists before the first signal.
        guard signalCount.load(ordering: .relaxed) == 0 else { return }
        patienceLevel.store(patience.rawValue, ordering: .relaxed)
        for number in numbers { signal(number) { number in Self.handle(number) } }
        // A parent may have started us with the signals blocked, as worker threads of libdispatch do.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in numbers { sigaddset(&signals, number) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    private static func handle(_ number: Int32) {
        let before = errno
        defer { errno = before }
        switch patienceLevel.load(ordering: .relaxed) {
        case 0:
            if signalCount.wrappingAdd(1, ordering: .relaxed).newValue > 1 { _exit(130) }
            let message: StaticString = "\nstopping, finished rows are kept; a second signal stops at once\n"
            _ = write(STDERR_FILENO, message.utf8Start, message.utf8CodeUnitCount)
        case 1:
            // Counts SIGINT in steps of 2 and remembers the others by the last bit.
            let isFirst = signalCount.load(ordering: .relaxed) == 0
            let now =
                number == SIGINT
                ? signalCount.wrappingAdd(2, ordering: .relaxed).newValue
                : signalCount.bitwiseOr(1, ordering: .relaxed).newValue
            if now > 3 { _exit(130) }
            guard isFirst else { return }
            let message: StaticString = "\nstopping within 20 seconds; a second SIGINT stops at once\n"
            _ = write(STDERR_FILENO, message.utf8Start, message.utf8CodeUnitCount)
        default: signalCount.store(1, ordering: .relaxed)
        }
    }

    /// Whether a signal has come.
    static var isRequested: Bool { signalCount.load(ordering: .relaxed) > 0 }
}
