import Fitting
import Foundation

extension ScatterPlot {
    /// The scatter as a Vega-Lite 5 specification with its data inside.
    /// - Throws: `SmoothnessError(.data)` where no point can be drawn.
    public func vegaLite(size: PictureSize = .automatic) throws -> String {
        let drawing = try drawing()
        var layers: [JSONValue] = []
        if !drawing.reference.isEmpty { layers.append(Self.referenceLayer(drawing)) }
        layers.append(Self.pointLayer(drawing.points))
        if !drawing.curves.isEmpty { layers.append(Self.curveLayer(drawing.curves)) }
        let leftOut = drawing.leftOut > 0 ? " (\(drawing.leftOut) left out)" : ""
        let head: [(String, JSONValue)] = [
            ("$schema", "https://vega.github.io/schema/vega-lite/v5.json"),
            ("title", ["text": .string(title), "subtitle": .string("n = \(drawing.points.count)\(leftOut)")]),
            ("background", "white"),
        ]
        let encoding: JSONValue = [
            "x": isLinear
                ? Self.channel("gradient_norm", ScatterText.gradientNorm, upTo: drawing.linearEnds.gradientNorm)
                : Self.channel("gradient_norm", ScatterText.gradientNorm, drawing.horizontal),
            "y": isLinear
                ? Self.channel("smoothness", ScatterText.smoothness, upTo: drawing.linearEnds.smoothness)
                : Self.channel("smoothness", ScatterText.smoothness, drawing.vertical),
        ]
        let body: [(String, JSONValue)] = [
            ("encoding", encoding), ("layer", .array(layers)), ("config", size.vegaConfiguration(legend: [])),
        ]
        return JSONValue.object(head + size.vegaMembers(width: 640, height: 440) + body).text(expandedDepth: 5) + "\n"
    }

    private static func channel(_ field: String, _ title: String, _ axis: LogAxis) -> JSONValue {
        [
            "field": .string(field),
            "type": "quantitative",
            "title": .string(title),
            "scale": ["type": "log", "domain": [.number(axis.minimum), .number(axis.maximum)], "nice": false],
            "axis": ["values": .array(axis.majorTicks.map { .number($0.position) }), "format": "~g"],
        ]
    }

    private static func channel(_ field: String, _ title: String, upTo end: Double) -> JSONValue {
        [
            "field": .string(field), "type": "quantitative", "title": .string(title),
            "scale": ["type": "linear", "domain": [0, .number(end)], "nice": false],
        ]
    }

    private static func pointLayer(_ points: SmoothnessPoints) -> JSONValue {
        let values = (0..<points.count).map { index -> JSONValue in
            var members: [(String, JSONValue)] = [
                ("iteration", .integer(points.iteration[index])),
                ("gradient_norm", .number(points.gradientNorm[index])),
                ("smoothness", .number(points.smoothness[index])),
            ]
            if let step = points.stepNorm?[index] { members.append(("step_norm", .number(step))) }
            if let rate = points.effectiveLearningRate?[index] {
                members.append(("effective_learning_rate", .number(rate)))
            }
            return .object(members)
        }
        return [
            "data": ["name": "points", "values": .array(values)],
            "mark": [
                "type": "point", "filled": true, "size": 36, "stroke": "#303030", "strokeWidth": 0.4, "opacity": 1,
                "tooltip": ["content": "data"],
            ],
            "encoding": [
                "color": [
                    "field": "iteration", "type": "quantitative", "title": .string(ScatterText.iteration),
                    "scale": ["scheme": "viridis"],
                ]
            ],
        ]
    }

    private static func curveLayer(_ curves: [ScatterDrawing.Curve]) -> JSONValue {
        let values = curves.flatMap { curve in
            curve.points.map { point -> JSONValue in
                [
                    "fit": .string(curve.label), "gradient_norm": .number(point.gradientNorm),
                    "smoothness": .number(point.smoothness),
                ]
            }
        }
        let labels = JSONValue.array(curves.map { .string($0.label) })
        func nominal(_ range: JSONValue) -> JSONValue {
            ["field": "fit", "type": "nominal", "title": "fit", "scale": ["domain": labels, "range": range]]
        }
        return [
            "data": ["name": "fits", "values": .array(values)],
            "mark": ["type": "line", "strokeWidth": 2, "clip": true],
            "encoding": [
                "stroke": nominal(.array(curves.map { .string($0.look.colour) })),
                "strokeDash": nominal(.array(curves.map { .array(dash($0.look)) })),
            ],
        ]
    }

    /// Strokes and gaps in pixels of Vega-Lite.
    private static func dash(_ look: LawCurve) -> [JSONValue] {
        look.dash.isEmpty ? [1, 0] : look.dash.map { .integer(Int((Double($0) * 2 / 3).rounded())) }
    }

    private static func referenceLayer(_ drawing: ScatterDrawing) -> JSONValue {
        let values = drawing.reference.map { point -> JSONValue in
            ["gradient_norm": .number(point.gradientNorm), "smoothness": .number(point.smoothness)]
        }
        let label = ScatterText.reference(hidden: drawing.hiddenReferences)
        return [
            "data": ["name": "step_size_reference", "values": .array(values)],
            "mark": ["type": "point", "color": "#a8a8a8", "size": 22, "strokeWidth": 1, "clip": true],
            "encoding": [
                "shape": [
                    "datum": .string(label), "type": "nominal", "title": "reference",  // A thin plus; Vega's own cross is a heavy outline.
                    "scale": ["range": ["M-1,0L1,0M0,-1L0,1"]],
                ]
            ],
        ]
    }
}
