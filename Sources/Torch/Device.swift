import CTorch

/// Where a tensor's elements lie: the processor, or one CUDA device where this LibTorch has CUDA.
public struct Device: Sendable, Hashable, CustomStringConvertible {
    /// LibTorch's name: `cpu`, `cuda`, `cuda:1`.
    public let description: String

    public static let cpu = Device(unchecked: "cpu")

    /// - Throws: `TorchError` with kind `.noDevice`, whose message says what is missing.
    public init(_ name: String) throws(TorchError) {
        try check(ctorch_check_device(name), "device")
        description = name
    }

    private init(unchecked name: String) { description = name }

    public var isCPU: Bool { description == "cpu" }

    /// Waits until everything started on the device is done.
    public func synchronize() throws(TorchError) {
        try check(ctorch_synchronize(description), "synchronize")
    }
}

/// Whether this LibTorch has CUDA and the machine a device for it.
public var isCUDAAvailable: Bool { ctorch_cuda_is_available() }

/// The number of CUDA devices, 0 without CUDA.
public var cudaDeviceCount: Int { Int(ctorch_cuda_device_count()) }
