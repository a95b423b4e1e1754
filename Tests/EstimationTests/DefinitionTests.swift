import Essentials
import Estimation
import Testing

@Suite("The γ grid and the subset")
struct DefinitionTests {
    @Test("multiples of δ are the literals a person would write, and end in 1")
    func spacing() throws {
        #expect(
            try GammaGrid.spacing(delta: 0.1).resolved() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
        #expect(try GammaGrid.spacing(delta: 1).resolved() == [1])
        #expect(try GammaGrid.spacing(delta: 0.4).resolved() == [0.4, 0.8, 1])
        #expect(try GammaGrid.spacing(delta: 1.0 / 3).resolved() == [0.333333333333333, 0.666666666666667, 1])
        let fine = try GammaGrid.spacing(delta: 0.001).resolved()
        #expect(fine.count == 1000)
        #expect(fine[6] == 0.007 && fine[998] == 0.999)
    }

    @Test("an explicit grid is sorted and keeps each γ once")
    func explicit() throws {
        #expect(try GammaGrid.explicit(gammas: [1, 0.5, 0.5, 1e-7]).resolved() == [1e-7, 0.5, 1])
    }

    @Test(
        "γ and δ outside (0, 1] are refused",
        arguments: [
            GammaGrid.spacing(delta: 0), .spacing(delta: -0.1), .spacing(delta: 1.5), .spacing(delta: .nan),
            .spacing(delta: 1e-9), .explicit(gammas: []), .explicit(gammas: [0.5, 0]), .explicit(gammas: [1.0001]),
            .explicit(gammas: [.nan]), .explicit(gammas: [.infinity]),
        ])
    func refusedGrid(grid: GammaGrid) {
        let error = #expect(throws: SmoothnessError.self) { try grid.resolved() }
        #expect(error?.kind == .usage)
        #expect(error?.remedy != nil)
    }

    @Test("a sample is a function of the seed, without repetition, of the asked size")
    func sample() throws {
        let first = try ComponentSelection.sample(fraction: 0.1, seed: 7).resolved(of: 1000)
        #expect(first.count == 100)
        #expect(Set(first).count == 100)
        #expect(first == first.sorted())
        #expect(first.allSatisfy { (0..<1000).contains($0) })
        #expect(try first == ComponentSelection.sample(fraction: 0.1, seed: 7).resolved(of: 1000))
        #expect(try first != ComponentSelection.sample(fraction: 0.1, seed: 8).resolved(of: 1000))
        #expect(try ComponentSelection.sample(fraction: 1, seed: 3).resolved(of: 5) == [0, 1, 2, 3, 4])
        // Where nothing is asked for: a tenth, and all where a tenth is less than one.
        #expect(try ComponentSelection.standard(seed: 7).resolved(of: 1000) == first)
        #expect(try ComponentSelection.standard(seed: 7).resolved(of: 1) == [0])
        #expect(try ComponentSelection.standard(seed: 7).resolved(of: 9) == Array(0..<9))
    }

    @Test("every component is drawn equally often")
    func uniformity() throws {
        var counts = [Int](repeating: 0, count: 10)
        for seed in 0..<2000 {
            for index in try ComponentSelection.sample(fraction: 0.3, seed: UInt64(seed)).resolved(of: 10) {
                counts[index] += 1
            }
        }
        // Binomial(2000, 0.3): mean 600, standard deviation 20.5; five of them on either side.
        #expect(counts.allSatisfy { abs($0 - 600) < 103 }, "\(counts)")
    }

    @Test("a list may hold ranges")
    func list() throws {
        #expect(try ComponentSelection(parsing: "5,0,8-10").resolved(of: 11) == [0, 5, 8, 9, 10])
        for text in ["", "a", "3-1", "1,,2", "1-2-3", "-1"] {
            let error = #expect(throws: SmoothnessError.self) { try ComponentSelection(parsing: text) }
            #expect(error?.kind == .usage)
        }
    }

    @Test(
        "an empty, foreign or repeated component is refused",
        arguments: [
            ComponentSelection.sample(fraction: 0.01, seed: 0), .sample(fraction: 0, seed: 0),
            .sample(fraction: 1.1, seed: 0), .sample(fraction: .nan, seed: 0), .list(indices: []),
            .list(indices: [20]), .list(indices: [-1]), .list(indices: [3, 3]),
        ])
    func refusedSelection(selection: ComponentSelection) {
        let error = #expect(throws: SmoothnessError.self) { try selection.resolved(of: 20) }
        #expect(error?.kind == .usage)
    }
}
