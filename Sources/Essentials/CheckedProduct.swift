/// The product of numbers that were read from a file, as its extents; `nil` where one of them is negative or the product is more than an
/// `Int` holds.
public func checkedProduct(_ factors: some Sequence<Int>) -> Int? {
    var product = 1
    for factor in factors {
        let (next, overflow) = product.multipliedReportingOverflow(by: factor)
        guard factor >= 0, !overflow else { return nil }
        product = next
    }
    return product
}
