/// Style and script of the report page; no library, no network.
enum PageAssets {
    static let style = """
        :root { color-scheme: light dark; --ink: #1a1a1a; --paper: #ffffff; --rule: #d0d0d0; --mild: #f4f4f4; --warn: #8a3b00; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --paper: #16181a; --rule: #444; --mild: #22262a; --warn: #ffb27a; } }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
        main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
        h1 { font-size: 1.4rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2rem; }
        table { border-collapse: collapse; width: 100%; font-size: .9rem; }
        th, td { border-bottom: 1px solid var(--rule); padding: .25rem .5rem; text-align: left; vertical-align: top; }
        td { overflow-wrap: anywhere; } small { white-space: nowrap; }
        .number { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
        pre { background: var(--mild); padding: .75rem; overflow-x: auto; font-size: .8rem; }
        .warnings li { color: var(--warn); }
        fieldset { border: 1px solid var(--rule); display: inline-block; } input[type=range] { width: 100%; }
        svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 13px; }
        svg .frame { stroke: var(--ink); fill: none; } svg .grid { stroke: var(--rule); }
        svg circle { stroke: var(--ink); stroke-width: .5; } svg circle:focus { outline: none; stroke-width: 3; }
        svg path { fill: none; stroke-width: 2; } svg .edge { stroke: #8c8c8c; stroke-width: 1; }
        .wide { overflow-x: auto; } .wide > svg { min-width: 24rem; } a:focus-visible, input:focus-visible, summary:focus-visible { outline: 3px solid #0072b2; outline-offset: 2px; }
        #hover { min-height: 1.5em; font-variant-numeric: tabular-nums; }
        @media print { .wide > svg { min-width: 0; max-height: 12cm; } fieldset, input, #hover, details { display: none; } small { white-space: normal; } main { max-width: none; }
          body { font-size: 12px; } .wide { overflow: visible; } pre { white-space: pre-wrap; overflow-wrap: anywhere; } tr, figure, svg { break-inside: avoid; } h2 { break-after: avoid; } }
        """

