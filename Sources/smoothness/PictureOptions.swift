import ArgumentParser
import Essentials
import Reporting

/// How large a picture is, for everything that draws one.
struct PictureOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: "Width in millimetres (default: 203 for one panel).")
    var width: Double?
    @Option(parsing: .unconditional, help: "Height in millimetres (default: what the kind of picture takes).")
    var height: Double?
    @Option(parsing: .unconditional, help: "Letters in points, at that width.")
    var fontSize = PictureSize.defaultFontSize

    func validate() throws {
        do { _ = try size() } catch let error as SmoothnessError { throw ValidationError(error.description) }
    }

    func size() throws -> PictureSize { try PictureSize(width: width, height: height, fontSize: fontSize) }
}
