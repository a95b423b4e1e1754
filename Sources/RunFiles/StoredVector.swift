import HDF5
import ParameterSpace

// Parameter vectors are Float or Double, known only when the program runs. Going through `Any` and back, a cast to the
// type that the array already has is a retain; a direct cast between generic arrays would copy element by element.

extension Dataset {
    /// Writes one row of P elements from the array's own memory.
    func write<Scalar: ParameterScalar>(_ vector: [Scalar], row: Int) throws {
        let (start, count) = ([row, 0], [1, vector.count])
        if Scalar.self == Float.self, let values = vector as Any as? [Float] {
            try write(values, start: start, count: count)
        } else if Scalar.self == Double.self, let values = vector as Any as? [Double] {
            try write(values, start: start, count: count)
        } else {
            preconditionFailure("a parameter vector is Float or Double, not \(Scalar.self)")
        }
    }

    /// Returns the place of a row in the file, for a contiguous dataset of numbers.
    func byteRange(ofRow row: Int, width: Int, as scalar: (some ParameterScalar).Type) -> Range<Int>? {
        guard let offset = byteOffset else { return nil }
        let rowBytes = width * (scalar == Float.self ? 4 : 8)
        return (offset + row * rowBytes)..<(offset + (row + 1) * rowBytes)
    }

    /// Reads one row of P elements into the array's own memory when it already has P elements.
    func read<Scalar: ParameterScalar>(row: Int, of width: Int, into vector: inout [Scalar]) throws {
        let (start, count) = ([row, 0], [1, width])
        if Scalar.self == Float.self, var values = vector as Any as? [Float] {
            // Let go of the caller's reference, so that the memory is used in place.
            vector = []
            defer { vector = (values as Any as? [Scalar]) ?? [] }
            try read(into: &values, start: start, count: count)
        } else if Scalar.self == Double.self, var values = vector as Any as? [Double] {
            vector = []
            defer { vector = (values as Any as? [Scalar]) ?? [] }
            try read(into: &values, start: start, count: count)
        } else {
            preconditionFailure("a parameter vector is Float or Double, not \(Scalar.self)")
        }
    }
}

/// The first index at which two vectors differ in a bit; `nil` when they do not. NaN equals the same NaN.
func firstDifference<Scalar: ParameterScalar>(_ left: [Scalar], _ right: [Scalar]) -> Int? {
    guard left.count == right.count else { return min(left.count, right.count) }
    if Scalar.self == Float.self, let first = left as Any as? [Float], let second = right as Any as? [Float] {
        return first.indices.first { first[$0].bitPattern != second[$0].bitPattern }
    }
    if Scalar.self == Double.self, let first = left as Any as? [Double], let second = right as Any as? [Double] {
        return first.indices.first { first[$0].bitPattern != second[$0].bitPattern }
    }
    preconditionFailure("a parameter vector is Float or Double, not \(Scalar.self)")
}
