import Foundation

extension CurvesPlot {
    /// The curves as a Vega-Lite 5 specification with its data inside: one view for every quantity, side by side.
    public func vegaLite() -> String {
        let specification: JSONValue = [
            "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
            "title": ["text": .string(title), "subtitle": .string(spreadText ?? "")],
            "background": "white",
            "hconcat": .array(quantities.map(view)),
            "config": [
                "legend": ["labelLimit": 500, "orient": "bottom", "columns": 1], "axis": ["gridColor": "#e6e6e6"],
            ],
        ]
        return specification.text(expandedDepth: 5) + "\n"
    }

    private func view(_ quantity: CurveQuantity) -> JSONValue {
        let values = groups.flatMap { group in
            drawn(group, quantity).map { point -> JSONValue in
                [
                    "group": .string(legend(group)), "place": .number(point.place), "mean": .number(point.mean),
                    "low": .number(point.low), "high": .number(point.high),
                ]
            }
        }
        let color: JSONValue = [
            "field": "group", "type": "nominal", "title": .null,
            "scale": [
                "domain": .array(groups.map { .string(legend($0)) }),
                "range": .array(groups.indices.map { .string(Self.color($0)) }),
            ],
        ]
        let scale: JSONValue = isLogarithmic(quantity) ? ["type": "log"] : ["type": "linear", "zero": false]
        func vertical(_ field: String) -> JSONValue {
            ["field": .string(field), "type": "quantitative", "title": .string(label(quantity)), "scale": scale]
        }
        let horizontal: JSONValue = [
            "field": "place", "type": "quantitative", "title": .string(axis), "scale": ["zero": false, "nice": false],
        ]
        return [
            "width": 320,
            "height": 300,
            "data": ["name": .string(quantity.rawValue), "values": .array(values)],
            "layer": [
                [
                    "mark": ["type": "area", "opacity": 0.2],
                    "encoding": ["x": horizontal, "y": vertical("low"), "y2": ["field": "high"], "color": color],
                ],
                [
                    "mark": ["type": "line", "strokeWidth": 2, "tooltip": ["content": "data"]],
                    "encoding": ["x": horizontal, "y": vertical("mean"), "color": color],
                ],
            ],
        ]
    }
}
