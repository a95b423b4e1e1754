"""A gradient process on NumPy and the standard library alone, right or wrong in one way: faulty_process.py WAY [SECONDS]

It shares no code with the bridge. f_i(x) = ‖x − a_i‖²/2 + Σ cos(x_j)/4 with P = 6 and 24 components of weights 1, 2, 3, 1, 2, 3, …; SECONDS is how
long a component takes.
"""
import json
import mmap
import os
import signal
import subprocess
import sys
import time

import numpy as np

way = sys.argv[1] if len(sys.argv) > 1 else "right"
pause = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
scalar = "float64"
targets = np.sin(np.arange(24 * 6, dtype="f8")).reshape(24, 6)
weights = [1.0 + i % 3 for i in range(24)]
memory, asked = {}, 0


def out(text, end="\n"):
    os.write(1, (text + end).encode())


if way == "dies-at-start":
    sys.exit("the data are not where they were")
if way == "floods":
    sys.stderr.write("x" * 79 + "\n")
while way == "endless-lines":
    out("epoch 3, loss 0.5\n" * 4000)
out("loading …")
for line in sys.stdin:
    r = json.loads(line)
    answer = {"id": r["id"]}
    if r["request"] == "goodbye":
        if way == "lingers":
            time.sleep(1000)
        out(json.dumps(answer))
        break
    if r["request"] == "version":
        answer |= {"protocol": 7 if way == "newer" else 1, "software": "faulty"}
    elif r["request"] == "describe":
        m = 24
        answer |= {"name": "bowl", "precisions": [scalar], "components": m, "weights": weights, "parameters": [{"name": "x", "shape": [6]}]}
        if way == "other-data":
            answer["digest"] = str(os.getpid())
        if way.startswith("data-"):
            answer["digest"] = way
        if way == "weights":
            answer["weights"] = weights[1:]
        if way == "nan-weight":
            answer["weights"] = ["NaN"] + weights[1:]
        if way == "shape":
            answer["parameters"][0]["shape"] = [5]
        if way == "no-parameters":
            del answer["parameters"]
        answer |= {
            "huge-components": {"components": 10**18, "weights": None}, "no-components": {"components": 0, "weights": []},
            "endless-components": {"components": 10**30}, "huge-shape": {"parameters": [{"name": "x", "shape": [2**40, 2**40, 2**40]}]},
            "tall-shape": {"parameters": [{"name": "x", "shape": [10**11]}]}, "negative-shape": {"parameters": [{"name": "x", "shape": [-2, -3]}]},
            "many-axes": {"parameters": [{"name": "x", "shape": [1] * 10**6 + [6]}]}, "long-name": {"name": "n" * 10**6},
            "negative-weight": {"weights": [-1.0] * m}, "huge-weights": {"weights": [1e308] * m}, "tiny-weights": {"weights": [1e-320] * m},
            "same-names": {"parameters": [{"name": "x", "shape": [3]}] * 2}, "warns": {"warnings": ["the moon is full"]},
            "other-precision": {"precisions": ["float16"]},
        }.get(way, {})
        if way in ("two-blocks", "silent-block", "partial-block"):
            answer["parameters"] = [{"name": "a", "shape": [2]}, {"name": "b", "shape": [2, 2]}]
        if way == "long-line":
            answer["notes"] = ["n" * 2**27]
        if way == "deep":
            answer["notes"] = "DEEP"
            out(json.dumps(answer).replace('"DEEP"', "[" * 10**6))
            continue
    else:
        if r["memory"] not in memory:
            with open(r["memory"], "r+b") as file:
                memory[r["memory"]] = mmap.mmap(file.fileno(), r["bytes"])
        x = np.frombuffer(memory[r["memory"]], "f8", 6, r["point"])
        if r["request"] == "parameters":
            x[:] = np.arange(6) / 3
        elif max(r["components"]) >= 24 and way != "careless":
            answer = {"id": r["id"], "error": "IndexError: there are 24 components"}
        else:
            asked += 1
            losses, mean = [], np.zeros(6)
            for i in r["components"]:
                time.sleep(pause)
                d = x - targets[i % 24]
                losses.append(float(d @ d) / 2 + float(np.cos(x).sum()) / 4)
                mean += weights[i % 24] * (d - np.sin(x) / 4)
            mean /= sum(weights[i % 24] for i in r["components"])
            if way == "not-a-mean":
                mean *= len(r["components"])
            if way == "not-the-derivative":
                mean *= 1.1
            if way == "wrong-in-the-middle" and r["components"] == [12]:
                mean *= 1.1
            if way == "random":
                mean += np.random.standard_normal(6)
            if way == "counts":
                mean += asked
            if way == "nan":
                losses, mean = ["NaN"] * len(losses), mean * np.nan
            if way == "half-written":
                mean = mean[:5]
            if way == "silent-block":
                mean[2:] = 0
            if way == "partial-block":
                # The sum of both parts is nearly right along the gradient.
                mean[2:] -= np.sin(x[2:]) / 2
            if way == "constant":
                losses, mean = [1.0] * len(losses), np.zeros(6)
            if way == "writes-point":
                x[:] += 1
            if "gradient" in r:
                np.frombuffer(memory[r["memory"]], "f8", len(mean), r["gradient"])[:] = mean
            answer["losses"] = losses
            if way == "losses":
                answer["losses"] = losses + [0.0]
            if way == "bare-nan":
                answer["losses"] = [float("nan")] * len(losses)
            if way == "other-id":
                answer["id"] += 1
            if way == "error":
                answer = {"id": r["id"], "error": "RuntimeError: CUDA out of memory"}
            if way == "chatters":
                out("epoch 3, loss 0.5")
            if way == "half-a-line":
                out(json.dumps(answer)[:9], end="")
                sys.exit(3)
            if way == "leaves-another":
                # With all that is open here, and out of this group.
                subprocess.Popen(["sleep", "60"], close_fds=False, start_new_session=True)
                sys.exit(7)
            if way == "killed":
                print("about to run out of memory", file=sys.stderr)
                sys.stderr.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            if way in ("once", "other-data") and not os.path.exists("died-once"):
                open("died-once", "w").close()
                os.kill(os.getpid(), signal.SIGKILL)
            if way == "data-one" and asked > 30 and os.path.exists("torn"):
                answer = {"id": r["id"], "error": "the disk with the data went away"}
            if way == "closes-output":
                os.close(1)
                time.sleep(1000)
            if way == "never":
                time.sleep(1000)
            if way == "slow-line":
                while True:
                    out(" ", end="")
                    time.sleep(0.05)
            if way == "long-error":
                answer = {"id": r["id"], "error": "e" * 10**5}
            if way == "huge-id":
                answer["id"] = 10**30
            if way == "long-answer":
                answer["losses"] = [0.5] * 10**6
            if way == "endless":
                while True:
                    out("y" * 65536, end="")
            while way == "complains":
                os.write(2, b"x" * 65536)
            if way == "floods":
                for _ in range(3000):
                    sys.stderr.write("x" * 79 + "\n")
            if way == "binary":
                os.write(1, bytes(range(128, 256)) + b"\n")
    out(json.dumps(answer))
    if r["request"] == "gradient" and os.path.isdir("answered"):
        # So that those who kill processes know which of them have done something.
        open(f"answered/{os.getpid()}", "w").close()
