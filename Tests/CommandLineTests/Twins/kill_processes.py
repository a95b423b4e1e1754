"""Kills what the bridge consists of at random moments and looks at what is left.

    kill_processes.py oracle PROGRAM RUN.h5 WHOLE.h5 OUTPUT.h5 KILLS SEED COMMAND ARGUMENTS…     gradient processes of one estimate after the other
    kill_processes.py recorder PROGRAM KILLS SEED                                     recorders

oracle: every estimate must come through with the rows of the undisturbed one, bit for bit. recorder: after every kill the rows that were counted
must be those of an undisturbed recording, and no fewer than the recorder had said were counted. Prints one line of JSON.
"""
import json
import os
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np


def descendants(identifier):
    """[(process, which worker it is)] of everything below a process."""
    found = []
    try:
        children = open(f"/proc/{identifier}/task/{identifier}/children").read().split()
        for thread in os.listdir(f"/proc/{identifier}/task"):
            children += open(f"/proc/{identifier}/task/{thread}/children").read().split()
    except OSError:
        return []
    for child in set(children):
        try:
            variables = open(f"/proc/{child}/environ").read().split("\0")
        except OSError:
            continue
        worker = next((variable for variable in variables if variable.startswith("SMOOTHNESS_WORKER=")), None)
        found += [(int(child), worker)] + descendants(child)
    return found


def kill_oracles(program, run, whole, output, kills, seed, command, *arguments):
    randomness, dealt, calls = random.Random(int(seed)), 0, 0
    os.makedirs("answered", exist_ok=True)
    while dealt < int(kills):
        if os.path.exists(output):
            os.remove(output)
        estimate = subprocess.Popen([program, "estimate", run, "--oracle", command, "--oracle-workers", "2", "-o", output, *arguments],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        calls += 1
        young = {}
        while estimate.poll() is None and dealt < int(kills):
            time.sleep(randomness.uniform(0, 0.5))
            victims = descendants(estimate.pid)
            if not victims or estimate.poll() is not None:
                continue
            victim, worker = randomness.choice(victims)
            # Whoever dies four times in a row before it has answered is given up, as it should be. How long the first answer takes depends on
            # what else the machine does: a process leaves a file when it has given one.
            young[worker] = 0 if os.path.exists(f"answered/{victim}") else young.get(worker, 0) + 1
            if worker is None or young[worker] > 2:
                continue
            try:
                os.kill(victim, signal.SIGKILL)
                dealt += 1
            except ProcessLookupError:
                pass
        message = estimate.communicate()[1].decode(errors="replace")
        if estimate.returncode != 0:
            raise SystemExit(f"the estimate ended with {estimate.returncode} after {dealt} kills: {message[-2000:]}")
        with h5py.File(output) as ours, h5py.File(whole) as theirs:
            if int(ours["commit"][()]) != int(theirs["commit"][()]):
                raise SystemExit("rows are missing")
            names = []
            theirs["estimates"].visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            for name in names:
                if ours["estimates"][name][...].tobytes() != theirs["estimates"][name][...].tobytes():
                    raise SystemExit(f"/estimates/{name} is another than without kills")
    print(json.dumps({"kills": dealt, "calls": calls}))


RECORDER = """
import os, sys
import numpy as np
from smoothness_bridge import Recorder
x = {"w": np.linspace(0.0, 1.0, 300).reshape(20, 15), "b": np.ones(7)}
report = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
with Recorder(sys.argv[1], x, 600, int(sys.argv[3]), {"algorithm": "sgd", "learning_rate": 0.01}, overwrite=True, quiet=True, store_gradients=True) as recorder:
    for k in range(600 * int(sys.argv[3])):
        g = {name: np.sin((k + 1) * value) for name, value in x.items()}
        recorder.before_step(k, float(k), parameters=x, gradients=g)
        x = {name: x[name] - 0.01 * g[name] for name in x}
        recorder.after_step(parameters=x)
        os.pwrite(report, b"%8d" % recorder.row, 0)
"""


def kill_recorders(program, kills, seed):
    randomness = random.Random(int(seed))
    with open("record.py", "w") as file:
        file.write(RECORDER)
    began = time.monotonic()
    # One that saves every other iteration, and one whose rows share their iterates.
    subprocess.run([sys.executable, "record.py", "undisturbed2.h5", "undisturbed.txt", "2"], check=True)
    subprocess.run([sys.executable, "record.py", "undisturbed1.h5", "undisturbed.txt", "1"], check=True)
    duration = (time.monotonic() - began) / 2
    halfway = dealt = absent = 0
    while dealt < int(kills):
        for name in ("killed.h5", "killed.txt"):
            if os.path.exists(name):
                os.remove(name)
        every = 1 + dealt % 2
        recorder = subprocess.Popen([sys.executable, "record.py", "killed.h5", "killed.txt", str(every)], stderr=subprocess.PIPE)
        time.sleep(randomness.uniform(0.5, 1.05) * duration)
        recorder.send_signal(signal.SIGKILL)
        message = recorder.communicate()[1].decode()
        if recorder.returncode not in (0, -signal.SIGKILL):
            raise SystemExit(f"the recorder ended with {recorder.returncode}: {message}")
        dealt += recorder.returncode != 0
        if not os.path.exists("killed.h5"):
            absent += 1
            continue
        said = int(open("killed.txt").read() or 0) if os.path.exists("killed.txt") else 0
        with h5py.File("killed.h5") as ours, h5py.File(f"undisturbed{every}.h5") as theirs:
            rows, history = int(ours["commit"][()]), int(ours["history/commit"][()])
            if rows < said:
                raise SystemExit(f"{said} rows were counted and {rows} are left")
            halfway += 0 < rows < 600
            for group, count in (("trajectory", rows), ("history", history)):
                for name, item in theirs[group].items():
                    extent = count + (name == "iterate" and every == 1 and rows > 0)
                    if isinstance(item, h5py.Dataset) and item.shape and item[:extent].tobytes() != ours[group][name][:extent].tobytes():
                        raise SystemExit(f"/{group}/{name}: rows below the counter are others than without kills")
        subprocess.run([program, "verify", "killed.h5"], check=True, stdout=subprocess.DEVNULL)
    print(json.dumps({"kills": dealt, "halfway": halfway, "absent": absent}))


{"oracle": kill_oracles, "recorder": kill_recorders}[sys.argv[1]](*sys.argv[2:])