    static let script = #"""
        "use strict";
        (() => {
          const { drawn } = JSON.parse(document.getElementById("data").textContent);
          const svg = document.getElementById("plot"), hover = document.getElementById("hover");
          const box = { left: 70, right: 740, top: 15, bottom: 460 };
          const make = (name, attributes, parent = svg) => {
            const element = document.createElementNS("http://www.w3.org/2000/svg", name);
            for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
            return parent.appendChild(element);
          };
          const text = (value) => Number(value.toPrecision(4)).toString();
          const first = drawn.points[0][0], last = Math.max(...drawn.points.map((p) => p[0]));
          const palette = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"];
          const color = (iteration) => {
            const place = (iteration - first) / Math.max(last - first, 1) * (palette.length - 1);
            return palette[Math.min(Math.round(place), palette.length - 1)];
          };
          const extent = (values) => [Math.min(...values), Math.max(...values)];
          const ticks = (low, high, isLog) => {
            const result = [];
            if (isLog) {
              for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
                for (const m of Math.log10(high / low) > 3 ? [1] : [1, 2, 5]) result.push(m * 10 ** e);
            } else {
              const rough = high / 5, power = 10 ** Math.floor(Math.log10(rough));
              const step = power * [1, 2, 5, 10].find((m) => m * power >= rough);
              for (let value = 0; value <= high; value += step) result.push(value);
            }
            return result.filter((value) => value >= low * (1 - 1e-9) && value <= high);
          };
          const draw = () => {
            const isLog = document.querySelector("input[name=axes]:checked").value === "log";
            const until = Number(document.getElementById("until").value);
            document.getElementById("shown").textContent = until;
            const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.iteration : undefined;
            svg.dataset.axes = isLog ? "log" : "linear";
            svg.querySelectorAll(".drawn").forEach((element) => element.remove());
            const layer = make("g", { class: "drawn" });
            const [gLow, gHigh] = extent(drawn.points.map((p) => p[1])), [lLow, lHigh] = extent(drawn.points.map((p) => p[2]));
            const xRange = isLog ? [gLow / 1.1, gHigh * 1.1] : [0, gHigh * 1.04], yRange = isLog ? [lLow / 1.2, lHigh * 1.2] : [0, lHigh * 1.06];
            const scale = (value, [low, high], from, to) =>
              from + (to - from) * (isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
            const x = (g) => scale(g, xRange, box.left, box.right), y = (l) => scale(l, yRange, box.bottom, box.top);
            for (const value of ticks(...xRange, isLog)) {
              make("line", { class: "grid", x1: x(value), x2: x(value), y1: box.top, y2: box.bottom }, layer);
              make("text", { x: x(value), y: box.bottom + 18, "text-anchor": "middle" }, layer).textContent = text(value);
            }
            for (const value of ticks(...yRange, isLog)) {
              make("line", { class: "grid", x1: box.left, x2: box.right, y1: y(value), y2: y(value) }, layer);
              make("text", { x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, layer).textContent = text(value);
            }
            make("rect", { class: "frame", x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top }, layer);
            make("text", { x: 405, y: 498, "text-anchor": "middle" }, layer).textContent = "gradient norm ‖∇f(xₖ)‖";
            make("text", { transform: "translate(16 240) rotate(-90)", "text-anchor": "middle" }, layer).textContent = "local smoothness";
            const curves = drawn.curves;
            curves.forEach(({ name, colour, dash, points }, index) => {
              let path = "", pen = "M";
              for (const [g, l] of points) {
                if (!(g >= xRange[0] && g <= xRange[1] && l >= yRange[0] && l <= yRange[1])) { pen = "M"; continue; }
                path += `${pen}${x(g).toFixed(1)} ${y(l).toFixed(1)}`;
                pen = "L";
              }
              make("path", { d: path || "M0 0", stroke: colour, "stroke-dasharray": dash, "data-name": name }, layer);
              const place = box.top + 14 + 16 * index;
              make("line", { x1: box.left + 10, x2: box.left + 40, y1: place, y2: place, stroke: colour, "stroke-width": 2, "stroke-dasharray": dash }, layer);
              make("text", { x: box.left + 46, y: place + 4 }, layer).textContent = name;
            });
            let edge = "";
            for (const [iteration, g, , reference] of drawn.points) {
              if (iteration > until || reference === null || !(reference >= yRange[0] && reference <= yRange[1])) continue;
              edge += `M${(x(g) - 3).toFixed(1)} ${y(reference).toFixed(1)}h6m-3 -3v6`;
            }
            if (edge) {
              make("path", { d: edge, class: "edge", "data-name": "2/η_eff" }, layer);
              make("path", { d: `M${box.left + 22} ${box.top + 14 + 16 * curves.length}h6m-3 -3v6`, class: "edge" }, layer);
              make("text", { x: box.left + 46, y: box.top + 18 + 16 * curves.length }, layer).textContent = "2/η_eff";
            }
            let count = 0;
            for (const [iteration, g, l, reference] of drawn.points) {
              if (iteration > until) continue;
              const circle = make("circle", { cx: x(g), cy: y(l), r: 4, fill: color(iteration), tabindex: count++ === 0 ? 0 : -1, role: "img" }, layer);
              const label = `iteration ${iteration}: gradient norm ${text(g)}, smoothness ${text(l)}` + (reference === null ? "" : `, 2/η_eff ${text(reference)}`);
              circle.setAttribute("aria-label", label);
              circle.dataset.iteration = iteration;
              const show = () => { hover.textContent = label; };
              circle.addEventListener("mouseenter", show);
              circle.addEventListener("focus", show);
              if (String(iteration) === focused) circle.focus();
            }
            svg.dataset.count = count;
          };
          svg.addEventListener("keydown", (event) => {
            const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
            if (!step) return;
            const circles = [...svg.querySelectorAll("circle")], place = circles.indexOf(document.activeElement);
            const next = circles[place + step];
            if (place < 0 || !next) return;
            circles[place].setAttribute("tabindex", -1);
            next.setAttribute("tabindex", 0);
            next.focus();
            event.preventDefault();
          });
          document.querySelectorAll("input").forEach((input) => input.addEventListener("input", draw));
          // A link may ask for the other axes: report.html#linear.
          if (location.hash === "#linear") document.querySelector("input[value=linear]").checked = true;
          draw();
        })();
        """#
}
