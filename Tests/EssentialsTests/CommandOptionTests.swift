import Essentials
import Testing

@Suite("Options as values")
struct CommandOptionTests {
    private struct Definition: Equatable {
        var count = 3
        var isOn = false
        var isTied: Bool?
        var rates: [Double]?
    }

    private static let options: [CommandOption<Definition>] = [
        CommandOption("count", nil, "A number.", at: \.count, usual: 3, must: { $0 > 0 ? nil : "be above 0" }),
        CommandOption("on", .flag, "A flag.", at: \.isOn, usual: false),
        CommandOption("tied", .inverted, "A flag that can be turned off.", at: \.isTied),
        CommandOption("rates", .value("rate,…"), "Numbers.", at: \.rates),
    ]

    private func read(_ texts: [String: String], prefix: String = "") throws -> Definition {
        var definition = Definition()
        try Self.options.read(
            texts, into: &definition, conflicts: [OptionConflict("on", "rates", "give --on or --rates")],
            prefix: prefix)
        return definition
    }

    @Test("a definition becomes the words that are read back as the same, and none for what is usual")
    func words() throws {
        #expect(Self.options.arguments(of: Definition()).isEmpty)
        let definition = Definition(count: 7, isOn: true, isTied: false, rates: [0.5, 1e-9])
        #expect(
            Self.options.arguments(of: definition, prefix: "my-")
                == ["--my-count", "7", "--my-on", "--no-my-tied", "--my-rates", "0.5,1e-09"])
        #expect(try read(["count": "7", "tied": "false", "rates": "0.5, 1e-09"]).rates == [0.5, 1e-9])
        #expect(try read(["on": "true"]) == Definition(isOn: true))
    }

    @Test("what is wrong is said with the name as it stands on the command line")
    func mistakes() {
        func message(_ texts: [String: String], prefix: String = "") -> String? {
            do { _ = try read(texts, prefix: prefix) } catch { return "\(error)" }
            return nil
        }
        #expect(message(["count": "x"]) == "The value 'x' is invalid for '--count <count>'")
        #expect(message(["rates": "1,"], prefix: "my-") == "The value '1,' is invalid for '--my-rates <rate,…>'")
        #expect(message(["count": "-2"], prefix: "my-") == "--my-count must be above 0, not -2")
        #expect(message(["on": "true", "rates": "1"], prefix: "my-") == "give --my-on or --my-rates")
        #expect(message(["count": "2"]) == nil)
    }
}
