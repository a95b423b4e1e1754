import HDF5

/// Puts 37.25 over the first number of row 2 of a dataset.
func forge(_ path: String, _ dataset: String) throws {
    let file = try HDF5.File.open(path, .readWrite)
    let rank = try file.dataset(dataset).shape.count
    try file.dataset(dataset).write(37.25, at: [2] + Array(repeating: 0, count: rank - 1))
    try file.close()
}

/// Where the datasets of rows of an estimates file lie in it: path and bytes.
func rowBytes(of path: String) throws -> [(name: String, bytes: Range<Int>)] {
    let file = try HDF5.File.open(path)
    var found: [(String, Range<Int>)] = []
    for group in ["/estimates", "/estimates/curve", "/estimates/blocks", "/estimates/groups"] {
        for name in try file.members(of: group) where try file.kind(of: "\(group)/\(name)") == .dataset {
            let dataset = try file.dataset("\(group)/\(name)")
            guard let start = dataset.byteOffset else { continue }
            found.append(("\(group)/\(name)", start..<(start + dataset.storageSize)))
        }
    }
    return found
}
