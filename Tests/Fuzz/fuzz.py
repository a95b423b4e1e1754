#!/usr/bin/env python3
"""Gives changed files and absurd options to the program, and holds what it does against what it promises.

    fuzz.py PROGRAM [--mutants N] [--seed S] [--jobs J] [--kinds run-quadratic,csv,…] [--only NUMBER] [--keep FOLDER] [--patience FACTOR]

A mutant is a function of the seed and its number: a file of one kind (seeds.py), changed bit by bit (mutations.py) or within the rules of its format
(hierarchies.py, archives.py), and a command that reads such files (commands.py). Every command has to end with one of the documented exit codes and one
clear message, within two seconds of processor time, below 1 GB of memory, and must leave its input and all other files alone. What does not is
printed with its number, and kept below FOLDER; `--only NUMBER` does it again. The exit code is 1 where anything was found.
"""

import argparse
import glob
import json
import multiprocessing
import os
import random
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback

import archives
import commands
import hierarchies
import mutations
import seeds

# 75, to be called again, is what a merge of units that are not done says.
ALLOWED = {0, 3, 64, 65, 66, 73, 74}
SECONDS, WALL_SECONDS, BYTES = 2.0, 20.0, 1 << 30
# What a crash, another library or another language says; the program's own messages hold nothing of the kind.
STRANGE = [
    "Fatal error",
    "Program crashed",
    "Swift runtime",
    "terminate called",
    "corruption",
    "Traceback",
    "HDF5-DIAG",
    "Assertion",
    "what():",
    "gnuplot>",
    "Thread 0",
    "libpng error",
    "NSCocoaErrorDomain",
    "Error Domain=",
]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "GOMP_SPINCOUNT": "1000", "SWIFT_BACKTRACE": "enable=no"}


def change_file(rng, kind, path, other):
    """Changes the file in place."""
    with open(path, "rb") as file:
        data = file.read()
    if not data:
        data = b" "
    if data[:8] == b"\x89HDF\r\n\x1a\n" and rng.random() < 0.7:
        hierarchies.change(rng, path)
        if rng.random() < 0.85:
            return
        with open(path, "rb") as file:
            data = file.read()
    data = bytearray(data)
    structured = rng.random() < 0.7
    if structured and path.endswith((".npz", ".pt")) and data[:2] == b"PK":
        data = rng.choice([archives.zip_archive, archives.zip_archive, archives.zip_fields])(rng, data)
    elif structured and path.endswith(".pt") or structured and kind == "cifar-python":
        data = archives.pickled(rng, bytes(data))
    elif structured and path.endswith(".npy"):
        data = archives.numpy_array(rng, bytes(data))
    elif structured and path.endswith(".safetensors"):
        data = archives.safetensors(rng, data)
    elif structured and path.endswith(".png"):
        data = archives.png_header(rng, data)
    elif structured and path.endswith(".jpg"):
        data = archives.jpeg_header(rng, data)
    elif structured and kind.startswith("idx"):
        data = archives.gzip_bomb(rng, data) if kind == "idx-packed" and rng.random() < 0.02 else archives.idx_header(rng, data)
    elif structured and path.endswith(".jsonl"):
        data = mutations.json_lines(rng, data.decode()).encode("utf-8", "surrogatepass")
    elif structured and path.endswith(".json"):
        data = mutations.json_document(rng, data.decode()).encode("utf-8", "surrogatepass")
    elif structured and path.endswith(".csv"):
        data = mutations.csv_table(rng, data.decode())
    elif structured and path.endswith(".txt"):
        data = mutations.lines_of_text(rng, data.decode())
    else:
        data = mutations.bitwise(rng, data, other)
    with open(path, "wb") as file:
        file.write(data)


