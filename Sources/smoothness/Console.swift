import Foundation

/// stdout is data, stderr is for people.
enum Console {
    static func error(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    static func output(_ text: String) throws { try FileHandle.standardOutput.write(contentsOf: Data(text.utf8)) }

    /// The absolute form of a path, which is what messages name.
    static func absolute(_ path: String) -> String { URL(filePath: path).standardizedFileURL.path }
}
