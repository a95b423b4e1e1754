import Foundation
import Interprocess
import Synchronization

/// When the first signal came, in nanoseconds of a clock that began before it; 0: none has come.
private let firstSignal = Atomic<Int64>(0)
private let interruptCount = Atomic<Int>(0)
/// `Interruption.Patience`, as a number that a handler can read.
private let patienceLevel = Atomic<Int>(0)

/// SIGINT and SIGTERM: the first asks the work to stop at the next committed row. A second one, or ten seconds, end the process whatever it is doing, and
/// the programs that it has started; that loses nothing which is committed.
///
/// The handlers touch nothing but atomics and what POSIX allows inside a signal, so that they work while every thread computes or waits.
enum Interruption {
    /// What a second signal does.
    enum Patience: Int {
        /// Ends the process.
        case none
        /// Ends it unless it comes within a second: schedulers signal all processes of a job, whose script passes the signal on, so that one request
        /// comes twice. A second SIGINT, as by a person at a terminal, always ends it.
        case scheduled
        /// Nothing, and nothing is said: the parent decides when the process is killed. Ten seconds end it all the same.
        case full
    }

    private static let secondsLeft: UInt32 = 10

    /// Begins to catch the signals.
    static func install(_ numbers: [Int32] = [SIGINT, SIGTERM], patience: Patience = .none) {
        // Reading it here makes sure that the globals exist before the first signal.
        guard !isRequested, interruptCount.load(ordering: .relaxed) == 0 else { return }
        patienceLevel.store(patience.rawValue, ordering: .relaxed)
        for number in numbers { signal(number) { number in Self.handle(number) } }
        signal(SIGALRM) { _ in Self.end(75, "\nstopped after ten seconds; what is committed is kept\n") }
        // A parent may have started us with the signals blocked, as worker threads of libdispatch do.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in numbers + [SIGALRM] { sigaddset(&signals, number) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    private static func handle(_ number: Int32) {
        let before = errno
        defer { errno = before }
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) + 1
        let (isFirst, first) = firstSignal.compareExchange(expected: 0, desired: now, ordering: .relaxed)
        let interrupts = number == SIGINT ? interruptCount.wrappingAdd(1, ordering: .relaxed).newValue : 0
        let patience = Patience(rawValue: patienceLevel.load(ordering: .relaxed))
        if isFirst {
            alarm(secondsLeft)
            switch patience {
            case .scheduled: say("\nstopping within ten seconds; a second SIGINT stops at once\n")
            case .full: break
            default: say("\nstopping within ten seconds, finished rows are kept; a second signal stops at once\n")
            }
            return
        }
        switch patience {
        case .full: return
        case .scheduled where interrupts < 2 && now - first < 1_000_000_000: return
        default: end(128 + number)
        }
    }

    private static func end(_ code: Int32, _ message: StaticString? = nil) {
        if let message { say(message) }
        SpawnedProcess.killAll()
        _exit(code)
    }

    /// Says it where that needs no waiting: whoever reads standard error may have stopped to.
    private static func say(_ message: StaticString) {
        var stream = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        guard poll(&stream, 1, 0) == 1, stream.revents == Int16(POLLOUT) else { return }
        _ = write(STDERR_FILENO, message.utf8Start, message.utf8CodeUnitCount)
    }

    /// Whether a signal has come.
    static var isRequested: Bool { firstSignal.load(ordering: .relaxed) > 0 }
}
