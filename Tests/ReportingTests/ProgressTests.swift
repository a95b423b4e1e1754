import Foundation
import Reporting
import Synchronization
import Testing

/// A clock that the test sets and a screen that it reads.
private final class Screen: Sendable {
    private let state = Mutex((time: 100.0, text: [String]()))
    func advance(_ seconds: Double) { state.withLock { $0.time += seconds } }
    var texts: [String] { state.withLock { $0.text } }

    func reporter(total: Int, alreadyDone: Int = 0, style: ProgressStyle) -> ProgressReporter {
        ProgressReporter(
            label: "train", total: total, alreadyDone: alreadyDone, style: style,
            now: { self.state.withLock { $0.time } }, write: { text in self.state.withLock { $0.text.append(text) } })
    }
}

@Suite struct ProgressTests {
    @Test func writesFewLinesIntoALog() {
        let screen = Screen()
        var progress = screen.reporter(total: 100, style: ProgressStyle(isInteractive: false, usesColour: false))
        for step in 1...100 {
            screen.advance(0.3)
            progress.update(
                completed: step,
                [.loss(4.321987), .gradientNorm(0.5), .clippedShare(0.25), ProgressField("epoch", "2")])
        }
        progress.finish()
        // 30 seconds: the first line, one at least every 5 seconds, the last.
        #expect(screen.texts.count == 7)
        #expect(
            screen.texts[0]
                == "train: 1/100 (1 %) · loss 4.322 · gradient norm 0.5 · clipped 25 % · epoch 2 · 0:30 left\n")
        #expect(screen.texts.last?.hasPrefix("train: 100/100 (100 %)") == true)
        #expect(screen.texts.last?.hasSuffix("took 0:30\n") == true)
        #expect(screen.texts.allSatisfy { !$0.contains("\u{1B}") && !$0.contains("\r") })
    }

    @Test func redrawsABarThatNeverWraps() throws {
        for width in [20, 60, 200] {
            let screen = Screen()
            var progress = screen.reporter(
                total: 40, style: ProgressStyle(isInteractive: true, usesColour: false, width: width))
            for step in 1...40 {
                screen.advance(0.06)
                progress.update(completed: step, [.loss(1), .gradientNorm(2)])
            }
            progress.finish()
            progress.finish()
            let texts = screen.texts
            #expect(texts.count >= 20 && texts.count <= 22 && texts.last == "\n")
            #expect(texts.dropLast().allSatisfy { $0.hasPrefix("\r\u{1B}[K") && $0.count - 4 < width })
            #expect(texts.dropLast().allSatisfy { !$0.contains("\n") && !$0.contains("[32m") })
            #expect(texts[5].contains("━") == (width == 200))
        }
    }

    @Test func usesColourOnlyWhenAsked() {
        for colour in [true, false] {
            let screen = Screen()
            var progress = screen.reporter(
                total: 2, style: ProgressStyle(isInteractive: true, usesColour: colour, width: 100))
            progress.update(completed: 1)
            #expect(screen.texts[0].contains("\u{1B}[32m") == colour)
        }
        // Tests do not run on a terminal, and NO_COLOR wins anyway.
        #expect(!ProgressStyle.forStandardError(environment: ["NO_COLOR": "1"]).usesColour)
        #expect(!ProgressStyle.forStandardError(environment: ["TERM": "dumb"]).isInteractive)
    }

    /// What an earlier call did counts as done and not for the speed.
    @Test func estimatesTheRestAfterAResume() {
        let screen = Screen()
        var progress = screen.reporter(
            total: 1000, alreadyDone: 900, style: ProgressStyle(isInteractive: false, usesColour: false))
        screen.advance(10)
        progress.update(completed: 910, [.loss(.nan), .clippedShare(.nan)])
        #expect(screen.texts == ["train: 910/1000 (91 %) · loss nan · clipped - · 1:30 left\n"])
    }

    @Test func asksForFieldsOnlyWhenShown() {
        let screen = Screen()
        var progress = screen.reporter(total: 10, style: ProgressStyle(isInteractive: false, usesColour: false))
        let asked = Mutex(0)
        func fields() -> [ProgressField] {
            asked.withLock { $0 += 1 }
            return []
        }
        for step in 1...9 { progress.update(completed: step, fields()) }
        #expect(asked.withLock { $0 } == 1)
    }

    @Test func survivesNothingToDo() {
        let screen = Screen()
        var progress = screen.reporter(total: 0, style: ProgressStyle(isInteractive: true, usesColour: false))
        progress.update(completed: 0)
        progress.finish()
        #expect(screen.texts.first?.contains("0/0 (100 %)") == true)
    }
}
