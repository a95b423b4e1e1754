import Essentials
import Foundation

/// stdout is data, stderr is for people.
enum Console {
    /// A diagnostic that nobody can take is no reason to stop the work.
    ///
    /// What stands in it comes from anywhere: here it becomes text that a terminal shows and does not obey.
    /// - Parameter lineEnds: `.kept` for texts that are made of lines here.
    static func error(_ text: String, lineEnds: Escaping.LineEnds = .indented) {
        let text = Escaping.terminal(text, lineEnds: lineEnds)
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
    }

    /// Data as they are, or text whose lines are escaped where they are made. A terminal shows what it would obey in data as well.
    /// - Throws: `SmoothnessError(.inputOutput)` where the reader has gone away or the disk is full.
    static func output(_ text: String) throws {
        let text = isatty(STDOUT_FILENO) == 1 ? Escaping.terminal(text, lineEnds: .kept, limit: nil) : text
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        } catch {
            let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
            let reason = cause.map { String(cString: strerror(Int32($0.code))) } ?? error.localizedDescription
            throw SmoothnessError(.inputOutput, "cannot be written: \(reason)", file: "standard output")
        }
    }

    /// Puts /dev/null where the caller closed a standard stream: the next file to be opened would take its place, and what
    /// is printed would land in that file.
    static func fillClosedStreams() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]
        where fcntl(descriptor, F_GETFD) == -1 && errno == EBADF {
            _ = open("/dev/null", O_RDWR)
        }
    }

    /// The absolute form of a path, which is what messages name.
    static func absolute(_ path: String) -> String { URL(filePath: path).standardizedFileURL.path }
}
