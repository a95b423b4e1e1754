import Essentials
import Foundation

/// The most that a description may ask for. It may stand in a file that somebody else has made: without bounds the products of its sizes leave
/// 64 bits, and what it generates takes all memory and time.
package enum DescriptionBounds {
    /// One extent of a network.
    package static let size = 1 << 22
    package static let layers = 1000
    /// Examples of a component, steps of a segment.
    package static let batch = 1 << 31
    package static let components = 1_000_000
    /// Numbers of generated samples.
    package static let numbers = 1 << 25
    /// Layers of a formula, whose matrices are small.
    package static let width = 4096
    /// Lines and words of a generated text.
    package static let lines = 1_000_000
    /// Values of generated images.
    package static let pixels = 1 << 28
    package static let imageSide = 1 << 14
}

/// Refuses a size below 1, or one that no data or machine has.
package func requireSize(_ parameter: String, _ size: Int, atMost most: Int = DescriptionBounds.size) throws {
    try require(size >= 1, parameter, "1 or more", size)
    try require(size <= most, parameter, "\(most) at most", size)
}

/// Refuses a network whose point and gradient alone need more memory than the machine has.
package func requireMemory(forParameters count: Int) throws {
    let bytes = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    let most = bytes / (2 * MemoryLayout<Float>.size)
    try require(count <= most, "parameters", "\(most) at most on this machine", count)
}

package func isPositive(_ value: Double) -> Bool { value.isFinite && value > 0 }
package func isNonnegative(_ value: Double) -> Bool { value.isFinite && value >= 0 }

/// Refuses a parameter that is out of range.
package func require(_ holds: Bool, _ parameter: String, _ expected: String, _ found: some Any) throws {
    guard !holds else { return }
    throw SmoothnessError(
        .usage, "the objective's parameter is out of range", object: parameter, expected: expected, found: "\(found)")
}
