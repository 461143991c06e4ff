#!/usr/bin/env python3
"""`stack logs` of a million lines beside `docker compose logs` of the same project, in turns.

Figures of one run are only good as ratios. Prints a table and keeps no files. BENCH_LINES sets another number of lines.
"""

import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from up import STACK, measure, peer, row

LINES = int(os.environ.get("BENCH_LINES", "1000000"))
ROUNDS = 3
TEXT = f"""services:
  app:
    image: busybox:stable
    command: ["sh", "-c", "seq -f 'line %.0f of a log that somebody reads' {LINES}"]
"""


def main():
    compose = peer("compose")
    with tempfile.TemporaryDirectory(prefix="stack-bench-") as folder:
        folder = Path(folder)
        (folder / "docker-compose.yml").write_text(TEXT)
        try:
            measure([STACK, "up", "-d"], folder)
            subprocess.run([STACK, "wait", "app"], cwd=folder, capture_output=True)
            runs = {"ours": [], "theirs": []}
            for _ in range(ROUNDS):
                runs["ours"].append(measure([STACK, "logs"], folder))
                if compose:
                    runs["theirs"].append(measure([compose, "logs"], folder))
            ours, theirs = ([statistics.median(column) for column in zip(*samples)] or [None] * 3 for samples in runs.values())
            for index, (what, unit, scale) in enumerate([("time", "ms", 1000), ("CPU time", "ms", 1000), ("peak memory", "MiB", 1)]):
                row(f"logs, {LINES} lines: {what}", ours[index], theirs[index], unit, scale)
        finally:
            subprocess.run([STACK, "down", "-v", "-t", "0"], cwd=folder, capture_output=True)


if __name__ == "__main__":
    main()
