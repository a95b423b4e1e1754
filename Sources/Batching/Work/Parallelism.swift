import Estimation

/// How the processors are shared by the gradients of an estimate.
///
/// As many groups of components are evaluated at the same time as there are threads, each on one thread, so that the numbers do not depend on how many there are:
/// LibTorch's products and convolutions may add up in another order with another number. Where gradients are taken one after the other (on another device), the
/// operations of each have all threads.
public struct Parallelism: Sendable {
    public let threads: Int
    public let workerCount: Int
    public let threadsPerWorker: Int

    /// - Parameters:
    ///   - threads: as many were asked for; `nil`: what a scheduler allots to the task, or the processor's cores.
    ///   - processCount: how many gradient processes there are: as many gradients are evaluated at the same time.
    public init(threads: Int?, _ definition: EstimationConfiguration, processCount: Int? = nil) {
        let available = threads ?? Allotment().processors
        if let processCount {
            (self.threads, workerCount, threadsPerWorker) = (processCount, processCount, available)
            return
        }
        self.threads = available
        let isSerial = definition.evaluation.device != "cpu"
        // Recorded rows are summed side by side, evaluated ones group by group, a single group chunk by chunk.
        let shares = definition.source == .recorded || definition.groups == 1 ? available : definition.groups
        workerCount = isSerial ? 1 : max(1, min(available, shares))
        threadsPerWorker = workerCount > 1 ? 1 : available
    }
}
