import Foundation
import Synchronization

/// A value that another thread computes while this one does something else.
package final class Concurrent<Value: Sendable>: Sendable {
    private let result = Mutex<Value?>(nil)
    private let isDone = DispatchSemaphore(value: 0)

    /// Begins to compute the value.
    /// - Parameter isWorthAThread: whether it takes longer than the start of a thread; otherwise it is computed here and now.
    package init(isWorthAThread: Bool, _ compute: @escaping @Sendable () -> Value) {
        guard isWorthAThread else {
            result.withLock { $0 = compute() }
            isDone.signal()
            return
        }
        DispatchQueue.global(qos: .userInitiated).async {
            let value = compute()
            self.result.withLock { $0 = value }
            self.isDone.signal()
        }
    }

    /// Waits for the value. To be asked for once.
    package func value() -> Value {
        isDone.wait()
        return result.withLock { $0! }
    }
}
