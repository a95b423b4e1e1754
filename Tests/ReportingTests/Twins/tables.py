"""Reads a table as Python's own csv and json modules see it: argv[1] CSV, argv[2] JSON; prints both as JSON of reprs."""

import csv
import json
import sys

with open(sys.argv[1], newline="", encoding="utf-8") as file:
    rows = list(csv.reader(file, strict=True))
with open(sys.argv[2], encoding="utf-8") as file:
    objects = json.load(file)
numbers = [float(row[1]).hex() if row[1] else "" for row in rows[1:]]
json.dump({
    "csv": rows, "numbers": numbers, "columns": list(objects[0]),
    "json": [[("" if v is None else v if isinstance(v, str) else json.dumps(v)) for v in o.values()] for o in objects],
}, sys.stdout)
