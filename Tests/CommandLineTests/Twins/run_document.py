"""Does what a document says: run_document.py DOCUMENT PROGRAM

A python block after a line that is a file name in backquotes becomes that file; sh blocks are run, in order, in the working folder. Prints what the
commands print; ends with the first one that fails.
"""
import os
import re
import subprocess
import sys

document, program = sys.argv[1:]
environment = dict(os.environ, PATH=f"{os.path.dirname(program)}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}")
blocks = re.findall(r"(?:^`([\w.]+)`\n)?^```(python|sh)\n(.*?)^```$", open(document).read(), re.M | re.S)
files = commands = 0
for name, language, text in blocks:
    if language == "python":
        if not name:
            raise SystemExit(f"a block without the name of its file: {text[:60]!r}")
        with open(name, "w") as file:
            file.write(text)
        files += 1
        continue
    for line in text.splitlines():
        outcome = subprocess.run(["bash", "-c", line], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(f"$ {line}\n{outcome.stdout}")
        if outcome.returncode != 0:
            raise SystemExit(f"{line}: ended with {outcome.returncode}\n{outcome.stdout[-3000:]}")
        commands += 1
print(f"{files} files, {commands} commands")
