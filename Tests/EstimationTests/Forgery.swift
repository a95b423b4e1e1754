import HDF5

/// Puts 37.25 over the first number of row 2 of a dataset.
func forge(_ path: String, _ dataset: String) throws {
    let file = try HDF5.File.open(path, .readWrite)
    let rank = try file.dataset(dataset).shape.count
    try file.dataset(dataset).write(37.25, at: [2] + Array(repeating: 0, count: rank - 1))
    try file.close()
}
