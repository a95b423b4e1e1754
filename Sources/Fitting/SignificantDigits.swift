import Foundation

/// `value` with `digits` significant digits: plain between 10⁻⁴ and 10^(digits+2), else with an exponent; trailing zeros kept, so that the precision shows.
/// `nan`, `inf` and `-inf` are spelled out.
public func significant(_ value: Double, digits: Int) -> String {
    precondition(digits >= 1, "a number has at least one digit")
    guard value.isFinite else { return value.isNaN ? "nan" : value > 0 ? "inf" : "-inf" }
    guard value != 0 else { return "0" }
    let scientific = String(format: "%.\(digits - 1)e", value)
    // The exponent after rounding: 9.996 has three digits as 10.0.
    guard let marker = scientific.lastIndex(of: "e"), let exponent = Int(scientific[scientific.index(after: marker)...])
    else { return scientific }
    guard exponent >= -4, exponent < digits + 2 else { return scientific }
    let rounded = Double(scientific) ?? value
    return String(format: "%.\(max(digits - 1 - exponent, 0))f", rounded)
}
