/// Returns a whole number with commas between its thousands, whatever the locale: `1,234,567`.
package func grouped(_ count: Int) -> String {
    let digits = Array(String(count.magnitude))
    let text = digits.enumerated().reduce(into: "") { text, digit in
        if digit.offset > 0 && (digits.count - digit.offset).isMultiple(of: 3) { text.append(",") }
        text.append(digit.element)
    }
    return (count < 0 ? "-" : "") + text
}

/// Returns a number with its noun: `1 parameter`, `2,000 parameters`.
package func counted(_ count: Int, _ noun: String, plural: String? = nil) -> String {
    "\(grouped(count)) \(count == 1 ? noun : plural ?? noun + "s")"
}
