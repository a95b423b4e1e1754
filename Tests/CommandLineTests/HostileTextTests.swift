import Essentials
import Foundation
import TestSupport
import Testing

/// Text from files, file names and options through every command that shows it: nothing is executed, everything is well-formed, and the text is there.
@Suite("Hostile texts", .enabled(if: Workplace.python != nil, "needs Python (SMOOTHNESS_PYTHON)"))
struct HostileTextTests {
    /// Something that a language of the outputs would take for more than text.
    struct Hostile: Sendable, CustomTestStringConvertible {
        var name: String
        var text: String
        var testDescription: String { name }
    }

    static let texts = [
        Hostile(
            name: "a quote with a mark, then a command",
            text: "d'\u{301} `touch EXECUTED` $(touch EXECUTED) \"\u{301}; touch EXECUTED"),
        Hostile(
            name: "lines",
            text: "line\nsystem('touch EXECUTED')\r\n!touch EXECUTED\u{2028}#SBATCH --wrap=x\n```\nerror: forged"),
        Hostile(
            name: "controls", text: "\u{1B}[31mred\u{7}\u{9B}2J\u{202E}fdp\u{2066}\u{FEFF}\u{200B}\u{7F}end\u{0}after"),
        Hostile(
            name: "markup", text: "</script><script>x()</script><!-- --> ]]> &#x1; {/Symbol a}_b^c <img onerror=x()>"),
        Hostile(name: "a formula", text: "=1+1;\"@SUM(1)\",'x'"),
        Hostile(name: "options and placeholders", text: "--output=x @plan@ @program@ %A %s %% # \\"),
        Hostile(name: "LaTeX and Markdown", text: "[3cm]* \\\\ \\input{x} $x$ | a | ~ ^ & `` **b** [c](d)"),
    ]

    private struct Place {
        let bench: Workbench
        let text: String
        /// A name of a file as near to the text as the system allows.
        let name: String
        private(set) var made: [(kind: String, path: String, text: String?)] = []

        init(_ text: String) throws {
            bench = try Workbench()
            self.text = text
            var name = String.UnicodeScalarView()
            for scalar in text.unicodeScalars.prefix(400) where scalar != "/" && scalar != "\0" {
                guard String(name).utf8.count < 180 else { break }
                name.append(scalar)
            }
            self.name = String(name)
        }

        /// What a terminal, a picture or a page shows of it.
        var shown: String { Escaping.label(text) }
        var shownName: String { Escaping.terminal(name) }

        mutating func expect(_ kind: String, _ path: String, holds text: String? = nil) {
            made.append((kind, path, text))
        }

        /// Runs a command and takes what it prints for a text of this kind.
        @discardableResult
        mutating func run(
            _ arguments: [String], _ kind: String = "text", holds text: String? = nil, code: Int32 = 0,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws -> ProcessOutcome {
            let outcome = try bench.smoothness(arguments)
            let called = arguments.map { String($0.prefix(80)) }
            #expect(
                outcome.exitCode == code && !outcome.wasSignalled, "\(called): \(outcome.standardError.prefix(3000))",
                sourceLocation: sourceLocation)
            for (name, said, kind) in [("out", outcome.standardOutput, kind), ("err", outcome.standardError, "text")]
            where !said.isEmpty {
                let path = "\(name)\(made.count).\(kind)"
                try bench.write(said, to: path)
                expect(kind, path, holds: name == "out" ? text : nil)
            }
            #expect(!outcome.standardError.contains("\nsystem("), "\(called)", sourceLocation: sourceLocation)
            #expect(!outcome.standardError.contains("\nerror: forged"), "\(called)", sourceLocation: sourceLocation)
            return outcome
        }

        /// Holds everything that was made against the rules of its language, and looks for what would have been executed.
        func check(sourceLocation: SourceLocation = #_sourceLocation) throws {
            let list = made.map { [$0.kind, bench.path($0.path), $0.text] as [String?] }
            try bench.write(String(decoding: JSONEncoder().encode(list), as: UTF8.self), to: "list.json")
            let problems = try bench.python("hostile_texts.py", ["check", "list.json"])
            #expect(problems.isEmpty, "\(problems.prefix(10_000))", sourceLocation: sourceLocation)
            #expect(made.count > 3, sourceLocation: sourceLocation)
            let everything = try FileManager.default.subpathsOfDirectory(atPath: bench.place)
            let executed = everything.filter { URL(filePath: $0).lastPathComponent.hasPrefix("EXECUTED") }
            #expect(executed.isEmpty, "\(executed)", sourceLocation: sourceLocation)
        }
    }

