import Analysis
import Essentials
import Foundation
import Reporting
import TestSupport
import Testing

@Suite struct TableTests {
    private let table = Table(
        columns: ["iteration", "gradient_norm", "note", "clipped"],
        rows: [
            [.integer(0), .number(1.0 / 3), .string("plain"), .bool(true)],
            [.integer(12), .number(123456.789), .string("comma, \"quote\"\nline ‖∇f‖"), .bool(false)],
            [.integer(-7), .number(.nan), .string(""), .missing],
            [.missing, .number(-.infinity), .missing, .missing],
        ])

    @Test func printsText() {
        let small = Table(columns: table.columns, rows: [table.rows[0], table.rows[2], table.rows[3]])
        #expect(
            small.text(significantDigits: 3) == """
                iteration  gradient_norm  note   clipped
                        0          0.333  plain     true
                       -7            nan               -
                        -           -inf  -            -

                """)
    }

    @Test func printsCSV() {
        #expect(
            table.csv() == """
                iteration,gradient_norm,note,clipped
                0,0.3333333333333333,plain,true
                12,123456.789,"comma, ""quote""
                line ‖∇f‖",false
                -7,nan,"",
                ,-inf,,

                """)
    }

    /// Text of a file cannot break the lines of a table, reach a spreadsheet as a formula, or grow without end.
    @Test func printsTextFromOutside() {
        let hostile = Table(
            columns: ["=name", "note"],
            rows: [
                [.string("=1+1"), .string("a\n\u{1B}[31m")],
                [.string(String(repeating: "x", count: 10_000)), .missing],
            ])
        #expect(hostile.csv().hasPrefix("'=name,note\n'=1+1,\"a\n\u{1B}[31m\"\n"))
        let lines = hostile.text().split(separator: "\n")
        #expect(
            lines.count == 3 && lines[1].hasSuffix("  a\\u{a}\\u{1b}[31m") && lines[2].contains("x… (10000 characters)")
        )
        #expect(hostile.json().contains("\"=1+1\"") && hostile.json().contains("\"a\\n\\u001b[31m\""))
    }

    @Test func printsJSON() throws {
        #expect(
            table.json() == """
                [
                  {"iteration": 0, "gradient_norm": 0.3333333333333333, "note": "plain", "clipped": true},
                  {"iteration": 12, "gradient_norm": 123456.789, "note": "comma, \\"quote\\"\\nline ‖∇f‖", "clipped": false},
                  {"iteration": -7, "gradient_norm": "NaN", "note": "", "clipped": null},
                  {"iteration": null, "gradient_norm": "-Infinity", "note": null, "clipped": null}
                ]

                """)
        #expect(try JSONSerialization.jsonObject(with: Data(table.json().utf8)) is [Any])
        #expect(Table(columns: ["a"]).json() == "[]\n" && Table(columns: ["a"]).csv() == "a\n")
        for format in Table.Format.allCases { #expect(!table.rendered(as: format).isEmpty) }
    }

    /// Any Double, subnormal and extreme ones too, reads back bit for bit.
    @Test func roundTripsDoubles() throws {
        var generator = SeededGenerator(seed: 4, purpose: "test.doubles")
        var values = [
            0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .pi, 1e22, 1e-5, .infinity, -.infinity,
        ]
        values += (0..<2000).map { _ in Double(bitPattern: generator.next()) }.filter { !$0.isNaN }
        var table = Table(columns: ["iteration", "gradient_norm", "smoothness"])
        for (index, value) in values.enumerated() {
            table.append([.integer(index), .number(value), .number(-value)])
        }
        let points = try readPoints(csvText: table.csv())
        #expect(points.iteration == Array(values.indices))
        #expect(points.gradientNorm.map(\.bitPattern) == values.map(\.bitPattern))
        #expect(points.smoothness.map(\.bitPattern) == values.map { (-$0).bitPattern })
    }

    @Test(.enabled(if: Workplace.python != nil, "needs Python (SMOOTHNESS_PYTHON)"))
    func isReadByPython() throws {
        struct Answer: Decodable { var csv, json: [[String]], numbers, columns: [String] }
        let folder = try TemporaryFolder()
        try writeAtomically(table.csv(), to: folder.path("table.csv"))
        try writeAtomically(table.json(), to: folder.path("table.json"))
        let script = Workplace.packageRoot.appending(path: "Tests/ReportingTests/Twins/tables.py").path
        let outcome = try run(
            try #require(Workplace.python), [script, folder.path("table.csv"), folder.path("table.json")])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let answer = try JSONDecoder().decode(Answer.self, from: Data(outcome.standardOutput.utf8))
        #expect(answer.csv.count == 5 && answer.csv[0] == table.columns && answer.columns == table.columns)
        #expect(answer.csv[2] == ["12", "123456.789", "comma, \"quote\"\nline ‖∇f‖", "false"])
        #expect(answer.numbers == ["0x1.5555555555555p-2", "0x1.e240c9fbe76c9p+16", "nan", "-inf"])
        #expect(answer.json[1] == ["12", "123456.789", "comma, \"quote\"\nline ‖∇f‖", "false"])
    }
}

@Suite struct AtomicFileTests {
    @Test func aSpecialFileIsNotReplaced() throws {
        let folder = try TemporaryFolder()
        try #require(mkfifo(folder.path("pipe"), 0o600) == 0)
        let error = try #require(throws: SmoothnessError.self) { try writeAtomically("text", to: folder.path("pipe")) }
        #expect(error.kind == .cannotCreate && error.file == folder.path("pipe"))
        var status = stat()
        #expect(stat(folder.path("pipe"), &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["pipe"])
    }
}
