import CHDF5

/// A call of libhdf5 that failed, or a request that this module refused.
public struct HDF5Error: Error, Sendable, Hashable, CustomStringConvertible {
    /// One entry of the library's error stack.
    public struct Frame: Sendable, Hashable, CustomStringConvertible {
        /// The function inside the library that reported.
        public var function: String
        /// Its source file, with the line.
        public var file: String
        public var line: Int
        /// What kind of thing failed: the library's "major" message.
        public var major: String
        /// How it failed: the library's "minor" message.
        public var minor: String
        public var description: String

        public init(function: String, file: String, line: Int, major: String, minor: String, description: String) {
            self.function = function
            self.file = file
            self.line = line
            self.major = major
            self.minor = minor
            self.description = description
        }
    }

    /// The call that failed, as `H5Dwrite`, or the request that was refused.
    public var operation: String
    /// The path of the file.
    public var file: String?
    /// The path of the object inside the file; attributes as `object@name`.
    public var object: String?
    public var message: String
    /// The library's whole error stack, the public call first and the cause last; empty where this module refused.
    public var stack: [Frame]

    /// A request that never reached the library.
    public init(refused operation: String, _ message: String, file: String? = nil, object: String? = nil) {
        self.operation = operation
        self.file = file
        self.object = object
        self.message = message
        stack = []
    }

    init(_ operation: String, file: String?, object: String?, stack: [Frame]) {
        self.operation = operation
        self.file = file
        self.object = object
        self.stack = stack
        // The library puts line ends into the middle of its descriptions.
        message =
            stack.last.map { "\(String($0.description.unicodeScalars.filter { $0 != "\n" })) (\($0.minor))" }
            ?? "failed without an error stack"
    }

    public var description: String {
        let place = [file, object].compactMap(\.self).joined(separator: ": ")
        var text = place.isEmpty ? "\(operation): \(message)" : "\(place): \(operation): \(message)"
        for frame in stack {
            text += "\n  \(frame.function) (\(frame.file):\(frame.line)): \(frame.description)"
            text += " [\(frame.major): \(frame.minor)]"
        }
        return text
    }
}

extension HDF5Error {
    /// Whether the file is shorter than it says itself.
    public var isTruncation: Bool { stack.contains { $0.description.contains("truncated file") } }

    /// What it means for a file with HDF5's signature that it cannot be opened.
    public var damage: String { "is \(isTruncation ? "truncated" : "damaged"): \(message)" }
}

/// Reads the current error stack from the public call down to the cause, and clears it.
func drainErrorStack() -> [HDF5Error.Frame] {
    var frames: [HDF5Error.Frame] = []
    // H5Ewalk2 calls back before it returns, so the pointer to the local array never outlives the array.
    withUnsafeMutablePointer(to: &frames) { pointer in
        _ = H5Ewalk2(
            chdf5_error_default(), H5E_WALK_DOWNWARD,
            { _, entry, client in
                guard let entry = entry?.pointee, let client else { return 0 }
                client.assumingMemoryBound(to: [HDF5Error.Frame].self).pointee.append(
                    HDF5Error.Frame(
                        function: text(entry.func_name), file: text(entry.file_name), line: Int(entry.line),
                        major: messageText(entry.maj_num), minor: messageText(entry.min_num),
                        description: text(entry.desc)))
                return 0
            }, pointer)
    }
    H5Eclear2(chdf5_error_default())
    return frames
}

private func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }

private func messageText(_ identifier: hid_t) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    var type = H5E_MAJOR
    let length = H5Eget_msg(identifier, &type, &buffer, buffer.count)
    guard length > 0 else { return "" }
    return String(decoding: buffer.prefix(min(length, buffer.count - 1)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