KINDS = {
    **{kind: (commands.of_run, 6) for kind in commands.RUNS},
    **{kind: (commands.of_network, 1) for kind in commands.NETWORKS},
    **{kind: (commands.of_estimates, 5) for kind in commands.ESTIMATES},
    "alignment": (commands.of_alignment, 5),
    "plan": (commands.of_plan, 4),
    "plan-done": (commands.of_plan, 4),
    **{kind: (commands.of_import, 4) for kind in ["npz", "npz-packed", "npy", "safetensors", "torch", "torch-plain", "hdf5"]},
    "csv": (commands.of_points, 8),
    "samples": (commands.of_samples, 2),
    "json": (commands.of_description, 10),
    "batches": (commands.of_batches, 1),
    "text": (commands.of_text, 3),
    "options": (commands.of_options, 10),
    **{kind: (commands.of_images, 2) for kind in ["idx", "idx-packed", "cifar-binary", "cifar-python", "png", "jpeg", "jpeg-progressive"]},
}


def waits_for_a_processor(session, seconds):
    """Whether the processes of a session have been running, or in the queue of a busy processor, for half of the time."""
    total = 0
    for path in glob.glob("/proc/[0-9]*/task/*/schedstat"):
        try:
            if os.getsid(int(path.split("/")[2])) == session:
                with open(path) as file:
                    running, waiting, _ = map(int, file.read().split())
                total += running + waiting
        except (OSError, ValueError):
            pass
    return total > 0.5e9 * seconds


