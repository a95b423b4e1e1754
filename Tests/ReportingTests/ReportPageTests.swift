import Essentials
import Fitting
import Foundation
import Reporting
import TestSupport
import Testing

/// The page as headless Chromium sees it.
@Suite struct ReportPageTests {
    private let page: ReportPage

    init() throws {
        var generator = SeededGenerator(seed: 5, purpose: "test.page")
        let g = (0..<40).map { _ in exp(generator.normal()) }
        let points = SmoothnessPoints(
            iteration: Array(0..<40), gradientNorm: g, smoothness: g.map { (1 + $0) * exp(0.2 * generator.normal()) },
            stepNorm: g.map { 0.1 * $0 }, loss: g.map { 1 + $0 })
        var options = AdviceOptions()
        options.fit.replicates = 100
        page = ReportPage(
            title: "a <run> & its \"name\"", points: points, fit: try fit(points, options: options.fit),
            advice: try advise(points, options: options), provenance: [("run", "x | y </script>")],
            commands: ["smoothness fit run.h5"])
    }

    private static let chromium = ["chromium", "chromium-browser", "google-chrome"].compactMap { name in
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }.first

    /// The document after its script ran, and what it wrote to the console.
    private func open(_ path: String, _ fragment: String) throws -> (document: String, console: String) {
        let folder = try TemporaryFolder()
        let outcome = try run(
            try #require(Self.chromium),
            [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
                "--user-data-dir=\(folder.path("profile"))", "--virtual-time-budget=2000", "--dump-dom",
                "file://\(path)\(fragment)",
            ])
        let console = outcome.standardError.split(separator: "\n").filter { $0.contains("CONSOLE") }
        return (outcome.standardOutput, console.joined(separator: "\n"))
    }

    @Test(.enabled(if: Self.chromium != nil, "needs Chromium"))
    func worksInABrowser() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("report.html")
        try page.html().write(toFile: path, atomically: true, encoding: .utf8)
        let (document, console) = try open(path, "")
        #expect(console.isEmpty, "\(console)")
        #expect(document.contains("data-axes=\"log\"") && document.contains("data-count=\"40\""))
        #expect(document.components(separatedBy: "<circle").count == 41)
        #expect(document.contains("data-name=\"upper envelope\""))
        let linear = try open(path, "#linear")
        #expect(linear.console.isEmpty && linear.document.contains("data-axes=\"linear\""))
    }

    @Test func holdsTheNumbersOfTheReport() throws {
        let html = try page.html()
        #expect(html.contains("data-value=\"\(page.fit.leastSquares.slope.value)\""))
        let start = try #require(html.range(of: "id=\"data\">")?.upperBound)
        let end = try #require(html.range(of: "</script>", range: start..<html.endIndex)?.lowerBound)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(html[start..<end].utf8)) as? [String: Any])
        let fit = try JSONSerialization.data(withJSONObject: try #require(object["fit"]))
        #expect(try JSONDecoder().decode(FitReport.self, from: fit) == page.fit)
        // Nothing is fetched, and nothing of the data is markup.
        #expect(!html.contains("http://") || !html.contains("src="))
        #expect(html.contains("a &lt;run&gt; &amp; its &quot;name&quot;") && !html.contains("y </script>"))
        for warning in page.fit.warnings { #expect(html.contains("data-code=\"\(warning.code.rawValue)\"")) }
    }

    @Test func makesMarkdown() {
        let text = page.markdown()
        #expect(text.hasPrefix("# a <run>") && text.contains("| least squares | L1 | "))
        #expect(text.contains("| run | x \\| y </script> |") && text.contains("```sh\nsmoothness fit run.h5\n```"))
    }
}