    /// A place with `run.h5` and `run.estimates.h5`, in which every text is this one.
    private func place(_ hostile: Hostile) throws -> Place {
        let place = try Place(hostile.text)
        try Sample.run.copy(to: place.bench.path("plain.h5"))
        try Sample.estimates.copy(to: place.bench.path("plain.estimates.h5"))
        try place.bench.write(String(decoding: JSONEncoder().encode(hostile.text), as: UTF8.self), to: "text.json")
        try place.bench.python(
            "hostile_texts.py", ["make", "plain.h5", "plain.estimates.h5", "text.json", place.bench.place])
        return place
    }

    @Test("in files: plot, report, export", arguments: texts) func pictures(_ hostile: Hostile) throws {
        var place = try place(hostile)
        let endings = ["svg", "png", "pdf", "csv", "vl.json"]
        func outputs(_ name: String, _ endings: [String]) -> [String] { endings.flatMap { ["-o", "\(name).\($0)"] } }
        func kind(_ ending: String) -> String { ending == "vl.json" ? "json" : ending }
        for (name, arguments) in [
            ("scatter", []), ("blocks", ["--kind", "blocks"]), ("over", ["--kind", "iterations"]),
        ] {
            let made = name == "over" ? ["svg"] : endings
            try place.run(["plot", "run.estimates.h5", "--replicates", "0"] + arguments + outputs(name, made))
            for ending in made { place.expect(kind(ending), "\(name).\(ending)") }
        }
        // The name of the only block is data in the table and in the specification.
        let block = hostile.text.replacingOccurrences(of: "\0", with: "")
        place.expect("json", "blocks.vl.json", holds: block)
        try place.run(["report", "run.estimates.h5", "--replicates", "0", "-o", "page.html", "-o", "page.md"])
        place.expect("html", "page.html")
        place.expect("md", "page.md")
        try place.run(["export", "run.estimates.h5"] + outputs("points", ["csv", "jsonl", "npz", "tfevents"]))
        for ending in ["csv", "jsonl", "npz", "tfevents"] { place.expect(ending, "points.\(ending)") }
        try place.check()
    }

