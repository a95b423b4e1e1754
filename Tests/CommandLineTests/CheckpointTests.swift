import Foundation
import HDF5
import TestSupport
import Testing

@Suite("Sample run files")
struct CheckpointTests {
    private func checkpoint(_ name: String) -> String {
        Workplace.packageRoot.appending(path: "checkpoints/\(name)").path
    }

    @Test(arguments: ["lstm-generated", "quartic-valley"]) func theyAreValidAndFitAsStated(name: String) throws {
        for file in ["\(name).h5", "\(name).estimates.h5"] {
            let outcome = try runSmoothness("verify", checkpoint(file))
            #expect(outcome.exitCode == 0, "\(outcome.standardOutput)")
        }
        let outcome = try runSmoothness("fit", checkpoint("\(name).h5"))
        #expect(outcome.standardOutput == (try String(contentsOfFile: checkpoint("\(name).fit.txt"), encoding: .utf8)))
    }

    @Test(arguments: [("lstm-generated", 1e-4), ("quartic-valley", 1e-12)])
    func estimatingAgainGivesTheSameCurve(name: String, tolerance: Double) throws {
        let folder = try TemporaryFolder()
        let again = folder.path("again.h5")
        let subset = name == "quartic-valley" ? "1" : "0.1"
        let outcome = try runSmoothness(
            "estimate", checkpoint("\(name).h5"), "--subset", subset, "--threads", "1", "-o", again)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        func column(_ path: String, _ name: String) throws -> [Double] {
            try HDF5.File.open(path).dataset("/estimates/\(name)").read(as: Double.self)
        }
        for quantity in ["loss", "gradient_norm", "smoothness"] {
            let new = try column(again, quantity)
            let old = try column(checkpoint("\(name).estimates.h5"), quantity)
            #expect(new.count == old.count && !new.isEmpty)
            expectAgreement(new, old, .relative(tolerance), "\(quantity)")
        }
    }
}
