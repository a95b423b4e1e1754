/// Returns a number with what it counts: `1 row`, `2 rows`.
public func counted(_ count: Int, _ noun: String) -> String { count == 1 ? "1 \(noun)" : "\(count) \(noun)s" }
