import Foundation

/// What stands at a path, links followed. Pipes and devices are told apart before anything opens them: that can block for
/// ever, and take away what another program should read.
package enum PlaceKind {
    case free, file, folder, special

    package init(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            self = .free
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: self = .file
        case S_IFDIR: self = .folder
        default: self = .special
        }
    }
}
