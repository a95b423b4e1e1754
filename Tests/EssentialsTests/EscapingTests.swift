import Essentials
import Foundation
import TestSupport
import Testing

/// Text from outside in the languages that are written.
@Suite("Escaping") struct EscapingTests {
    /// What has got out of quotes somewhere before, or shows something else than it is.
    static let hostile = [
        "d'\u{301} `touch X` ", "\"\u{301}; touch X", "$(touch X)", "line\nbreak\r\nand\u{2028}\u{2029}\u{85}more",
        "\u{1B}[31mred\u{7}\u{0}end",
        "a\u{202E}fdp.exe\u{2066}\u{200B}\u{FEFF}", "</script><script>alert(1)</script>", "=1+1", "'=1+1", "-1", "\t=x",
        "100 %", "%s%d%A", "@program@",
        "]]>", "--", "--output=x", "&amp;&#x1;&#1;", "\\", "\\\\n\"", "|ls", "< ls", "[3cm]*", "# h", "1. one", "```",
        "_a_*b*", "$x$", "~^{}", "",
        " ", "ÄÖ 日本 𝔘 e\u{301}", String(decoding: [0xEF, 0xBF, 0xBF, 0xEF, 0xB7, 0x90] as [UInt8], as: UTF8.self),
    ]

    /// No scalar that moves a cursor, hides or turns the direction of writing.
    private func isVisible(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            ![.control, .format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
        }
    }

