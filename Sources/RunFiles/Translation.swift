import Essentials
import HDF5

extension SmoothnessError {
    /// What HDF5 reported, in this project's words: the cause, which is the last entry of the library's stack. What the operating system
    /// did not report is a matter of the file's contents, whatever was being done.
    package init(_ kind: Kind, _ error: HDF5Error, remedy: String? = nil) {
        self.init(
            kind == .inputOutput && !error.isSystemFailure ? .data : kind,
            error.explanation ?? "\(error.operation) failed: \(error.message)", file: error.file,
            object: error.object,
            remedy: error.fault == .truncated || error.fault == .damaged
                ? remedy ?? error.remedy : error.remedy ?? remedy)
    }
}

/// Runs `body` and turns HDF5's errors into `SmoothnessError` of the given kind; others pass.
package func translating<Result: ~Copyable>(
    _ kind: SmoothnessError.Kind, remedy: String? = nil, _ body: () throws -> Result
) throws -> Result {
    do { return try body() } catch let error as HDF5Error { throw SmoothnessError(kind, error, remedy: remedy) }
}
