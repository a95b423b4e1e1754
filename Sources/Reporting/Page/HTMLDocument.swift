import Essentials

/// What every page of the reports shares: one self-contained document with the style inside.
struct HTMLDocument {
    var title: String
    /// What stands between the heading and the footer, already HTML.
    var content: String
    /// Elements after the text: data and scripts.
    var scripts = ""

    var text: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="generator" content="\(Software.name) \(Software.version)">
        <title>\(Self.escaped(title))</title>
        <style>\(PageAssets.style)</style>
        </head>
        <body>
        <main>
        <h1>\(Self.escaped(title))</h1>
        \(content)
        <footer><p>\(Self.escaped("\(Software.name) \(Software.version)"))</p></footer>
        </main>
        \(scripts)
        </body>
        </html>

        """
    }

    /// Text as HTML shows it, in elements and attributes.
    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
