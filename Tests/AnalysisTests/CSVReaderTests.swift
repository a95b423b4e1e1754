import Analysis
import Essentials
import Fitting
import Foundation
import TestSupport
import Testing

@Suite struct CSVReaderTests {
    private func failure(_ text: String) -> String {
        do {
            _ = try readPoints(csvText: text, file: "points.csv")
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test func readsAllColumns() throws {
        let points = try readPoints(
            csvText: """
                note,smoothness,gradient_norm,iteration,step_norm,effective_learning_rate,below_floor
                a,2.5,1,0,0.1,0.1,false
                "b, c",nan,2e-3,5,0.2,,1
                d,inf, 3 ,10.0,,0.3,TRUE
                """)
        #expect(points.iteration == [0, 5, 10])
        #expect(points.gradientNorm == [1, 0.002, 3])
        #expect(points.smoothness[0] == 2.5 && points.smoothness[1].isNaN && points.smoothness[2] == .infinity)
        #expect(points.belowFloor == [false, true, true])
        #expect(points.stepNorm?[2].isNaN == true && points.effectiveLearningRate?[1].isNaN == true)
        #expect(points.effectiveLearningRate?[2] == 0.3)
    }

    @Test func derivesWhatFollows() throws {
        let points = try readPoints(csvText: "gradient_norm,smoothness,step_norm\n2,1,0.5\n0,1,0.5\n4,2,1\n")
        #expect(points.iteration == [0, 1, 2])
        #expect(points.effectiveLearningRate?[0] == 0.25 && points.effectiveLearningRate?[2] == 0.25)
        #expect(points.effectiveLearningRate?[1].isNaN == true)
        #expect(points.belowFloor == nil)
    }

    /// LF, CRLF and CR, a byte-order mark, blank lines and a missing last line end mean nothing.
    @Test func readsAllLineEnds() throws {
        let lines = ["gradient_norm,smoothness", "1,2", "3,4"]
        let expected = try readPoints(csvText: lines.joined(separator: "\n") + "\n")
        for end in ["\n", "\r\n", "\r", "\n\n"] {
            #expect(try readPoints(csvText: "\u{FEFF}" + lines.joined(separator: end)) == expected)
        }
    }

    @Test func keepsQuotedText() throws {
        let records = try parseCSV("a,\"x \"\"y\"\"\",\"l1\r\nl2\",\"\",\nnext,,\n")
        #expect(records.map { $0.map(\.text) } == [["a", "x \"y\"", "l1\r\nl2", "", ""], ["next", "", ""]])
        #expect(records[0][3].isQuoted && !records[0][4].isQuoted)
        #expect(records[1][0].line == 3 && records[1][2].column == 3)
        #expect(try parseCSV("").isEmpty)
    }

    @Test func namesLineAndColumn() {
        #expect(
            failure("gradient_norm,smoothness\n1,2\n3,x4\n")
                == "points.csv: line 3, column smoothness: the value cannot be read (expected a number, found \"x4\")")
        #expect(failure("gradient_norm,smoothness,iteration\n1,2,0.5\n").contains("line 2, column iteration"))
        #expect(failure("gradient_norm,smoothness,iteration\n1,2,9223372036854775807\n").contains("column iteration"))
        #expect(failure("gradient_norm,smoothness,iteration\n1,2,1e300\n").contains("line 2, column iteration"))
        #expect(failure(String(repeating: ",", count: 200_000)).contains("there are more than 100000 fields"))
        #expect(failure("gradient_norm,smoothness,below_floor\n1,2,maybe\n").contains("expected true or false"))
        #expect(failure("gradient_norm,smoothness\n1,2\n3\n").contains("line 3: a record has another number of fields"))
        #expect(failure("gradient_norm,loss\n1,2\n").contains("smoothness: the column is missing"))
        #expect(failure("gradient_norm,smoothness,smoothness\n1,2,3\n").contains("the column occurs twice"))
        #expect(failure("").contains("holds no points"))
        #expect(failure("gradient_norm,smoothness\n1,a\"b\n").contains("line 2, field 2: there is a quote inside"))
        #expect(failure("gradient_norm,smoothness\n\"1\"x,2\n").contains("line 2, field 1: there is text after"))
        #expect(failure("gradient_norm,smoothness\n1,\"2\n3,4\n").contains("line 2, field 2: a quote is never closed"))
    }

    @Test func refusesFiles() throws {
        let folder = try TemporaryFolder()
        func kind(_ path: String) -> SmoothnessError.Kind? {
            do {
                _ = try readPoints(csv: path)
                return nil
            } catch { return (error as? SmoothnessError)?.kind }
        }
        #expect(kind(folder.path("absent.csv")) == .noInput)
        try Data([0x89, 0x48, 0x44, 0x46, 0xFF, 0xFE]).write(to: URL(filePath: folder.path("binary.csv")))
        #expect(kind(folder.path("binary.csv")) == .data)
        try writeAtomically("gradient_norm,smoothness\n1,2\n", to: folder.path("good.csv"))
        #expect(try readPoints(csv: folder.path("good.csv")).count == 1)
    }
}
