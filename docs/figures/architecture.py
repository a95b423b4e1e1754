"""Draws the modules of the package and what each is built on, from the description that `swift package dump-package` prints.

    swift package dump-package | python3 docs/figures/architecture.py > docs/figures/architecture.svg

A module stands above everything that it uses. Lines that follow from others are left out: where A uses B and B uses C, A may use C as well. The
same package gives the same bytes.
"""

import html
import json
import sys

WIDTH, HEIGHT, GAP, RISE, MARGIN = 140, 34, 18, 84, 24


def modules(package):
    """What each target that is no test uses: the libraries that products are made of, and the program."""
    targets = {target["name"]: target for target in package["targets"] if target["type"] != "test" and not (target.get("path") or "").startswith("Tests/")}
    uses = {}
    for name, target in targets.items():
        named = [value[0] for dependency in target["dependencies"] for value in dependency.values()]
        uses[name] = sorted(other for other in named if other in targets)
    return uses


def reached(uses, name):
    """Everything that a module uses, through others too."""
    found, waiting = set(), list(uses[name])
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting += uses[other]
    return found


def reduced(uses):
    """The lines that do not follow from others."""
    return {name: [other for other in others if not any(other in reached(uses, third) for third in others if third != other)] for name, others in uses.items()}


def rows(uses):
    """Rows from the bottom up: every module is above what it uses, as low as it can be, and the names that C has are on the lowest."""
    depth = {}

    def of(name):
        if name not in depth:
            depth[name] = 1 + max((of(other) for other in uses[name]), default=-1)
        return depth[name]

    for name in sorted(uses):
        of(name)
    return [sorted(name for name in uses if depth[name] == level) for level in range(1 + max(depth.values()))]


def ordered(levels, lines):
    """Puts the modules of a row near those that they are joined to; a fixed number of passes, ties by name."""
    neighbours = {name: set(others) for name, others in lines.items()}
    for name, others in lines.items():
        for other in others:
            neighbours[other].add(name)
    place = {name: index - (len(level) - 1) / 2 for level in levels for index, name in enumerate(level)}
    for _ in range(24):
        for level in levels:
            wish = {name: sum(place[other] for other in neighbours[name]) / max(1, len(neighbours[name])) for name in level}
            for index, name in enumerate(sorted(level, key=lambda name: (round(wish[name], 9), name))):
                place[name] = index - (len(level) - 1) / 2
    return place


def svg(uses):
    levels, lines = rows(uses), reduced(uses)
    place = ordered(levels, lines)
    width = max(map(len, levels)) * (WIDTH + GAP) - GAP + 2 * MARGIN
    height = len(levels) * RISE - (RISE - HEIGHT) + 2 * MARGIN
    at = {}
    for number, level in enumerate(levels):
        for name in level:
            at[name] = (width / 2 + place[name] * (WIDTH + GAP), height - MARGIN - HEIGHT - number * RISE)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13" text-anchor="middle">'
    yield "<title>The modules of smoothness: each is built on those below that a line leads to</title>"
    yield f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    yield '<g fill="none" stroke="#8a97a6" stroke-width="1.2">'
    for name in sorted(lines):
        for other in lines[name]:
            (x, y), (u, v) = at[name], at[other]
            bend = (v - y - HEIGHT) / 2
            yield f'<path d="M{x:.0f} {y + HEIGHT:.0f}C{x:.0f} {y + HEIGHT + bend:.0f} {u:.0f} {v - bend:.0f} {u:.0f} {v:.0f}"/>'
    yield "</g>"
    for name in sorted(at):
        x, y = at[name]
        is_c = name.startswith("C") and name[1:2].isupper() or name == "TorchLibrary"
        fill = "#e7e2d8" if is_c else "#f6d9c4" if not any(name in others for others in uses.values()) else "#dbe7f3"
        yield f'<rect x="{x - WIDTH / 2:.0f}" y="{y:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="5" fill="{fill}" stroke="#51606f"/>'
        yield f'<text x="{x:.0f}" y="{y + HEIGHT / 2 + 4.5:.1f}" fill="#1c2733">{html.escape(name)}</text>'
    yield "</svg>"


if __name__ == "__main__":
    print("\n".join(svg(modules(json.load(sys.stdin)))))
