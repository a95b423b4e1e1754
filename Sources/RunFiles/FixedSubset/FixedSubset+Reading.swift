import Essentials
import HDF5
import ParameterSpace

extension FixedSubset {
    /// Losses on the fixed subset of one row.
    public struct Losses: Sendable, Equatable {
        /// f_S(x_k)
        public var atIterate: Double
        /// f_S(x_{k+1})
        public var atNextIterate: Double
        /// At the probes, in the order of the γ.
        public var atProbes: [Double]

        public init(atIterate: Double, atNextIterate: Double, atProbes: [Double] = []) {
            self.atIterate = atIterate
            self.atNextIterate = atNextIterate
            self.atProbes = atProbes
        }
    }

    func losses(in file: borrowing File, rows: Int) throws -> [Losses] {
        let first = try file.dataset(Self.path("loss")).read(
            as: Double.self, start: [0], count: [sharesRows && rows > 0 ? rows + 1 : rows])
        let next =
            sharesRows
            ? Array(first.dropFirst())
            : try file.dataset(Self.path("next_loss")).read(as: Double.self, start: [0], count: [rows])
        let count = gammas.count
        let probes =
            count == 0
            ? []
            : try file.dataset(Self.path("probe_loss")).read(as: Double.self, start: [0, 0], count: [rows, count])
        return (0..<rows).map {
            Losses(
                atIterate: first[$0], atNextIterate: next[$0],
                atProbes: Array(probes[($0 * count)..<(($0 + 1) * count)]))
        }
    }

    /// Refuses datasets that are missing, of another type or of other extents, before anything is read.
    func requireForms(
        in file: borrowing File, rows: Int, _ header: RunHeader, isConsecutive: Bool
    ) throws {
        guard isConsecutive || !sharesRows else {
            throw SmoothnessError(
                .data, "is missing", file: file.path, object: Self.path("next_gradient"),
                expected: "a dataset, because there is /trajectory/next_iterate", found: "none")
        }
        guard let scalar = ScalarType(rawValue: header.scalarName) else { return }
        for definition in definitions(rows: rows, parameterCount: header.layout.count, scalar: scalar) {
            try translating(.data) {
                let dataset = try file.dataset(definition.path)
                let (name, shape) = (try dataset.elementName, try dataset.shape)
                guard name == definition.element.rawValue, shape == definition.shape else {
                    throw SmoothnessError(
                        .data, "has another form than the rows and the parameters ask for", file: file.path,
                        object: definition.path, expected: "\(definition.element.rawValue) \(definition.shape)",
                        found: "\(name) \(shape)")
                }
            }
        }
    }
}

extension RunVerifier {
    /// Everything under `/fixed_subset`: structure here, numbers with the rows.
    mutating func checkFixedSubset(_ file: borrowing File, _ plan: RunPlan, _ layout: ParameterLayout) {
        do {
            guard let subset = try FixedSubset(of: file) else { return }
            try checkText("subset", of: RunFilePath.fixedSubset, in: file)
            let name = try file.dataset(RunFilePath.iterate).elementName
            let isConsecutive = try !file.exists(RunFilePath.nextIterate)
            report.check(
                "gradients at next iterates are there", isConsecutive || !subset.sharesRows,
                at: FixedSubset.path("next_gradient"), expected: "a dataset, as there are next iterates", found: "none")
            for definition in subset.definitions(
                rows: plan.snapshotCount, parameterCount: layout.count, scalar: name == "float64" ? .float64 : .float32)
            {
                try checkDataset(definition, in: file)
            }
        } catch {
            fail(error, "fixed subset is whole")
            isReadable = false
        }
    }
}
