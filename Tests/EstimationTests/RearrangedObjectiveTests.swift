import Essentials
import Estimation
import Evaluation
import Formulas
import ParameterSpace
import Testing

/// An objective as a function of vectors whose blocks come in another order.
@Suite("Objectives in the layout of a run")
struct RearrangedObjectiveTests {
    private static let own = ParameterLayout([("a", [2, 3]), ("b", [0]), ("c", []), ("d.e", [4])])
    private static let ofRun = ParameterLayout([
        ("module.d._orig_mod.e", [4]), ("module.c", []), ("module.a", [2, 3]), ("module.b", [0]),
    ])
    /// Place i of a vector of the run is this place of the objective's.
    private static let places = [7, 8, 9, 10, 6, 0, 1, 2, 3, 4, 5]
    private static let point: [Float] = (0..<11).map { 0.1 * Float($0) - 0.3 }

    private func inOrderOfRun<Value>(_ vector: [Value]) -> [Value] { Self.places.map { vector[$0] } }

    private var objective: ClosureObjective<Float> {
        diagonalQuadratic(
            Float.self, curvatures: (0..<3).map { row in (0..<11).map { 0.3 + Double(row * 11 + $0) / 7 } },
            weights: [1, 2, 5], layout: Self.own)
    }

    @Test("losses and gradients are those of the objective, bit for bit, in the order of the run")
    func gradients() throws {
        let objective = objective
        let fitted = try objective.fitted(to: Self.ofRun, ofRun: "run.h5")
        #expect(fitted.layout == Self.ofRun && fitted.componentCount == 3 && fitted.weight(ofComponent: 2) == 5)
        let there = inOrderOfRun(Self.point)
        var (expected, found) = (Self.point, Self.point)
        for component in 0..<3 {
            let loss = objective.gradient(ofComponent: component, at: Self.point, into: &expected)
            #expect(try fitted.gradient(ofComponent: component, at: there, into: &found) == loss)
            #expect(found == inOrderOfRun(expected))
            #expect(try fitted.loss(ofComponent: component, at: there) == loss)
            #expect(try fitted.evaluation(ofComponent: component, at: there).loss == loss)
        }
        var (sum, sumThere) = ([Double](repeating: 0.25, count: 11), [Double](repeating: 0.25, count: 11))
        var scratch = Self.point
        let total = try objective.addGradients(
            of: [2, 0], at: Self.point, scratch: &scratch, into: &sum, isCancelled: { false })
        let prepared = try fitted.settled(at: there).focused(on: there).redrawn(0)
        #expect(
            try prepared.addGradients(
                of: [2, 0], at: there, scratch: &scratch, into: &sumThere, isCancelled: { false })
                == total)
        #expect(sumThere == inOrderOfRun(sum))
        #expect(fitted.initialPoint(seed: 1) == Self.point.map { _ in 1 })
    }

    @Test("Hessian–vector products are those of the objective; one without any says so")
    func products() throws {
        let quadratic = try makeObjective(
            .quadratic(spectrum: [5, 2, 1], rotations: 2, componentCount: 2, noise: 0.5, seed: 4), as: Double.self
        ).training
        let name = try #require(quadratic.layout.blocks.first?.name)
        let layout = ParameterLayout([("module." + name, quadratic.layout.blocks[0].shape)])
        let own = try #require(quadratic as? any HessianProductObjective<Double>)
        let fitted = try #require(
            try quadratic.fitted(to: layout, ofRun: "run.h5") as? any HessianProductObjective<Double>)
        var (expected, found) = ([0.0, 0, 0], [1.0, 1, 1])
        try own.hessianProduct(ofComponent: 1, at: [1, 2, 3], with: [3, -1, 2], into: &expected)
        try fitted.hessianProduct(ofComponent: 1, at: [1, 2, 3], with: [3, -1, 2], into: &found)
        #expect(found == expected)
        var product = Self.point
        let gradients = try #require(
            try objective.fitted(to: Self.ofRun, ofRun: "run.h5") as? any HessianProductObjective<Float>)
        #expect(throws: MissingSecondDerivative.self) {
            try gradients.hessianProduct(ofComponent: 0, at: Self.point, with: Self.point, into: &product)
        }
    }

    @Test("an objective of the same layout stays itself, and what was done is told")
    func notes() throws {
        #expect(try objective.fitted(to: Self.own, ofRun: "run.h5") is ClosureObjective<Float>)
        #expect(objective.fittingNote == nil)
        #expect(
            try objective.fitted(to: Self.ofRun, ofRun: "run.h5").fittingNote
                == "the blocks of the run come in another order than those of the objective and were matched by name; "
                + "the names of a wrapper (module., _orig_mod., model.) were taken off to match")
    }

    @Test(
        "what does not match by name and shape is refused by its names",
        arguments: [
            ([("a", [3, 2]), ("b", [0]), ("c", []), ("d.e", [4])], "a [2, 3]", "a [3, 2]", "--layout"),
            ([("a", [2, 3]), ("b", [0]), ("c", [])], "d.e [4]", "no blocks of these names", "--layout"),
            (
                [("a", [2, 3]), ("b", [0]), ("c", []), ("d.e", [4]), ("mask", [2])], "no blocks of these names",
                "mask [2]", "--leave-out 'mask'"
            ),
            ([("parameters", [11])], "a [2, 3], b [0], c [], d.e [4]", "parameters [11]", "--layout"),
            (
                [("a", [2, 3]), ("a", [2, 3]), ("c", []), ("d.e", [4])], "b [0]", "no blocks of these names", "--layout"
            ),
        ] as [([(String, [Int])], String, String, String)])
    func refusals(blocks: [(String, [Int])], expected: String, found: String, remedy: String) throws {
        let error = #expect(throws: SmoothnessError.self) {
            _ = try objective.fitted(to: ParameterLayout(blocks.map { (name: $0.0, shape: $0.1) }), ofRun: "run.h5")
        }
        #expect(error?.kind == .data && error?.file == "run.h5" && error?.expected == expected && error?.found == found)
        #expect(error?.remedy?.contains(remedy) == true)
    }
}
