"""Files that hold hostile texts, and whether what was made of them is well-formed.

make RUN ESTIMATES TEXT.json FOLDER   copies of a run and its estimates in which every text is the one of the file
check LIST.json                       [[kind, path, text that it holds or null], …]: prints what is wrong, a line each
"""
import csv
import functools
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import unicodedata
import xml.etree.ElementTree

import h5py
import numpy as np

TEXT = h5py.string_dtype("utf-8")


@functools.cache
def has_module(name):
    """Whether there is a module of Python; where there is none, says on standard error what is skipped."""
    found = importlib.util.find_spec(name) is not None
    if not found:
        print(f"SKIPPED: texts of the kind that the Python module {name} reads: it is not installed", file=sys.stderr)
    return found


@functools.cache
def has_program(name):
    """The same of a program."""
    found = shutil.which(name) is not None
    if not found:
        print(f"SKIPPED: texts of the kind that {name} checks: it is not installed", file=sys.stderr)
    return found


def make(run, estimates, text_file, folder):
    with open(text_file, encoding="utf-8") as file:
        text = json.load(file)
    # No string of HDF5 holds a NUL; those of JSON do.
    plain = text.replace("\0", "")
    for source, name in ((run, "run.h5"), (estimates, "run.estimates.h5")):
        target = f"{folder}/{name}"
        shutil.copy(source, target)
        with h5py.File(target, "r+", libver="earliest") as file:

            def replace(path, value):
                attributes = dict(file[path].attrs)
                del file[path]
                new = file.create_dataset(path, data=value, dtype=TEXT)
                for key, old in attributes.items():
                    new.attrs.create(key, old, dtype=TEXT)

            optimizer = json.loads(file["optimizer"][()])
            optimizer["device"] = text
            if name == "run.estimates.h5":
                optimizer["algorithm"] = text
                replace("objective", json.dumps({"kind": "external", "description": text}))
                configuration = json.loads(file["configuration"][()])
                configuration["evaluation"]["device"] = text
                replace("configuration", json.dumps(configuration))
                file.attrs.create("run_file", plain[:200].replace("/", "_"), dtype=TEXT)
            replace("optimizer", json.dumps(optimizer))
            replace("parameters/name", np.array([plain] * len(file["parameters/name"]), dtype=object))
            for key in ("created", "software", "software_version"):
                file.attrs.create(key, plain[:60_000], dtype=TEXT)


def hidden(text, ends="\n"):
    """Scalars that a terminal would obey, or that show nothing."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c not in ends}


def undone(field):
    """The text of a field of CSV: docs/method.md, "Text from outside"."""
    return field[1:] if re.match(r"'+[=+\-@\t\r\n]", field) else field


def well_formed(kind, path, text):
    """Yields what is wrong."""
    with open(path, "rb") as file:
        data = file.read()
    if kind in ("png", "pdf", "tfevents"):
        begins = {"png": b"\x89PNG", "pdf": b"%PDF-", "tfevents": b""}[kind]
        if not data.startswith(begins) or len(data) < 40:
            yield "is no " + kind
        return
    if kind == "npz":
        with np.load(path) as archive:
            if "gradient_norm" not in archive.files:
                yield "lacks gradient norms"
        return
    content = data.decode("utf-8")
    if kind == "svg":
        shown = "".join(xml.etree.ElementTree.fromstring(content).itertext())
        if hidden(shown, "\n\t"):
            yield f"holds {hidden(shown, chr(10) + chr(9))!r}"
        if text is not None and text not in shown:
            yield "does not show the text"
    elif kind == "html":
        if not has_module("html5lib"):
            return
        import html5lib

        page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(content)
        scripts = [element for element in page.iter("script")]
        if len(scripts) > 2 or any(name.startswith("on") for e in page.iter() for name in e.attrib):
            yield "has a script that is not its own"
        if hidden(content):
            yield f"holds {hidden(content)!r}"
        for script in scripts:
            if script.get("type") == "application/json":
                json.loads(script.text)
        if text is not None and text not in page.find("head/title").text:
            yield f"has another title: {page.find('head/title').text!r}"
    elif kind in ("json", "jsonl"):
        for document in [content] if kind == "json" else content.splitlines():
            value = json.loads(document)
            if text is not None and text not in list(strings(value)):
                yield "does not hold the text"
    elif kind == "csv":
        rows = list(csv.reader(content.splitlines(keepends=True), strict=True))
        if len({len(row) for row in rows}) != 1:
            yield "has rows of different lengths"
        for field in (field for row in rows for field in row):
            if re.match(r"[=+@\t\r\n]|-(?![0-9.]|inf)", field):
                yield f"has a formula: {field[:80]!r}"
        if text is not None and text not in [undone(field) for row in rows for field in row]:
            yield "does not hold the text"
    elif kind in ("text", "md", "py", "tex", "sh"):
        if hidden(content):
            yield f"holds {hidden(content)!r}"
        if kind == "py":
            compile(content, path, "exec")
        if kind == "md" and has_module("markdown_it"):
            from markdown_it import MarkdownIt

            shown = MarkdownIt("commonmark").enable("table").render(content)
            if re.search(r"<(?!/?(h1|p|ul|li|strong|table|thead|tbody|tr|th|td|pre|code)\b)", shown):
                yield f"has other elements than its own: {re.findall('<[^>]*>', shown)[:9]}"
        if kind == "tex":
            for row in content.splitlines():
                if not row.startswith("\\") and not re.fullmatch(r"(?:\\[&%$#_{}\\]|\\[a-z]+|\{[-\[\]*]\}|[^\\~<>|`])*", row):
                    yield f"has a row {row!r}"
        if kind == "sh":
            for command in (["bash", "-n"], ["shellcheck", "--severity=error", "--shell=bash"]):
                if has_program(command[0]):
                    outcome = subprocess.run(command + [path], capture_output=True, text=True)
                    if outcome.returncode:
                        yield f"{command[0]}: {outcome.stdout}{outcome.stderr}"
    else:
        yield "is of no known kind"
    if kind == "svg" and has_program("xmllint"):
        outcome = subprocess.run(["xmllint", "--noout", path], capture_output=True, text=True)
        if outcome.returncode:
            yield outcome.stderr


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from strings(member)


def check(list_file):
    csv.field_size_limit(1 << 26)
    with open(list_file, encoding="utf-8") as file:
        entries = json.load(file)
    for kind, path, text in entries:
        try:
            for problem in well_formed(kind, path, text):
                print(f"{kind} {path!r}: {problem[:2000]}")
        except Exception as error:
            print(f"{kind} {path!r}: {type(error).__name__}: {str(error)[:2000]}")


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](*sys.argv[2:])
