/// A small dense matrix, row by row. Products are plain sums in a fixed order, accumulated in Double.
struct DenseMatrix: Sendable, Hashable {
    let rows: Int
    let columns: Int
    var values: [Double]

    init(rows: Int, columns: Int, values: [Double]) {
        precondition(values.count == rows * columns, "\(values.count) values do not make \(rows) × \(columns)")
        self.rows = rows
        self.columns = columns
        self.values = values
    }

    static func zero(_ rows: Int, _ columns: Int) -> DenseMatrix {
        DenseMatrix(rows: rows, columns: columns, values: Array(repeating: 0, count: rows * columns))
    }

    static func identity(_ size: Int) -> DenseMatrix {
        var matrix = zero(size, size)
        for index in 0..<size { matrix.values[index * (size + 1)] = 1 }
        return matrix
    }

    subscript(row: Int, column: Int) -> Double {
        get { values[row * columns + column] }
        set { values[row * columns + column] = newValue }
    }

    var transposed: DenseMatrix {
        var result = DenseMatrix.zero(columns, rows)
        for row in 0..<rows {
            for column in 0..<columns { result[column, row] = self[row, column] }
        }
        return result
    }

    static func * (left: DenseMatrix, right: DenseMatrix) -> DenseMatrix {
        precondition(left.columns == right.rows, "\(left.columns) columns meet \(right.rows) rows")
        var result = zero(left.rows, right.columns)
        for row in 0..<left.rows {
            for inner in 0..<left.columns {
                let factor = left.values[row * left.columns + inner]
                for column in 0..<right.columns {
                    result.values[row * right.columns + column] += factor * right.values[inner * right.columns + column]
                }
            }
        }
        return result
    }

    static func + (left: DenseMatrix, right: DenseMatrix) -> DenseMatrix {
        DenseMatrix(rows: left.rows, columns: left.columns, values: zip(left.values, right.values).map { $0 + $1 })
    }

    static func - (left: DenseMatrix, right: DenseMatrix) -> DenseMatrix {
        DenseMatrix(rows: left.rows, columns: left.columns, values: zip(left.values, right.values).map { $0 - $1 })
    }

    static func * (factor: Double, matrix: DenseMatrix) -> DenseMatrix {
        DenseMatrix(rows: matrix.rows, columns: matrix.columns, values: matrix.values.map { factor * $0 })
    }

    /// The rows as arrays.
    var rowArrays: [[Double]] { (0..<rows).map { Array(values[($0 * columns)..<(($0 + 1) * columns)]) } }
}