    @Test("a terminal shows controls and obeys none") func terminal() {
        #expect(
            Escaping.terminal("\u{1B}[31mred\u{7}\u{0}end\u{9B}\u{7F}") == "\\u{1b}[31mred\\u{7}\\u{0}end\\u{9b}\\u{7f}"
        )
        #expect(
            Escaping.terminal("a\u{202E}b\u{2066}c\u{61C}\u{200B}\u{FEFF}\u{2028}")
                == "a\\u{202e}b\\u{2066}c\\u{61c}\\u{200b}\\u{feff}\\u{2028}")
        #expect(Escaping.terminal("ÄÖ 日本 𝔘 e\u{301}‖∇f(xₖ)‖") == "ÄÖ 日本 𝔘 e\u{301}‖∇f(xₖ)‖")
        for text in Self.hostile {
            let shown = Escaping.terminal(text)
            #expect(isVisible(shown) && Escaping.terminal(shown) == shown, "\(shown)")
        }
    }

    @Test("a line end is kept only where lines are meant") func lineEnds() {
        let text = "a\nb\n  c\td\r\n"
        #expect(Escaping.terminal(text) == "a\\u{a}b\\u{a}  c\\u{9}d\\u{d}\\u{a}")
        #expect(Escaping.terminal(text, lineEnds: .indented) == "a\\u{a}b\n  c\\u{9}d\\u{d}\\u{a}")
        #expect(Escaping.terminal(text, lineEnds: .kept) == "a\nb\n  c\td\\u{d}\n")
    }

    @Test("long text is cut for people, by scalars, and says how long it is") func cut() {
        let long = String(repeating: "é", count: 1 << 20)
        #expect(Escaping.terminal(long, limit: 3) == "ééé… (1048576 characters)")
        #expect(Escaping.terminal("abc", limit: 3) == "abc")
        // One Character of many scalars.
        let marks = "a" + String(repeating: "\u{301}", count: 100_000)
        #expect(Escaping.label(marks).unicodeScalars.count < Escaping.longestLabel + 40)
        #expect(Escaping.terminal(long, limit: nil) == long)
        // Data are never cut.
        #expect(Escaping.json(long) == "\"\(long)\"" && Escaping.csv(long) == long)
    }

    @Test("markup in HTML, XML and SVG") func html() {
        #expect(Escaping.html("<a href=\"x\" b='y'>&]]>") == "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;]]&gt;")
        // A mark makes another Character of the sign, and no other sign.
        #expect(Escaping.html("<\u{338}\"\u{301}&\u{301}") == "&lt;\u{338}&quot;\u{301}&amp;\u{301}")
        for text in Self.hostile {
            let escaped = Escaping.html(text)
            #expect(isVisible(escaped) && !escaped.utf8.contains { "<>\"'".utf8.contains($0) }, "\(escaped)")
        }
    }

    @Test("strings of JSON are the same text to every reader") func json() throws {
        for text in Self.hostile {
            let document = Escaping.json(text)
            #expect(isVisible(document), "\(document)")
            let read = try JSONSerialization.jsonObject(with: Data("[\(document)]".utf8)) as? [String]
            #expect(read.map { $0.map { Array($0.unicodeScalars) } } == [Array(text.unicodeScalars)], "\(document)")
            let inHTML = Escaping.jsonInHTML("[\n  \(document)\n]")
            #expect(!inHTML.utf8.contains { "<>&".utf8.contains($0) }, "\(inHTML)")
            let again = try JSONSerialization.jsonObject(with: Data(inHTML.utf8)) as? [String]
            #expect(again.map { $0.map { Array($0.unicodeScalars) } } == [Array(text.unicodeScalars)], "\(inHTML)")
        }
        #expect(Escaping.json("\u{E0041}\u{7F}\u{0}\u{202E}") == "\"\\udb40\\udc41\\u007f\\u0000\\u202e\"")
    }

    /// RFC 4180, read by its own rules; then the apostrophe is taken away as docs/method.md says.
    private func csvText(_ field: String) -> String {
        var bytes = Array(field.utf8)
        if bytes.first == UInt8(ascii: "\"") {
            bytes = Array(bytes.dropFirst().dropLast())
            var inner: [UInt8] = []
            var position = 0
            while position < bytes.count {
                if bytes[position] == UInt8(ascii: "\"") {
                    position += 1
                    #expect(bytes[position] == UInt8(ascii: "\""), "a single quote inside \(field)")
                }
                inner.append(bytes[position])
                position += 1
            }
            bytes = inner
        } else {
            #expect(!bytes.contains { ",\"\n\r".utf8.contains($0) })
        }
        if bytes.first == UInt8(ascii: "'"), let next = bytes.first(where: { $0 != UInt8(ascii: "'") }),
            "=+-@\t\r\n".utf8.contains(next)
        {
            bytes.removeFirst()
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("fields of CSV keep their text and are no formulas") func csv() {
        for text in Self.hostile + ["''=1", "'a", "'", "\"", "a,b", "\n=1", "@x"] {
            let field = Escaping.csv(text)
            #expect(Array(csvText(field).utf8) == Array(text.utf8), "\(field)")
            let shown = field.utf8.first { $0 != UInt8(ascii: "\"") }
            #expect(shown.map { !"=+-@\t\r\n".utf8.contains($0) } ?? true, "\(field)")
        }
        #expect(Escaping.csv("=1+1") == "'=1+1" && Escaping.csv("'=1") == "''=1" && Escaping.csv("") == "\"\"")
        #expect(Escaping.csv("a\"\u{301},b") == "\"a\"\"\u{301},b\"")
    }

    @Test("words of a shell arrive as they are") func shell() throws {
        #expect(Escaping.shell("run-1_a/b.h5") == "run-1_a/b.h5" && Escaping.shell("") == "''")
        #expect(Escaping.shell("it's") == "'it'\\''s'" && Escaping.shell("a\nb") == "$'a\\012b'")
        #expect(Escaping.argument(path: "-x") == "./-x" && Escaping.shell(path: "--a b") == "'./--a b'")
        for text in Self.hostile where !text.unicodeScalars.contains("\0") {
            let said = try run("/bin/bash", ["-c", "printf %s \(Escaping.shell(text))"]).standardOutput
            #expect(Array(said.utf8) == Array(text.utf8), "\(Escaping.shell(text))")
            #expect(isVisible(Escaping.shell(text)))
        }
        // What no word can hold is shown, and cuts nothing.
        #expect(Escaping.shell("a\0b") == "$'a\\\\u{0}b'")
    }

    /// Unescaped, every special character is one of the commands that stand for it.
    @Test("LaTeX") func latex() throws {
        #expect(Escaping.latex("a_b & 5 % #{x}$") == "a\\_b \\& 5 \\% \\#\\{x\\}\\$")
        #expect(Escaping.latex("[3cm]*--<\\") == "{[}3cm{]}{*}{-}{-}\\textless{}\\textbackslash{}")
        let plain = try Regex(#"(?:\\[&%$#_{}]|\\text[a-z]+\{\}|\{[-\[\]*]\}|[^\\&%$#_{}~^<>|`\[\]*-])*"#)
        for text in Self.hostile {
            let escaped = Escaping.latex(text).unicodeScalars.map { $0.isASCII ? String($0) : "x" }.joined()
            #expect(try plain.wholeMatch(in: escaped) != nil, "\(escaped)")
        }
    }

    @Test("Markdown") func markdown() {
        #expect(Escaping.markdown("a | <b> [c](d) `e` *f* \\") == "a \\| \\<b\\> \\[c\\](d) \\`e\\` \\*f\\* \\\\")
        #expect(
            Escaping.markdown("1. one") == "1\\. one" && Escaping.markdown("- a") == "\\- a"
                && Escaping.markdown("1.5") == "1.5" && Escaping.markdown("-1") == "-1"
                && Escaping.markdown("---") == "\\---")
        #expect(Escaping.markdown("run-1.h5: 2.5") == "run-1.h5: 2.5")
        for text in Self.hostile { #expect(isVisible(Escaping.markdown(text))) }
    }

    @Test("a directive of Slurm is one option") func slurm() {
        #expect(Escaping.slurm("--comment=a b#c'd\"e\\") == "\"--comment=a b#c'd\\\"e\\\\\"")
        #expect(Escaping.slurm("a\nb") == nil && Escaping.slurm("a\r\nb") == nil)
        #expect(Escaping.slurmPattern(path: "/x y/100%A") == "/x y/100%%A" && Escaping.slurm("--nice=3") == "--nice=3")
        // A backslash turns the replacement of %A off.
        #expect(Escaping.slurmPattern(path: "/x\\y") == nil && Escaping.slurmPattern(path: "/x\ny") == nil)
    }

    @Test("strings of gnuplot's data") func gnuplot() {
        #expect(Escaping.gnuplot("a\"b\\n & <c>]]>", isForSVG: false) == "a\\042b\\134n & <c>]]>")
        #expect(Escaping.gnuplot("&#x1;]]>", isForSVG: true) == "&#x26;#x1;]]&#x3e;")
        for text in Self.hostile { #expect(isVisible(Escaping.gnuplot(text, isForSVG: true))) }
    }

    @Test("the digest of a script, as browsers name it") func base64() throws {
        let digest = Digest(of: Array("alert('Hello, world.');".utf8))
        // The example of Content Security Policy Level 3.
        #expect(digest.base64 == "qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=")
    }
}
