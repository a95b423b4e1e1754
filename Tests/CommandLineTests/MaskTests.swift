import Foundation
import TestSupport
import Testing

/// `estimate --masks`, on a language model with dropout and a carried state.
@Suite("estimate --masks") struct MaskTests {
    private struct Row: Decodable {
        var smoothness: Double
        var below_floor: Bool
    }

    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        try bench.succeed(
            "train", "--objective", "awd-lstm", "--layers", "2", "--hidden", "8", "--embedding", "6", "--batch-size",
            "20",
            "--sequence-length", "35", "--vocabulary", "50", "--state", "carried", "--burn-in", "1", "--learning-rate",
            "0.1", "--iterations", "5", "--save", "every=2", "--precision", "float64", "--threads", "1", "-o", "run.h5")
    }

    private func measure(_ masks: String, gamma: String) throws -> (rows: [Row], said: String) {
        let outcome = try bench.succeed(
            "estimate", "run.h5", "--components", "1,4", "--gammas", gamma, "--masks", masks, "--threads", "1",
            "--format", "json", "--force", "-o", "\(masks)-\(gamma).h5")
        let rows = try JSONDecoder().decode([Row].self, from: Data(outcome.standardOutput.utf8))
        try #require(rows.count == 3)
        return (rows, outcome.standardError)
    }

    @Test("fixed and off are flat in γ, fresh grows as 1/γ and lies below its repeatability floor") func growth() throws
    {
        for masks in ["fixed", "off", "fresh"] {
            let (whole, said) = try measure(masks, gamma: "1")
            let small = try measure(masks, gamma: "0.001").rows
            #expect(said.contains("state carried") && said.contains("no measurement") == (masks == "fresh"))
            for (near, far) in try paired(small, whole) {
                let growth = near.smoothness / far.smoothness
                // The distance of two draws is random itself, hence the margin.
                #expect(
                    masks == "fresh" ? growth > 300 && growth < 3000 : growth > 0.5 && growth < 2, "\(masks): \(growth)"
                )
                #expect(near.below_floor == (masks == "fresh"), "\(masks)")
            }
        }
        // What the option was is in the file, and repeats.
        let line = try bench.succeed("inspect", "--config", "fresh-0.001.h5").standardOutput
        #expect(line.contains(" --masks fresh "))
    }
}
