"""A folder in which one run is made with one program, and the columns of numbers that came out of it."""

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import numpy as np

# What is about the machine, the moment or the writer, and no number of the run.
LEFT_OUT = re.compile(r"second|time|created|software|version|path|threads|digest|checksum|run_id|duration|bytes|_file$", re.IGNORECASE)
# A longer array of a file is kept as a digest of its bytes and this many of its values.
VALUES_KEPT = 2000


class Bench:
    """Calls one program in a temporary folder and collects columns: name → list of texts, each a number to the last bit or a word."""

    LANGUAGE = ("--data", "text.txt", "--tokens", "words", "--batch-size", "4", "--sequence-length", "6", "--vocabulary", "40")

    def __init__(self, program):
        self.program, self.folder = os.path.abspath(program), tempfile.mkdtemp(prefix="smoothness-comparison-")
        self.columns, self.failures, self.labels = {}, [], set()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def text(self):
        """Generated words, a sentence a line."""
        generator = np.random.default_rng(3)
        words = [f"w{int(number)}" for number in generator.geometric(0.08, 700)]
        self.write("text.txt", "\n".join(" ".join(words[k : k + 7]) for k in range(0, len(words), 7)) + "\n")

    # Calls

    def started(self, *arguments):
        return subprocess.Popen([self.program, *map(str, arguments)], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def call(self, *arguments, label=None):
        """Runs the program to its end and returns its standard output, or None where it failed, which becomes a column of its own."""
        process = self.started(*arguments)
        output, errors = process.communicate()
        if process.returncode == 0:
            return output
        self.failures.append(f"{' '.join(map(str, arguments))}: exit code {process.returncode}: {errors.strip()[-600:]}")
        self.columns[f"{label or arguments[0]}.exit"] = [str(process.returncode)]
        return None

    def stopped(self, first, again, output):
        """Stops `first` as soon as its output is there and half a row is done, by SIGTERM and then by SIGKILL, and calls `again` until it ends."""
        call = first
        for stop in (signal.SIGTERM, signal.SIGKILL, None, None, None):
            process = self.started(*call)
            if stop is not None:
                while process.poll() is None and not os.path.exists(self.path(output)):
                    pass
                process.stderr.readline(), process.stderr.readline()
                process.send_signal(stop)
            errors = process.communicate()[1]
            if process.returncode == 0:
                return
            if process.returncode not in (75, -signal.SIGKILL):
                self.failures.append(f"{' '.join(map(str, call))}: exit code {process.returncode}: {errors.strip()[-600:]}")
                self.columns[f"{call[0]}.exit"] = [str(process.returncode)]
                return
            if os.path.exists(self.path(output)):
                call = again

    def in_training(self, definition):
        """The options of an estimate while training."""
        return [word for name, value in definition.items() for word in (f"--estimate-{name}", value)]

    def train(self, name, objective, *options, iterations):
        saving = () if "--save" in options else ("--save", "every=1")
        done = self.call("train", "--objective", objective, *options, *saving, "--iterations", iterations, "--threads", "1", "-o", f"{name}.h5", label=f"train-{name}")
        if done is not None:
            self.run_file(name)

    def estimate(self, name, *options, label="estimate"):
        """Measures, and collects the table, the exported points and curves, and the arrays of the file."""
        assert label not in self.labels, f"two estimates of one run are both called {label}"
        self.labels.add(label)
        output = options[options.index("-o") + 1] if "-o" in options else f"{name}.{label}.estimates.h5" if label != "estimate" else f"{name}.estimates.h5"
        options = options if "-o" in options else (*options, "-o", output)
        options = options if "--threads" in options else (*options, "--threads", "2")
        if self.table(label, "estimate", f"{name}.h5", *options, "--columns", "all", "--format", "json"):
            self.last = (f"{name}.h5", options)
            self.points(output, label)

    def blocks(self, name, label="estimate"):
        """The blocks of the estimate that was made last."""
        run, options = self.last
        self.table(f"{label}.blocks", "estimate", run, *options, "--blocks", "*", "--format", "json")

    def align(self, name, *options):
        for table in ("summary", "histogram"):
            self.table(f"align.{table}", "align", f"{name}.h5", *options, "--threads", "2", "--table", table, "--format", "json")
        self.arrays(f"{name}.alignment.h5", "align.file", "alignment")

    def fit(self, name, *options):
        self.table("fit", "fit", f"{name}.h5", *options, "--replicates", "200", "--format", "json")

    def advise(self, name, *options):
        self.table("advise", "advise", f"{name}.h5", *options, "--replicates", "200", "--format", "json")

    def plot(self, name):
        if self.call("plot", f"{name}.h5", "-o", "scatter.csv", label="plot") is not None:
            self.comma_separated("scatter.csv", "plot")

    def points(self, path, label):
        """What `export` makes of an estimates file, and the arrays in it."""
        for kind, options in {"points": (), "curves": ("--curves",)}.items():
            if self.call("export", path, *options, "-o", f"{kind}.csv", "--force", label=f"{label}.{kind}") is not None:
                self.comma_separated(f"{kind}.csv", f"{label}.{kind}")
        self.arrays(path, f"{label}.file", "estimates")

    def run_file(self, name):
        self.arrays(f"{name}.h5", f"run-{os.path.basename(name)}", "trajectory", "history")

    def found(self, folder, ending):
        """The files below a folder whose names end so, by their names without it."""
        files = {}
        for place, _, names in os.walk(self.path(folder)):
            files.update({name: os.path.relpath(os.path.join(place, name), self.folder) for name in names if name.endswith(ending)})
        return dict(sorted(files.items()))

    # Columns

    def table(self, label, *arguments):
        """Collects the JSON that a call prints. Numbers are kept as they are printed, which is to the last bit."""
        output = self.call(*arguments, label=label)
        if output is None:
            return False
        self._collect(label, json.loads(output, parse_float=str, parse_int=str))
        return True

    def _add(self, name, value):
        if not LEFT_OUT.search(name.split(".")[-1]):
            text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            self.columns.setdefault(name, []).append(text.replace(self.folder, "…"))

    def _collect(self, label, value):
        """Members of rows become columns; elements that have a name are told by it, and camelCase is read as snake_case."""
        if isinstance(value, dict):
            for key, member in value.items():
                self._collect(f"{label}.{re.sub(r'(?<=[a-z0-9])([A-Z])', lambda found: '_' + found[0].lower(), key)}", member)
        elif isinstance(value, list):
            for element in value:
                name = next((element[key] for key in ("model", "law", "line", "name", "theorem", "block") if isinstance(element.get(key), str)), None) if isinstance(element, dict) else None
                self._collect(f"{label}[{name}]" if name else label, element)
        else:
            self._add(label, value)

    def comma_separated(self, path, label):
        with open(self.path(path), newline="") as file:
            for row in csv.DictReader(line for line in file if not line.startswith("#")):
                for name, value in row.items():
                    self._add(f"{label}.{name}", value)

    def arrays(self, path, label, *groups):
        """The committed rows of every numeric dataset below some groups of a file."""
        import h5py

        if not os.path.exists(self.path(path)):
            return
        with h5py.File(self.path(path), "r") as file:
            def visit(group, committed):
                for name, item in group.items():
                    if isinstance(item, h5py.Group):
                        visit(item, int(item["commit"][()]) if "commit" in item else committed)
                    elif name != "commit" and item.shape and item.dtype.kind in "fiub" and not LEFT_OUT.search(name):
                        self._array(f"{label}{item.name}", item[:committed])
            for name in groups:
                if name in file:
                    group = file[name]
                    visit(group, int(group["commit"][()]) if "commit" in group else int(file["commit"][()]))

    def _array(self, name, array):
        flat = array.reshape(-1)
        if flat.size > VALUES_KEPT:
            self.columns[f"{name}.sha256"] = [hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()]
            flat = flat[:: -(-flat.size // VALUES_KEPT)]
        self.columns[name] = [repr(value) for value in flat.tolist()]
