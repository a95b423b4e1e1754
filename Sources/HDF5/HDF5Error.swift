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
    /// What is known to be the matter with the file.
    public var fault: Fault?
    /// Whether the operating system reported the failure: the contents of the file are not at fault then.
    public var isSystemFailure: Bool

    /// A request that never reached the library.
    public init(
        refused operation: String, _ message: String, file: String? = nil, object: String? = nil,
        isSystemFailure: Bool = false
    ) {
        self.operation = operation
        self.file = file
        self.object = object
        self.message = message
        stack = []
        self.isSystemFailure = isSystemFailure
    }

    /// A file or an object that this module has found to be at fault.
    init(fault: Fault, _ operation: String, _ message: String, file: String?, object: String?) {
        self.init(refused: operation, message, file: file, object: object)
        self.fault = fault
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
        fault = Fault(stack)
        // The drivers add the number of the system's error; nothing else in the library has one.
        isSystemFailure = stack.contains { $0.description.contains("errno = ") }
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
    /// The faults of a file for which there is a remedy.
    public enum Fault: Sendable, Hashable {
        /// The file is shorter than it says itself.
        case truncated
        /// Its structure cannot be right.
        case damaged
        /// Another process has it open for writing, or one ended without closing it.
        case openForWriting
        /// Another process has locked it.
        case locked
        /// Its superblock or an object's header has a version that the library does not know.
        case newerVersion
        /// A dataset was written through a filter that is not installed.
        case missingFilter
        /// A link leads to another file, and such links are never followed.
        case elsewhere

        /// What the library says of it; its errors have no finer codes.
        init?(_ stack: [Frame]) {
            func says(_ text: String) -> Bool { stack.contains { $0.description.contains(text) } }
            if says("truncated file") {
                self = .truncated
            } else if says("h5clear") || says("file is already open for") || says("file is not already open for") {
                self = .openForWriting
            } else if says("unable to lock file") {
                self = .locked
            } else if says("bad superblock version") || says("bad version number")
                || says("version number out of range")
                || stack.last?.minor == "Wrong version number"
            {
                self = .newerVersion
            } else if says("required filter") || says("unable to load dynamically loaded plugin")
                || says("filter is not registered")
            {
                self = .missingFilter
            } else if says("Link class not registered") || says("unable to find link class") {
                self = .elsewhere
            } else {
                return nil
            }
        }
    }

    /// What the fault means, in words that follow the name of the file or of the object.
    public var explanation: String? {
        switch fault {
        case nil: nil
        case .truncated: "is truncated: \(message)"
        case .damaged: "is damaged: \(message)"
        case .openForWriting: "is open for writing in another program, or was not closed by it: \(message)"
        case .locked: "is locked by another program: \(message)"
        case .newerVersion:
            "is of a newer version of HDF5 than libhdf5 \(File.libraryVersion) knows, or damaged: \(message)"
        case .missingFilter: "was written through a filter that is not installed: \(message)"
        case .elsewhere: "lies in another file, and links to other files are not followed"
        }
    }

    /// What a person can do about the fault.
    public var remedy: String? {
        switch fault {
        case nil: nil
        case .truncated: "Copy it again from where it was written"
        case .damaged: "Copy it again from where it was written, or make it again"
        case .openForWriting:
            "Wait until that program has closed it; if none is running, clear the mark on a copy of it: h5clear -s FILE"
        case .locked: "Wait until that program has closed it"
        case .newerVersion:
            "Store it again for older readers (h5repack --high=v18 FILE COPY, or libver=\"earliest\" in h5py), or use a newer libhdf5"
        case .missingFilter:
            "Store it again without the filter (h5repack -f NONE FILE COPY, where the filter is installed), or name the folder of its "
                + "plugin in HDF5_PLUGIN_PATH"
        case .elsewhere: "Copy it into this file: h5copy -f ext"
        }
    }

    /// What it means for a file with HDF5's signature that it cannot be opened.
    public var damage: String { explanation ?? "is damaged: \(message)" }
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
