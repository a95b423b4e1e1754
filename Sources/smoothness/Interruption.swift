import Foundation
import Synchronization

private let signalCount = Atomic<Int>(0)
/// Whether further signals change nothing.
private let ignoresFurther = Atomic<Bool>(false)

/// SIGINT and SIGTERM: the first asks the work to stop at the next committed row, the second ends the process at once
/// (which loses nothing that is committed).
enum Interruption {
    /// Begins to catch the signals.
    /// - Parameter isPatient: for a process whose parent decides when it is killed: a second signal is like the first, and nothing is said.
    static func install(_ numbers: [Int32] = [SIGINT, SIGTERM], isPatient: Bool = false) {
        // The handler touches nothing but an atomic and write(2), both safe inside a signal; reading the count here makes
        // sure that the global exists before the first signal.
        guard signalCount.load(ordering: .relaxed) == 0 else { return }
        ignoresFurther.store(isPatient, ordering: .relaxed)
        for number in numbers {
            signal(number) { _ in
                let before = errno
                defer { errno = before }
                if ignoresFurther.load(ordering: .relaxed) {
                    signalCount.store(1, ordering: .relaxed)
                    return
                }
                if signalCount.wrappingAdd(1, ordering: .relaxed).newValue > 1 { _exit(130) }
                let message: StaticString = "\nstopping after the current row; a second signal stops at once\n"
                _ = write(STDERR_FILENO, message.utf8Start, message.utf8CodeUnitCount)
            }
        }
        // A parent may have started us with the signals blocked, as worker threads of libdispatch do.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in numbers { sigaddset(&signals, number) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// Whether a signal has come.
    static var isRequested: Bool { signalCount.load(ordering: .relaxed) > 0 }
}
