import Essentials

/// What every page of the reports shares: one self-contained document with the style inside.
struct HTMLDocument {
    var title: String
    /// What stands between the heading and the footer, already HTML.
    var content: String
    /// What a script reads, as JSON for HTML.
    var data: String?
    var script: String?

    /// A second wall: nothing is fetched or sent, and no script runs but the page's own, which is known by its digest (Content Security Policy Level 3).
    private var policy: String {
        let own = script.map { "'sha256-\(Digest(of: Array($0.utf8)).base64)'" } ?? "'none'"
        return "default-src 'none'; style-src 'unsafe-inline'; script-src \(own); base-uri 'none'; form-action 'none'"
    }

    var text: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="\(policy)">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="generator" content="\(Software.name) \(Software.version)">
        <title>\(Escaping.html(title, limit: Escaping.longestLabel))</title>
        <style>\(PageAssets.style)</style>
        </head>
        <body>
        <main>
        <h1>\(Escaping.html(title, limit: Escaping.longestLabel))</h1>
        \(content)
        <footer><p>\(Escaping.html("\(Software.name) \(Software.version)"))</p></footer>
        </main>
        \(data.map { "<script type=\"application/json\" id=\"data\">\($0)</script>" } ?? "")
        \(script.map { "<script>\($0)</script>" } ?? "")
        </body>
        </html>

        """
    }
}
