import Foundation

extension LinePlot {
    /// The panels as a Vega-Lite 5 specification with its data inside.
    /// - Throws: `SmoothnessError(.data)` where no point can be drawn.
    public func vegaLite(size: PictureSize = .automatic) throws -> String {
        let drawn = try drawn()
        let entries = Self.legend(drawn)
        let head: [(String, JSONValue)] = [
            ("$schema", "https://vega.github.io/schema/vega-lite/v5.json"),
            ("title", note.map { ["text": .string(title), "subtitle": .string($0)] } ?? .string(title)),
            ("background", "white"),
        ]
        var body: [(String, JSONValue)]
        var legend: [(String, JSONValue)] = []
        if drawn.count == 1 {
            body = size.vegaMembers(width: 640, height: 440) + view(drawn[0], entries)
        } else {
            let columns = columns ?? Int(Double(drawn.count).squareRoot().rounded(.up))
            let (width, height) = panelSize(size, columns: columns)
            let views = drawn.map { panel in
                JSONValue.object(
                    (namesPanels ? [("title", .string(panel.name))] : [])
                        + [("width", .number(width)), ("height", .number(height))] + view(panel, entries))
            }
            body =
                columns >= drawn.count
                ? [("hconcat", .array(views))] : [("concat", .array(views)), ("columns", .integer(columns))]
            legend = [("orient", "bottom"), ("columns", 1)]
        }
        body.append(("config", size.vegaConfiguration(legend: legend)))
        return JSONValue.object(head + body).text(expandedDepth: 5) + "\n"
    }

    /// Of the frames: what the whole leaves beside axes.
    private func panelSize(_ size: PictureSize, columns: Int) -> (width: Double, height: Double) {
        let rows = Double((panels.count + columns - 1) / columns)
        return (
            size.width.map { max(60, size.vegaPixels($0) / Double(columns) - 70) } ?? 320,
            size.height.map { max(60, size.vegaPixels($0) / rows - 70) } ?? 300
        )
    }

    /// Data, layers and encoding of one panel.
    private func view(_ panel: Panel, _ entries: [Curve]) -> [(String, JSONValue)] {
        let (x, y) = (panel.horizontal, panel.vertical)
        let values = panel.curves.flatMap { curve in
            panel.drawn(curve).map { point -> JSONValue in
                let interval: [(String, JSONValue)] = [("low", .number(point.low)), ("high", .number(point.high))]
                return .object(
                    [("curve", .string(curve.name)), (x.name, .number(point.x)), (y.name, .number(point.y))]
                        + (panel.hasIntervals ? interval : []))
            }
        }
        let domain = JSONValue.array(entries.map { .string($0.name) })
        func scale(_ range: [JSONValue]) -> JSONValue {
            ["field": "curve", "type": "nominal", "title": "", "scale": ["domain": domain, "range": .array(range)]]
        }
        func axis(_ name: String, _ label: String, isLogarithmic: Bool) -> JSONValue {
            [
                "field": .string(name), "type": "quantitative", "title": .string(label),
                "scale": isLogarithmic ? ["type": "log", "nice": false] : ["type": "linear", "zero": false],
            ]
        }
        let encoding: JSONValue = [
            "x": axis(x.name, x.label, isLogarithmic: panel.isHorizontalLogarithmic),
            "y": axis(y.name, y.label, isLogarithmic: panel.isLogarithmic),
            "color": scale(entries.map { .string(Self.color(ofGroup: $0.group)) }),
            "strokeDash": scale(entries.map { $0.isReference ? [5, 4] : [1, 0] }),
        ]
        return [
            ("data", ["name": .string(panel.name.isEmpty ? "points" : panel.name), "values": .array(values)]),
            ("layer", .array(layers(panel))), ("encoding", encoding),
        ]
    }

    /// Lines, scattered points and intervals: each a layer over its own curves.
    private func layers(_ panel: Panel) -> [JSONValue] {
        func layer(_ mark: JSONValue, _ curves: [Curve], _ encoding: [(String, JSONValue)] = []) -> JSONValue? {
            guard !curves.isEmpty else { return nil }
            let names = JSONValue.array(curves.map { .string($0.name) })
            return .object(
                [
                    ("transform", [["filter": ["field": "curve", "oneOf": names]]]), ("mark", mark),
                ] + (encoding.isEmpty ? [] : [("encoding", .object(encoding))]))
        }
        let ends: [(String, JSONValue)] = [
            ("y", ["field": "low", "type": "quantitative", "title": .string(panel.vertical.label)]),
            ("y2", ["field": "high"]),
        ]
        let intervals = panel.curves.filter { !$0.intervals.isEmpty }
        return [
            layer(["type": "area", "opacity": 0.2, "clip": true], intervals.filter { $0.intervalMark == .band }, ends),
            layer(["type": "rule", "clip": true], intervals.filter { $0.intervalMark == .bars }, ends),
            layer(
                ["type": "line", "point": ["size": 20], "clip": true, "tooltip": ["content": "data"]],
                panel.curves.filter { !$0.isScattered }),
            layer(
                ["type": "point", "filled": true, "size": 30, "clip": true, "tooltip": ["content": "data"]],
                panel.curves.filter(\.isScattered)),
        ].compactMap { $0 }
    }
}
