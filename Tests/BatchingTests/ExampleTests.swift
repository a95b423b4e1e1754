import Batching
import Foundation
import TestSupport
import Testing

/// The examples of docs/cluster.md, as they stand there.
@Suite("Examples of docs/cluster.md", .serialized)
struct ExampleTests {
    private let batch: BatchFolder

    init() throws {
        batch = try BatchFolder()
        for index in 0..<3 { try batch.train("run\(index).h5", seed: UInt64(index), iterations: 9) }
    }

    /// The one block of code of a language.
    private static func block(_ language: String) throws -> String {
        let page = Workplace.packageRoot.appending(path: "docs/cluster.md")
        let parts = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "```\(language)\n")
        try #require(parts.count == 2)
        return parts[1].components(separatedBy: "```")[0]
    }

    private func shell(_ line: String) throws {
        let search = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let tools = Workplace.python.map { URL(filePath: $0).deletingLastPathComponent().path } ?? ""
        let outcome = try run(
            "/bin/bash", ["-e", "-c", line],
            environment: [
                "PATH": "\(Workplace.products.path):\(tools):\(search)", "HOME": batch.folder.url.path,
                "XDG_CACHE_HOME": batch.path("cache"),
            ], directory: batch.folder.url.path)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)\(outcome.standardOutput)")
        let status = try BatchStatus(of: PlanFolder(batch.path("plan")))
        #expect(status.done == status.units && status.units > 0 && status.failed == 0)
        #expect(batch.text("plan/results/runs.csv").split(separator: "\n").count == 4)
    }

    private static func has(_ program: String) -> Bool {
        let tools = Workplace.python.map { [URL(filePath: $0).deletingLastPathComponent().path] } ?? []
        let search = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (tools + search).contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(program)") }
    }

    @Test("GNU parallel", .enabled(if: has("parallel"), "Debian's package parallel is not installed"))
    func parallel() throws { try shell(Self.block("sh").replacing("parallel ", with: "parallel --will-cite ")) }

    @Test("Snakemake", .enabled(if: has("snakemake"), "snakemake is not installed beside SMOOTHNESS_PYTHON"))
    func snakemake() throws {
        try Self.block("snakemake").write(toFile: batch.path("Snakefile"), atomically: true, encoding: .utf8)
        try shell("snakemake --cores 2 --quiet all")
    }

    private static let hasSubmitit: Bool = {
        guard let python = Workplace.python else { return false }
        return (try? run(python, ["-c", "import submitit"]).exitCode) == 0
    }()

    @Test("submitit", .enabled(if: hasSubmitit, "submitit is not installed for SMOOTHNESS_PYTHON"))
    func submitit() throws {
        try Self.block("python").write(toFile: batch.path("work.py"), atomically: true, encoding: .utf8)
        try shell("'\(try #require(Workplace.python))' work.py")
    }
}
