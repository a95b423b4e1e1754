import Essentials

public func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }
public func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
/// x + c·v
public func moved(_ x: [Double], _ c: Double, _ v: [Double]) -> [Double] { zip(x, v).map { $0 + c * $1 } }
public func difference(_ x: [Double], _ y: [Double]) -> [Double] { moved(x, -1, y) }

public func randomVector(_ count: Int, scale: Double = 1, index: Int) -> [Double] {
    var generator = SeededGenerator(seed: 7, purpose: "test vector", index: index)
    return (0..<count).map { _ in scale * generator.normal() }
}