    @Test("in files: fit, advise, inspect, verify", arguments: texts) func reports(_ hostile: Hostile) throws {
        var place = try place(hostile)
        let block = hostile.text.replacingOccurrences(of: "\0", with: "")
        for (format, kind) in [("text", "text"), ("csv", "csv"), ("json", "json"), ("latex", "tex")] {
            try place.run(
                ["fit", "run.estimates.h5", "--by", "block", "--replicates", "0", "--format", format], kind,
                holds: kind == "csv" || kind == "json" ? block : nil)
        }
        for format in ["text", "csv", "json"] {
            try place.run(["advise", "run.estimates.h5", "--blocks", "--replicates", "0", "--format", format], format)
        }
        try place.run(["advise", "run.estimates.h5", "--blocks", "--replicates", "0", "--optimizer", "pytorch"], "py")
        for file in ["run.h5", "run.estimates.h5"] {
            try place.run(["inspect", file])
            try place.run(["inspect", file, "--format", "json"], "json")
            let command = try place.run(["inspect", file, "--config"], "sh").standardOutput
            // As words of a shell the text is what it was.
            if !hostile.text.contains("\0") {
                let words = try place.bench.shell("smoothness() { printf '%s\\0' \"$@\"; }\n" + command).standardOutput
                #expect(
                    words.split(separator: "\0").contains { Array($0.utf8) == Array(hostile.text.utf8) }, "\(command)")
            }
        }
        _ = try place.bench.smoothness("verify", "run.h5")
        try place.check()
    }

    @Test("in names of files and options", arguments: texts) func names(
        _ hostile: Hostile
    ) throws {
        var place = try Place(hostile.text)
        let (run, estimates) = ("./\(place.name).h5", "./\(place.name).estimates.h5")
        try Sample.run.copy(to: place.bench.path("\(place.name).h5"))
        try Sample.estimates.copy(to: place.bench.path("\(place.name).estimates.h5"))
        let title = ["--title", "t " + hostile.text.replacingOccurrences(of: "\0", with: "")]
        let shown = "t " + Escaping.terminal(hostile.text.replacingOccurrences(of: "\0", with: ""))
        let endings = ["svg", "png", "pdf", "csv", "vl.json"]
        try place.run(
            ["plot", run, "--replicates", "0"] + title + endings.flatMap { ["-o", "./\(place.name).\($0)"] })
        for ending in endings.dropLast() { place.expect(ending, "\(place.name).\(ending)") }
        place.expect("json", "\(place.name).vl.json", holds: title[1])
        try place.run(["plot", "--curves", run, "-o", "./\(place.name).curves.svg"] + title)
        place.expect("svg", "\(place.name).curves.svg")
        try place.run(
            ["report", estimates, "--replicates", "0", "-o", "./\(place.name).html", "-o", "./\(place.name).md"] + title
        )
        place.expect("html", "\(place.name).html", holds: shown)
        place.expect("md", "\(place.name).md")
        try place.run(["fit", run, "--replicates", "0"])
        let config = try place.run(["inspect", run, "--config"], "sh").standardOutput
        #expect(try place.bench.shell("bash -n <<'END'\n\(config)END").exitCode == 0)
        // What is not there is named as it can be read.
        let missing = try place.run(["fit", "./no \(place.name)"], code: 66)
        #expect(missing.standardError.contains("no \(place.shownName)"), "\(missing.standardError)")
        let unknown = try place.bench.smoothness("fit", run, "--\(place.name.filter { $0 != "=" })")
        #expect(
            unknown.exitCode == 64
                && !unknown.standardError.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
        try place.check()
    }

    @Test(
        "in names of a batch: plan, Slurm's scripts, status, merge",
        arguments: texts)
    func batch(_ hostile: Hostile) throws {
        var place = try Place(hostile.text)
        let runs = "runs \(place.name)"
        try FileManager.default.createDirectory(atPath: place.bench.path(runs), withIntermediateDirectories: false)
        for name in ["\(place.name).h5", "second.h5"] { try Sample.run.copy(to: place.bench.path("\(runs)/\(name)")) }
        try place.bench.write("broken", to: "\(runs)/broken \(place.name).h5")
        let plan = "./plan \(place.name)"
        try place.run(["batch", "plan", "./\(runs)", "--subset", "1", "--delta", "0.5", "-o", plan], code: 3)
        let script = try place.run(
            ["batch", "submit", plan, "--slurm", "--dry-run", "--array-size", "1", "--partition", "a b#c"], "sh"
        ).standardOutput
        let directives = script.split(separator: "\n").filter { $0.hasPrefix("#SBATCH") }
        #expect(directives.contains("#SBATCH \"--partition=a b#c\"") && !directives.contains { $0.contains("wrap") })
        // Without Slurm it is a script like any other: it finds the plan and works it off.
        let work = try place.bench.shell(
            script, environment: ["SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "1", "SLURM_ARRAY_JOB_ID": "7"])
        #expect([0, 3].contains(work.exitCode), "\(script)\n\(work.standardError)")
        let status = try place.run(["batch", "status", plan, "--format", "json"], "json").standardOutput
        // A plan may refuse names with control characters; then the others are measured all the same.
        let isMeasured = status.contains("\"done\": 2")
        let hasControl = place.name.unicodeScalars.contains { $0.properties.generalCategory == .control }
        #expect(isMeasured || hasControl && status.contains("\"done\": 1"), "\(status)")
        let name = isMeasured ? "\(place.name).h5" : "second.h5"
        try place.run(["batch", "merge", plan, "--format", "csv"], "csv", holds: name, code: 3)
        place.expect("csv", "\(plan)/results/runs.csv", holds: name)
        place.expect("html", "\(plan)/results/report.html")
        try place.run(["batch", "merge", plan], code: 3)
        try place.check()
    }

    /// What people see is cut, and says how long the text is; data are whole.
    @Test("ten million letters") func long() throws {
        let text = String(repeating: "long é ", count: 1_500_000)
        var place = try place(Hostile(name: "long", text: text))
        try place.run(
            [
                "plot", "run.estimates.h5", "--replicates", "0", "--kind", "blocks", "-o", "blocks.svg", "-o",
                "blocks.vl.json",
            ])
        place.expect("svg", "blocks.svg")
        place.expect("json", "blocks.vl.json", holds: text)
        try place.run(["report", "run.estimates.h5", "--replicates", "0", "-o", "page.html"])
        place.expect("html", "page.html")
        try place.run(
            ["fit", "run.estimates.h5", "--by", "block", "--replicates", "0", "--format", "csv"], "csv", holds: text)
        for arguments in [["fit", "--by", "block", "--replicates", "0"], ["inspect"]] {
            let said = try place.run([arguments[0], "run.estimates.h5"] + arguments.dropFirst()).standardOutput
            #expect(said.utf8.count < 100_000 && said.contains(" characters)"), "\(arguments)")
        }
        try place.check()
    }

    @Test("an option of sbatch is one line") func directive() throws {
        var place = try Place("x")
        try Sample.run.copy(to: place.bench.path("run.h5"))
        try place.run(["batch", "plan", "run.h5", "--subset", "1", "-o", "plan"])
        for option in ["a\nb", "a\r\nb", "a\u{2028}b"] {
            let outcome = try place.run(
                ["batch", "submit", "plan", "--slurm", "--dry-run", "--account", option], code: 64)
            #expect(outcome.standardError.hasPrefix("error: --account=a\\u{"), "\(outcome.standardError)")
        }
    }
}