class Fuzzer:
    def __init__(self, options, seeds_folder, folder):
        self.program, self.seed, self.patience, self.keep = options.program, options.seed, options.patience, options.keep
        self.seeds, self.folder = seeds_folder, folder
        names = [kind for kind in KINDS if not options.kinds or any(kind.startswith(name) for name in options.kinds.split(","))]
        self.kinds = [kind for kind in names for _ in range(KINDS[kind][1])]
        os.makedirs(folder)
        helpers = os.path.join(folder, "a", "b", "c", "helpers")
        os.makedirs(helpers)
        for source, name in {"run-quadratic/m.h5": "run.h5", "estimates-grid/m.h5": "estimates.h5", "text/m.txt": "text.txt"}.items():
            shutil.copy(os.path.join(self.seeds, source), os.path.join(helpers, name))
        shutil.copy(os.path.join(self.seeds, "npz-packed", "m.npz"), os.path.join(helpers, "w.npz"))
        self.place = os.path.join(folder, "a", "b", "c", "work")
        self.around = self.listing()

    def listing(self):
        """Everything around the folder of the work, which must stay as it is."""
        found = {}
        for path, folders, files in os.walk(self.folder):
            folders[:] = [name for name in folders if os.path.join(path, name) != self.place]
            for name in files:
                status = os.stat(os.path.join(path, name))
                found[os.path.join(path, name)] = (status.st_size, status.st_mtime_ns)
        return found

    def prepare(self, number):
        """Makes the mutant: its kind, the file that is changed, and the command."""
        rng = random.Random(f"{self.seed}-{number}")
        kind = rng.choice(self.kinds)
        shutil.rmtree(self.place, ignore_errors=True)
        if kind == "options":
            os.makedirs(self.place)
            return kind, None, commands.of_options(rng, None)
        shutil.copytree(os.path.join(self.seeds, kind), self.place)
        files = sorted(os.path.relpath(os.path.join(path, name), self.place) for path, _, names in os.walk(self.place) for name in names)
        mains = [name for name in files if os.path.basename(name).startswith("m.")]
        if kind == "json":
            mains = [name for name in files if name.endswith(".json")]
        elif kind.startswith("plan"):
            mains = [name for name in files if not name.startswith("runs/") or rng.random() < 0.1]
            mains += ["plan/manifest.jsonl"] * 3 + ["plan/configuration.json"] * 2
        name = rng.choice(mains or files)
        with open(os.path.join(self.seeds, rng.choice([item for item in commands.RUNS + commands.ESTIMATES]), "m.h5"), "rb") as file:
            other = file.read() if name.endswith(".h5") else b""
        try:
            change_file(rng, kind, os.path.join(self.place, name), other)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError, OverflowError, IndexError, AttributeError, UnicodeError):
            # A second change of what the first has made impossible: what there is will do.
            pass
        return kind, name, KINDS[kind][0](rng, name)

    def launch(self, arguments):
        """Runs the program: (exit code or negative signal, processor seconds, whether it had to be killed, most bytes, stdout, stderr)."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            began, is_stuck = time.monotonic(), False
            process = os.posix_spawn(
                self.program,
                [self.program, *arguments],
                {**ENVIRONMENT, "HOME": self.place, "TMPDIR": self.place},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, output.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, errors.fileno(), 2),
                ],
                setsid=True,
            )
            seconds = int(SECONDS * self.patience) + 1
            for limit, value in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_FSIZE, 1 << 31)):
                try:
                    resource.prlimit(process, limit, (value, value))
                except ProcessLookupError:
                    pass
            descriptor = os.pidfd_open(process)
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            while not poll.poll(1000 * WALL_SECONDS * self.patience):
                if not waits_for_a_processor(process, time.monotonic() - began):
                    os.killpg(process, signal.SIGKILL)
                    is_stuck = True
                    break
            os.close(descriptor)
            _, status, usage = os.wait4(process, 0)
            texts = []
            for stream in (output, errors):
                stream.seek(0)
                texts.append(stream.read())
            return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, is_stuck, usage.ru_maxrss * 1024, *texts

    def judge(self, number):
        """What is wrong with the way the program took a mutant; None for nothing."""
        kind, name, arguments = self.prepare(number)
        path = os.path.join(self.place, name) if name else None
        before = open(path, "rb").read() if name else b""
        os.chdir(self.place)
        code, processor, is_stuck, most, output, errors = self.launch(arguments)
        os.chdir(self.folder)
        faults = []
        if code < 0:
            faults.append(f"signal {-code}")
        elif code not in ALLOWED and not (code == 75 and arguments[0] == "batch"):
            faults.append(f"exit code {code}")
        # A description may ask for more work than there is time for; then the work goes on and says so.
        is_working = code in (0, -signal.SIGXCPU, -signal.SIGKILL) and re.search(rb"^(estimate|train|align): ", errors, re.MULTILINE)
        if is_working and code < 0:
            faults = []
        elif not is_working and processor > SECONDS * self.patience:
            faults.append(f"took {processor:.1f} s of processor time")
        if is_stuck:
            faults.append(f"did nothing for {WALL_SECONDS * self.patience:.0f} s")
        if most > BYTES:
            faults.append(f"took {most >> 20} MB")
        faults += self.judge_texts(code, arguments, output, errors)
        faults += self.judge_files(code, arguments, path, before)
        if not faults:
            return kind, code, None
        found = {
            "number": number,
            "seed": self.seed,
            "kind": kind,
            "file": name,
            "command": arguments,
            "faults": faults,
            "stderr": errors.decode("utf-8", "replace")[:2000],
        }
        if self.keep:
            kept = os.path.join(self.keep, f"{self.seed}-{number}")
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(self.place, kept, symlinks=True)
            with open(os.path.join(kept, "finding.json"), "w") as file:
                json.dump(found, file, indent=1)
        return kind, code, found

    def judge_texts(self, code, arguments, output, errors):
        faults = []
        for label, text in (("stdout", output), ("stderr", errors)):
            try:
                decoded = text.decode()
            except UnicodeDecodeError:
                faults.append(f"{label} is no UTF-8")
                continue
            if any(ord(character) < 32 and character not in "\n\t" or character in "\x7f\u202e" for character in decoded):
                faults.append(f"{label} holds control characters")
        message = errors.decode("utf-8", "replace")
        strange = [text for text in STRANGE if text in message]
        if strange:
            faults.append(f"stderr says {strange}")
        if code > 0 and not message.strip() and arguments[0] != "verify":
            faults.append("no message")
        if len(errors) > 20_000:
            faults.append(f"a message of {len(errors)} bytes")
        if code == 0 and "json" in arguments and output.strip():
            try:
                json.loads(output, parse_constant=lambda name: 1 / 0)
            except (ValueError, ZeroDivisionError):
                faults.append("stdout is no JSON")
        return faults

    def judge_files(self, code, arguments, path, before):
        faults = []
        if self.listing() != self.around:
            changed = [name for name, status in self.listing().items() if self.around.get(name) != status]
            faults.append(f"other files were written: {changed}")
            for name in changed:
                if name not in self.around:
                    os.remove(name)
            self.around = self.listing()
        writes = arguments[0] == "train" or arguments[0] == "batch" or path and arguments[-1] == os.path.basename(path)
        if path and not writes and (not os.path.exists(path) or open(path, "rb").read() != before):
            faults.append("the input was changed")
        if any(name in files for _, _, files in os.walk(self.place) for name in ("EXECUTED", "ESCAPED")):
            faults.append("a text was executed")
        if arguments[:2] == ["batch", "."] and code not in (0, 3):
            faults.append("the good run beside it was not measured")
        if code > 3 and arguments[0] in ("export", "import", "plot", "report"):
            left = [name for name in os.listdir(self.place) if name.startswith(("out", "events"))]
            if left:
                faults.append(f"failed and left {left}")
        return faults


def work(options, seeds_folder, folder, numbers, results):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    fuzzer = Fuzzer(options, seeds_folder, folder)
    while True:
        with numbers.get_lock():
            number = numbers.value
            numbers.value += 1
        if number >= options.start + options.mutants:
            break
        try:
            results.put(fuzzer.judge(number))
        except Exception:
            # A fault of the fuzzer's own: this mutant is not counted, so that the exit code is 1.
            print(f"mutant {number} could not be made or judged:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
    results.put(None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--start", type=int, default=0, help="the number of the first mutant")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--kinds", default="", help="beginnings of kinds, separated by commas")
    parser.add_argument("--only", type=int, help="the number of one mutant")
    parser.add_argument("--keep", type=os.path.abspath, help="the folder for what is found")
    parser.add_argument("--seeds", type=os.path.abspath, help="a folder where the unchanged files are kept between calls")
    parser.add_argument("--patience", type=float, default=1, help="times two seconds; for programs that are not optimised")
    options = parser.parse_args()
    if options.only is not None:
        options.start, options.mutants, options.jobs = options.only, 1, 1
    with tempfile.TemporaryDirectory(prefix="smoothness-fuzz-") as folder:
        seeds_folder = options.seeds or os.path.join(folder, "seeds")
        os.makedirs(seeds_folder, exist_ok=True)
        seeds.make(options.program, seeds_folder)
        began = time.monotonic()
        numbers, results = multiprocessing.Value("q", options.start), multiprocessing.SimpleQueue()
        workers = [
            multiprocessing.Process(target=work, args=(options, seeds_folder, os.path.join(folder, f"w{k}"), numbers, results))
            for k in range(options.jobs)
        ]
        for worker in workers:
            worker.start()
        count, found, codes, ended = 0, 0, {}, 0
        while ended < len(workers):
            result = results.get()
            if result is None:
                ended += 1
                continue
            kind, code, fault = result
            count += 1
            codes[code] = codes.get(code, 0) + 1
            if fault:
                found += 1
                print(json.dumps(fault, ensure_ascii=True), flush=True)
            if count % 1000 == 0:
                print(
                    f"{count} mutants, {found} findings, {count / (time.monotonic() - began):.0f} a second, exit codes {dict(sorted(codes.items()))}",
                    file=sys.stderr,
                    flush=True,
                )
        seconds = time.monotonic() - began
        print(f"{count} mutants in {seconds:.0f} s, {count / seconds:.0f} a second: {found} findings; exit codes {dict(sorted(codes.items()))}")
    sys.exit(1 if found or count < options.mutants else 0)


if __name__ == "__main__":
    main()
