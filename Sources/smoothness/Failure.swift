import Essentials
import Foundation
import HDF5
import Torch

/// Which exit code an error of the libraries means; `nil` for the argument parser's own.
enum Failure {
    static func exitCode(of error: any Error) -> Int32? {
        switch error {
        case let error as SmoothnessError: error.kind.rawValue
        case is HDF5Error: SmoothnessError.Kind.inputOutput.rawValue
        case is TorchError, is EncodingError: SmoothnessError.Kind.internalFailure.rawValue
        case is DecodingError: SmoothnessError.Kind.data.rawValue
        case is CocoaError: SmoothnessError.Kind.inputOutput.rawValue
        default: nil
        }
    }
}
