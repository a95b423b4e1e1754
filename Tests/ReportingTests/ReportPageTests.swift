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
            effectiveLearningRate: g.map { 0.2 + 0.1 * $0 }, stepNorm: g.map { 0.1 * $0 }, loss: g.map { 1 + $0 })
        var options = AdviceOptions()
        options.fit.replicates = 100
        let report = try fit(points, options: options.fit)
        page = ReportPage(
            title: "a <run> & its \"name\"", points: points, fit: report,
            advice: try advise(points, options: options),
            controls: [
                ReportControl("identity", "rows | kept", count: (39, 40), meaning: "2|a| < b"),
                ReportControl("cosine", "cos", spread: (-0.5, 0.25, 0.75), meaning: "signs"),
            ] + ReportControl.controls(of: report, points), provenance: [("run", "x | y </script>")],
            commands: ["smoothness fit run.h5"])
    }

    private static let chromium = ["chromium", "chromium-browser", "google-chrome"].compactMap { name in
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }.first

    /// The document after its script ran, and what it wrote to the console.
    private func open(_ path: String, _ options: String...) throws -> (document: String, console: String) {
        let folder = try TemporaryFolder()
        let outcome = try run(
            try #require(Self.chromium),
            [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
                "--user-data-dir=\(folder.path("profile"))", "--virtual-time-budget=2000", "--window-size=1000,900",
            ] + options + ["--dump-dom", "file://\(path)"])
        let console = outcome.standardError.split(separator: "\n").filter { $0.contains("CONSOLE") }
        return (outcome.standardOutput, console.joined(separator: "\n"))
    }

    /// The page with a script after its own that does what a user does and leaves what came of it.
    private func drive(_ actions: String, _ options: String...) throws -> [String: Any] {
        let folder = try TemporaryFolder()
        let driver = """
            <script>
            const plot = document.getElementById("plot"), circles = () => [...plot.querySelectorAll("circle")];
            const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
            const choose = (selector, change) => {
              const input = document.querySelector(selector);
              change(input);
              input.dispatchEvent(new Event("input", { bubbles: true }));
            };
            const hover = () => document.getElementById("hover").textContent;
            const outcome = {};
            \(actions)
            const element = document.createElement("script");
            element.type = "application/json"; element.id = "outcome";
            element.textContent = JSON.stringify(outcome);
            document.body.appendChild(element);
            </script></body>
            """
        let path = folder.path("driven.html")
        // The page's policy lets no other script run than its own.
        let policy = try Regex("<meta http-equiv=\"Content-Security-Policy\"[^>]*>")
        try page.html().replacing(policy, with: "").replacing("</body>", with: driver)
            .write(toFile: path, atomically: true, encoding: .utf8)
        let (document, console) = try open(path, options.first ?? "--lang=en")
        #expect(console.isEmpty, "\(console)")
        return try json(in: document, id: "outcome")
    }

    private func json(in document: String, id: String) throws -> [String: Any] {
        let data = Data(try text(in: document, id: id).utf8)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    private func text(in document: String, id: String) throws -> Substring {
        let start = try #require(document.range(of: "id=\"\(id)\">")?.upperBound)
        let end = try #require(document.range(of: "</script>", range: start..<document.endIndex)?.lowerBound)
        return document[start..<end]
    }

    @Test(.enabled(if: Self.chromium != nil, "needs Chromium"))
    func worksInABrowser() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("report.html")
        try page.html().write(toFile: path, atomically: true, encoding: .utf8)
        let (document, console) = try open(path)
        #expect(console.isEmpty, "\(console)")
        #expect(document.contains("data-axes=\"log\"") && document.contains("data-count=\"40\""))
        #expect(document.components(separatedBy: "<circle").count == 41)
        for name in ["least squares", "quantile", "upper envelope", "power law", "2/η_eff"] {
            #expect(document.contains("data-name=\"\(name)\""), "\(name)")
        }
        // A script that is not the page's own does not run.
        let foreign = try page.html().replacing("</body>", with: "<script>document.title = 'changed'</script></body>")
        try foreign.write(toFile: folder.path("foreign.html"), atomically: true, encoding: .utf8)
        let refused = try open(folder.path("foreign.html"))
        #expect(!refused.document.contains("<title>changed") && refused.console.contains("Content Security Policy"))
        #expect(refused.document.contains("data-count=\"40\""))
        let linear = try open(path + "#linear")
        #expect(linear.console.isEmpty && linear.document.contains("data-axes=\"linear\""))
    }

    @Test(.enabled(if: Self.chromium != nil, "needs Chromium"))
    func switchesSliderAndKeysWork() throws {
        let outcome = try drive(
            """
            const lines = () => [...plot.querySelectorAll("line.grid")].length;
            outcome.logarithmic = { axes: plot.dataset.axes, x: circles()[0].getAttribute("cx") };
            choose("input[value=linear]", (input) => { input.checked = true; });
            outcome.linear = { axes: plot.dataset.axes, x: circles()[0].getAttribute("cx"), grid: lines() };
            choose("input[value=log]", (input) => { input.checked = true; });
            outcome.back = circles()[0].getAttribute("cx");
            choose("#until", (input) => { input.value = 9; });
            outcome.slid = { count: circles().length, shown: document.getElementById("shown").textContent };
            choose("#until", (input) => { input.value = input.max; });
            outcome.all = circles().length;
            // Only one point is in the order of the Tab key; arrows move on from it.
            outcome.tabbable = circles().filter((circle) => circle.tabIndex === 0).length;
            circles()[0].focus();
            outcome.first = hover();
            press("ArrowRight"); press("ArrowRight"); press("ArrowLeft");
            outcome.second = hover();
            outcome.label = document.activeElement.getAttribute("aria-label");
            circles()[7].dispatchEvent(new MouseEvent("mouseenter"));
            outcome.pointed = hover();
            outcome.live = document.getElementById("hover").getAttribute("aria-live");
            """)
        let (log, linear) = (outcome["logarithmic"] as? [String: String], outcome["linear"] as? [String: Any])
        #expect(log?["axes"] == "log" && linear?["axes"] as? String == "linear")
        #expect(log?["x"] != linear?["x"] as? String && log?["x"] == outcome["back"] as? String)
        #expect(linear?["grid"] as? Int ?? 0 >= 6)
        let slid = outcome["slid"] as? [String: Any]
        #expect(slid?["count"] as? Int == 10 && slid?["shown"] as? String == "9" && outcome["all"] as? Int == 40)
        #expect(outcome["tabbable"] as? Int == 1 && outcome["live"] as? String == "polite")
        // What is said of a point is what was measured there.
        for (name, index) in [("first", 0), ("second", 1), ("pointed", 7)] {
            let numbers = [
                page.points.gradientNorm[index], page.points.smoothness[index],
                2 / (page.points.effectiveLearningRate?[index] ?? 0),
            ]
            let said = try #require(outcome[name] as? String)
            #expect(said.hasPrefix("iteration \(index): gradient norm "), "\(said)")
            let spoken = said.split(whereSeparator: { " ,:".contains($0) }).compactMap { Double($0) }.dropFirst()
            #expect(spoken.count == 3, "\(said)")
            expectAgreement(Array(spoken), numbers, .relative(5e-4), said)
        }
        #expect(outcome["label"] as? String == outcome["second"] as? String)
    }

    /// Text and lines can be told from the paper in light and in dark: contrast by WCAG 2.2, success criteria 1.4.3 and 1.4.11.
    @Test(.enabled(if: Self.chromium != nil, "needs Chromium"), arguments: [("light", 1), ("dark", 0)])
    func hasContrast(_ scheme: (name: String, preference: Int)) throws {
        let outcome = try drive(
            """
            const luminance = (color) => {
              const parts = color.match(/[0-9.]+/g).slice(0, 3).map((value) => value / 255)
                .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
              return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
            };
            const contrast = (one, other) => {
              const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
              return (high + 0.05) / (low + 0.05);
            };
            outcome.dark = matchMedia("(prefers-color-scheme: dark)").matches;
            const paper = getComputedStyle(document.body).backgroundColor;
            outcome.paper = luminance(paper);
            outcome.text = contrast(getComputedStyle(document.body).color, paper);
            outcome.warning = contrast(getComputedStyle(document.querySelector(".warnings li")).color, paper);
            outcome.label = contrast(getComputedStyle(plot.querySelector("text")).fill, paper);
            outcome.rim = contrast(getComputedStyle(circles()[0]).stroke, paper);
            outcome.lines = Math.min(...[...plot.querySelectorAll("path[data-name]")].map((path) => contrast(getComputedStyle(path).stroke, paper)));
            """, "--blink-settings=preferredColorScheme=\(scheme.preference)")
        #expect(outcome["dark"] as? Bool == (scheme.name == "dark"))
        let paper = outcome["paper"] as? Double ?? 0.5
        #expect(scheme.name == "dark" ? paper < 0.05 : paper > 0.9)
        for name in ["text", "warning", "label"] {
            #expect(outcome[name] as? Double ?? 0 >= 4.5, "\(name): \(outcome)")
        }
        for name in ["rim", "lines"] { #expect(outcome[name] as? Double ?? 0 >= 3, "\(name): \(outcome)") }
    }

    /// In a window as narrow as a telephone nothing but a table in its own frame is wider than the window; printed, no control is left.
    @Test(.enabled(if: Self.chromium != nil, "needs Chromium"))
    func isReadableNarrowAndPrinted() throws {
        let outcome = try drive(
            """
            outcome.rules = [...document.styleSheets[0].cssRules].filter((rule) => rule.media && rule.media.mediaText === "print")
              .map((rule) => rule.cssText).join(" ");
            document.body.style.width = "340px";
            outcome.wide = [...document.querySelectorAll("main > *, section > *")]
              .filter((element) => element.getBoundingClientRect().width > 341).map((element) => element.tagName);
            """)
        #expect((outcome["wide"] as? [String]) == [], "\(outcome)")
        let rules = outcome["rules"] as? String ?? ""
        for name in ["fieldset", "input", "#hover"] { #expect(rules.contains(name), "\(rules)") }
        guard Self.pdftotext != nil else { return }
        let folder = try TemporaryFolder()
        try page.html().write(toFile: folder.path("report.html"), atomically: true, encoding: .utf8)
        _ = try open(
            folder.path("report.html"), "--no-pdf-header-footer", "--print-to-pdf=\(folder.path("report.pdf"))")
        let text = try run(try #require(Self.pdftotext), [folder.path("report.pdf"), "-"]).standardOutput
        #expect(text.contains("Commands that repeat it") && text.contains("gradient norm ‖∇f"))
        #expect(!text.contains("Point at an iterate") && !text.contains("logarithmic"))
    }

    /// What a table of the page shows is what its JSON says, to every digit.
    @Test func holdsTheControls() throws {
        let html = try page.html()
        let held = try JSONDecoder().decode(PageData.self, from: Data(text(in: html, id: "data").utf8))
        let controls = held.controls
        #expect(
            controls.map(\.name)
                == ["identity", "cosine", "edge", "edge_ratio", "neighbourhood", "points_used"])
        for control in controls {
            let (name, value) = (control.name, control.median ?? control.passed.map(Double.init))
            let row = try #require(html.range(of: "data-control=\"\(name)\""))
            let start = try #require(html.range(of: "data-value=\"", range: row.upperBound..<html.endIndex)?.upperBound)
            #expect(Double(html[start...].prefix { $0 != "\"" }) == value, "\(name)")
        }
        let slope = page.fit.leastSquares.slope.value
        let products = (page.points.stepNorm ?? []).map { slope * $0 }.sorted()
        #expect(controls[4].largest == products.last)
        #expect(
            html.contains("rows | kept") && html.contains("2|a| &lt; b")
                && page.markdown().contains("| rows \\| kept | 39 of 40 |"))
        #expect(held.advice == page.advice)
    }

    private struct PageData: Decodable {
        struct Control: Decodable {
            var name: String
            var median, largest: Double?
            var passed: Int?
        }
        var controls: [Control]
        var advice: AdviceReport
    }

    private static let pdftotext = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .map { "\($0)/pdftotext" }.first { FileManager.default.isExecutableFile(atPath: $0) }

    @Test func holdsTheNumbersOfTheReport() throws {
        let html = try page.html()
        #expect(html.contains("data-value=\"\(page.fit.leastSquares.slope.value)\""))
        let object = try json(in: html, id: "data")
        let fit = try JSONSerialization.data(withJSONObject: try #require(object["fit"]))
        #expect(try JSONDecoder().decode(FitReport.self, from: fit) == page.fit)
        // Nothing is fetched, and nothing of the data is markup.
        #expect(!html.contains("http://") || !html.contains("src="))
        #expect(html.contains("a &lt;run&gt; &amp; its &quot;name&quot;") && !html.contains("y </script>"))
        for score in page.fit.comparison.scores { #expect(html.contains("<th scope=\"row\">\(score.formula)</th>")) }
        for warning in page.fit.warnings { #expect(html.contains("data-code=\"\(warning.code.rawValue)\"")) }
    }

    @Test func makesMarkdown() {
        let text = page.markdown()
        // Every line of a table has the cells of its first: no | of a text is one of the table.
        var cells: Int?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            guard line.hasPrefix("|") else {
                cells = nil
                continue
            }
            let count = line.replacing("\\|", with: "").filter { $0 == "|" }.count
            #expect(cells == nil || cells == count, "\(line)")
            cells = count
        }
        #expect(text.contains("| Theil–Sen | L1 | ") && text.contains("| L = L0 + L1 g | "))
        // Advice says how certain it is.
        let step = page.advice?.theorems.first { $0.name == "zhang-3" }?.stepSize
        #expect(
            step?.lower != nil && text.contains("| \\[Z\\] theorem 3 | \(significant(step?.value ?? 0, digits: 4)) \\[")
        )
        #expect(text.hasPrefix("# a \\<run\\>") && text.contains("| least squares | L1 | "))
        #expect(text.contains("| run | x \\| y \\</script\\> |") && text.contains("```sh\nsmoothness fit run.h5\n```"))
    }
}
