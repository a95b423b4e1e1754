import CTorch

/// LibTorch's version, as `1.13.0` or `2.13.0`.
public var version: String { String(cString: ctorch_version()) }

/// The number of threads that LibTorch's operations, its matrix library and the fused gradients use, in the whole process
/// (LibTorch itself keeps it for every calling thread by itself).
public var threadCount: Int { Int(ctorch_thread_count()) }

/// Sets `threadCount`.
/// - Throws: `TorchError` with kind `.badArgument` unless `count` ≥ 1.
public func setThreadCount(_ count: Int) throws(TorchError) {
    guard let value = Int32(exactly: count) else {
        throw TorchError(.badArgument, operation: "setThreadCount", message: "\(count) is no number of threads")
    }
    try check(ctorch_set_thread_count(value), "setThreadCount")
}

/// What `tuneAllocator` achieved.
public struct AllocatorTuning: OptionSet, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Freed memory stays with the process.
    public static let keepsMemory = AllocatorTuning(rawValue: 1)
    /// Large buffers lie on huge pages.
    public static let usesHugePages = AllocatorTuning(rawValue: 2)
}

/// Tunes glibc's allocator for a process whose work is gradients: call it once, first thing in `main`, before any thread
/// is started.
///
/// Without it every large buffer is a memory mapping of its own, unmapped when freed and faulted in again, page by page,
/// at the next gradient; that alone makes LibTorch's gradients about 1.3 times slower. The call
/// - makes the heap keep what is freed (`M_MMAP_MAX` = 0, `M_TRIM_THRESHOLD` = 2 GiB, one arena for all threads);
/// - marks the heap for transparent huge pages with `madvise`, where the system offers them (`always` or `madvise` in
///   `/sys/kernel/mm/transparent_hugepage/enabled`). Address space is reserved for that, not memory.
///
/// The price: the process keeps its largest footprint until it ends. A library must not decide that for its program,
/// therefore nothing calls this but an executable.
@discardableResult
public func tuneAllocator() -> AllocatorTuning { AllocatorTuning(rawValue: ctorch_tune_allocator()) }

/// Lets threads that wait for the others at the end of a parallel region sleep after a short while: call it first thing in `main`, before any
/// thread is started and before anything else of this module, because it is a variable of the environment that the OpenMP runtime reads when it is
/// loaded, and LibTorch is loaded when it is first needed. What the user has set is left alone.
///
/// By itself a waiting thread spins for some milliseconds. On a processor that is shared with other programs it thereby keeps the very thread
/// off the core that it waits for: one gradient of a small LSTM took 10 to 40 times as long as with one thread. A short spin costs
/// nothing measurable on an idle machine.
public func letThreadsSleep() { ctorch_let_threads_sleep() }

/// Names the processor's vector instructions to OpenBLAS, the matrix library of the distributions' LibTorch: call it where `letThreadsSleep` is called, and
/// for the same reason. What the user has set is left alone.
///
/// By itself OpenBLAS goes by the model of the processor, and takes a model that is newer than itself for the oldest: the 0.3.21 of Debian 12 multiplies
/// with SSE on a Xeon of 2023 that has AVX-512, several times slower. Other matrix libraries do not read the variable.
public func chooseMatrixKernels() { ctorch_choose_matrix_kernels() }

/// The variable of the environment that `chooseMatrixKernels` has set, which is not for processes that this one starts: they may have another OpenBLAS,
/// with a choice of its own.
public var matrixKernelsVariable: String? { ctorch_has_chosen_matrix_kernels() ? "OPENBLAS_CORETYPE" : nil }
