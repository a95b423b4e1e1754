import CSorting

/// A stable merge sort that counts how many pairs change their order, and can name some of them.
///
/// A pair is an inversion where the earlier element has the larger key; equal keys are none. For keys y − b x of points in the
/// order of x, the inversions are the pairs with a slope below b (Knight 1966, Journal of the American Statistical
/// Association 61, 436–439; Dillencourt, Mount and Netanyahu 1992, Int. Journal of Computational Geometry 2, 1–27).
struct InversionSort {
    private(set) var keys: [Double]
    /// Which point has each key.
    private(set) var items: [Int32]
    private var spareKeys: [Double]
    private var spareItems: [Int32]

    /// The keys of the items 0, 1, …
    init(keys: [Double]) {
        self.keys = keys
        items = (0..<Int32(keys.count)).map(\.self)
        spareKeys = [Double](repeating: 0, count: keys.count)
        spareItems = [Int32](repeating: 0, count: keys.count)
    }

    /// Replaces the keys, in the present order, by a function of the item.
    mutating func setKeys(_ key: (Int) -> Double) {
        for index in items.indices { keys[index] = key(Int(items[index])) }
    }

    /// Takes the items in another order, with keys by the item; the buffers are used again.
    mutating func load(_ order: [Int32], key: (Int) -> Double) {
        for index in order.indices {
            items[index] = order[index]
            keys[index] = key(Int(order[index]))
        }
    }

    /// Sorts by the keys and returns the number of inversions.
    mutating func sort() -> Int {
        var none: [Int32] = []
        var other: [Int32] = []
        return Int(
            smoothness_sort_inversions(
                &keys, &items, &spareKeys, &spareItems, keys.count, [], 0, &none, &other))
    }

    /// Sorts by the keys and returns the number of inversions with the pairs of items of those with the given ascending numbers.
    mutating func sort(naming targets: [Int64]) -> (count: Int, first: [Int32], second: [Int32]) {
        var first = [Int32](repeating: 0, count: targets.count)
        var second = first
        let count = Int(
            smoothness_sort_inversions(
                &keys, &items, &spareKeys, &spareItems, keys.count, targets, targets.count, &first, &second))
        let met = targets.firstIndex { $0 >= count } ?? targets.count
        first.removeLast(targets.count - met)
        second.removeLast(targets.count - met)
        return (count, first, second)
    }
}
