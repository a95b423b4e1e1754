import CHDF5

/// An open group. Datasets and attributes are reached by path from the file; a group is there to be made and listed.
public struct Group: ~Copyable, Sendable {
    public let path: String
    let file: String
    let identifier: Identifier

    /// The names of the members, in alphabetical order.
    public func members() throws(HDF5Error) -> [String] {
        Library.enter()
        defer { Library.leave() }
        var names: [String] = []
        let status = withUnsafeMutablePointer(to: &names) { chdf5_each_member(identifier.value, appendName, $0) }
        try checked(status, "H5Literate", file: file, object: path)
        return names
    }

    public consuming func close() throws(HDF5Error) {
        let (path, file) = (path, file)
        try identifier.close("H5Gclose", file: file, object: path)
    }
}

/// Appends to the array of names behind `list`: called back before the call returns, so that the pointer never outlives the array.
func appendName(_ name: UnsafePointer<CChar>?, _ list: UnsafeMutableRawPointer?) {
    guard let name, let list else { return }
    list.assumingMemoryBound(to: [String].self).pointee.append(String(cString: name))
}

/// What a path leads to.
public enum ObjectKind: Sendable { case group, dataset, other }

extension File {
    public func group(_ path: String) throws(HDF5Error) -> Group {
        Library.enter()
        defer { Library.leave() }
        let value = H5Gopen2(identifier.value, path, chdf5_default())
        return Group(
            path: path, file: self.path,
            identifier: try Identifier(owning: value, { H5Gclose($0) }, "H5Gopen2", file: self.path, object: path))
    }

    /// A new group; fails when the name is taken.
    @discardableResult
    public func createGroup(_ path: String) throws(HDF5Error) -> Group {
        Library.enter()
        defer { Library.leave() }
        let links = try linkList(path)
        let creation = try Identifier(
            owning: chdf5_group_creation_list(), { H5Pclose($0) }, "H5Pcreate", file: self.path, object: path)
        try checked(
            H5Pset_obj_track_times(creation.value, false), "H5Pset_obj_track_times", file: self.path, object: path)
        let value = H5Gcreate2(identifier.value, path, links.value, creation.value, chdf5_default())
        return Group(
            path: path, file: self.path,
            identifier: try Identifier(owning: value, { H5Gclose($0) }, "H5Gcreate2", file: self.path, object: path))
    }

    /// Whether the path leads to an object.
    public func exists(_ path: String) throws(HDF5Error) -> Bool {
        try kind(of: path) != nil
    }

    /// What the path leads to; `nil` when it leads nowhere.
    public func kind(of path: String) throws(HDF5Error) -> ObjectKind? {
        Library.enter()
        defer { Library.leave() }
        // H5Lexists is an error, not "no", where a group on the way is missing: ask link by link.
        var walked = ""
        for part in path.split(separator: "/") {
            walked += "/" + part
            guard
                try checked(
                    H5Lexists(identifier.value, walked, chdf5_default()), "H5Lexists", file: self.path, object: walked)
                    > 0
            else { return nil }
            // A link may dangle or lead in circles or to another file, and a dataset on the way has no members.
            let exists = H5Oexists_by_name(identifier.value, walked, chdf5_default())
            if exists < 0, chdf5_link_type(identifier.value, walked) != H5L_TYPE_HARD {
                H5Eclear2(chdf5_error_default())
                return nil
            }
            guard try checked(exists, "H5Oexists_by_name", file: self.path, object: walked) > 0 else { return nil }
            guard walked.count < path.count else { break }
            let object = try open(walked)
            if H5Iget_type(object.value) != H5I_GROUP { return walked == path ? .other : nil }
        }
        let object = try open(path)
        switch H5Iget_type(object.value) {
        case H5I_GROUP: return .group
        case H5I_DATASET: return .dataset
        default: return .other
        }
    }

    /// Whether an object and its elements lie in this file: no external link leads to it, and a dataset does not take its elements from other
    /// files (external storage, a virtual dataset). Whoever wrote a file would otherwise choose what else is read.
    public func isWithin(_ path: String) throws(HDF5Error) -> Bool {
        Library.enter()
        defer { Library.leave() }
        // A link to another file is never followed; one that leads nowhere leads to no other file.
        let link = chdf5_link_type(identifier.value, path)
        guard link != H5L_TYPE_EXTERNAL else { return false }
        let exists = H5Oexists_by_name(identifier.value, path, chdf5_default())
        // A soft link can lead to an external one.
        if exists < 0, link == H5L_TYPE_SOFT { return false }
        guard try checked(exists, "H5Oexists_by_name", file: self.path, object: path) > 0 else { return true }
        let object = try open(path)
        guard H5Iget_type(object.value) == H5I_DATASET else { return true }
        let list = try Identifier(
            owning: H5Dget_create_plist(object.value), { H5Pclose($0) }, "H5Dget_create_plist", file: self.path,
            object: path)
        return H5Pget_layout(list.value) != H5D_VIRTUAL && H5Pget_external_count(list.value) == 0
    }

    /// Where the header of the object lies in its file: the same number whatever path leads to it, so that a walk through groups that contain
    /// themselves can tell what it has seen.
    public func address(of path: String) throws(HDF5Error) -> UInt64 {
        Library.enter()
        defer { Library.leave() }
        let object = try open(path)
        let address = chdf5_address(object.value)
        guard address != chdf5_undefined_address() else {
            throw HDF5Error("H5Oget_info", file: self.path, object: path, stack: drainErrorStack())
        }
        return UInt64(address)
    }

    /// The names of a group's members, in alphabetical order.
    public func members(of path: String) throws(HDF5Error) -> [String] { try group(path).members() }

    /// Any object by path, for its kind and its attributes.
    func open(_ path: String) throws(HDF5Error) -> Identifier {
        let value = H5Oopen(identifier.value, path, chdf5_default())
        return try Identifier(owning: value, { H5Oclose($0) }, "H5Oopen", file: self.path, object: path)
    }

    /// Makes missing groups on the way; names are UTF-8.
    func linkList(_ path: String) throws(HDF5Error) -> Identifier {
        let links = try Identifier(
            owning: chdf5_link_creation_list(), { H5Pclose($0) }, "H5Pcreate", file: self.path, object: path)
        try checked(
            H5Pset_create_intermediate_group(links.value, 1), "H5Pset_create_intermediate_group", file: self.path,
            object: path)
        try checked(
            H5Pset_char_encoding(links.value, H5T_CSET_UTF8), "H5Pset_char_encoding", file: self.path, object: path)
        return links
    }
}

/// The text before the first zero byte.
func decoded(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
