import HDF5

/// The root attribute `state`, the one piece of structure that changes after a file is made.
///
/// A variable-length string lives in a global heap collection and the attribute points to it. Changed naively, the new
/// string gets a new collection at the end of the file: the file grows (a full disk forbids it) and a kill between the
/// writes leaves a dangling attribute. Here the string gets a collection of its own, with room for many successors, when
/// the file is made; a change then rewrites that collection, in which the old string stays, and after it the attribute.
package enum StateAttribute {
    static let name = "state"

    /// Must be the last thing that is done to a new file. In a file freshly opened the library knows of no collection
    /// with room, and so makes one for this string alone.
    package static func create(in path: String) throws(HDF5Error) {
        let file = try File.open(path, .readWrite)
        try file.setAttribute(name, to: RunState.writing.rawValue)
        try file.close()
    }

    /// A process killed while it changed the state may leave it unreadable: it was writing.
    package static func read(from file: borrowing File) -> RunState {
        (try? file.attribute(name, as: String.self)).flatMap { RunState(rawValue: $0) } ?? .writing
    }

    /// Changes the state. Reading the old one first shows the library the collection that has room.
    package static func change(to state: RunState, in file: borrowing File) throws(HDF5Error) {
        // One that a kill has left unreadable is written anew.
        guard (try? file.attribute(name, as: String.self)) != state.rawValue else { return }
        try file.setAttribute(name, to: state.rawValue)
        try file.flush()
    }
}
