import HDF5

/// Puts faults into a run file.
struct HDF5Fault {
    let path: String

    init(_ path: String) { self.path = path }

    func overstateStepNorm(ofRow row: Int) throws {
        let file = try HDF5.File.open(path, .readWrite)
        try file.dataset("/trajectory/step_norm").write(12.5, at: [row])
        try file.close()
    }
}
