import CInterprocess

/// Lets two files or folders of one file system change their names, in one step, so that no moment finds either name free.
/// - Returns: whether it was done; some file systems cannot.
public func exchangeNames(_ one: String, _ other: String) -> Bool { smoothness_exchange(one, other) == 0 }
