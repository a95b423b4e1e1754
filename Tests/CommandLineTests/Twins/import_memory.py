"""The memory of `smoothness import` on 24 MB of snapshots, stored and deflated: prints {"stored": bytes, "deflated": bytes}.

Arguments: the program.
"""
import json
import os
import sys

import numpy as np

weights = np.random.default_rng(0).standard_normal((24, 1 << 18)).astype("f4")
np.savez("stored.npz", w=weights)
np.savez_compressed("deflated.npz", w=weights)
peaks = {}
for name in ("stored", "deflated"):
    process = os.posix_spawn(sys.argv[1], [sys.argv[1], "import", f"{name}.npz", "-o", f"{name}.h5"],
                             os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(process, 0)
    assert status == 0
    peaks[name] = usage.ru_maxrss * 1024
print(json.dumps(peaks))
