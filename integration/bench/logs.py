#!/usr/bin/env python3
"""`stack logs` of a million lines beside `docker compose logs` of the same project, in turns; and both following a container
that prints 100,000 lines a second: what they cost, and whether they grow meanwhile.

Figures of one run are only good as ratios. Prints a table and keeps no files. BENCH_LINES sets another number of lines.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from up import STACK, launch, measure, peer, row

LINES = int(os.environ.get("BENCH_LINES", "1000000"))
ROUNDS = 3
# Pieces of 10,000 lines, ten a second.
PIECES = 80
FILE = """services:
  app:
    image: busybox:stable
    stop_signal: SIGKILL
    command: ["sh", "-c", "{}"]
"""
ALL = FILE.format(f"seq {LINES} | sed 's/$/ of a log that somebody reads/'")
# It begins once somebody has asked for it, so that both tools see all of it.
STEADY = FILE.format(
    "while [ ! -e /go ]; do sleep 0.1; done; "
    f"for i in $$(seq {PIECES}); do yes 'a line of a log that somebody reads' | head -n 10000; sleep 0.08; done"
)


def resident(process):
    """Resident memory of a process in MiB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def follow(tool, folder):
    """CPU seconds, peak MiB and MiB of growth from the first second on, of a tool that follows all lines."""
    subprocess.run([STACK, "up", "-d", "--force-recreate"], cwd=folder, capture_output=True, check=True)
    output, into = os.pipe()
    _, process = launch([tool, "logs", "-f"], folder, into)
    os.close(into)
    seen = 0
    early = []

    def count():
        nonlocal seen
        while piece := os.read(output, 1 << 16):
            if seen == 0:
                threading.Timer(1, lambda: early.append(resident(process))).start()
            seen += piece.count(b"\n")

    reader = threading.Thread(target=count)
    reader.start()
    # Until it follows there is nothing to see.
    time.sleep(1)
    subprocess.run([STACK, "exec", "-T", "app", "touch", "/go"], cwd=folder, check=True)
    reader.join()
    os.close(output)
    _, _, usage = os.wait4(process, 0)
    if seen < PIECES * 10000:
        sys.exit(f"error: `{tool} logs -f` showed {seen} of {PIECES * 10000} lines")
    peak = usage.ru_maxrss / 1024
    return usage.ru_utime + usage.ru_stime, peak, max(0.0, peak - early[0]) if early else 0.0


def compare_all(compose, folder):
    (folder / "docker-compose.yml").write_text(ALL)
    measure([STACK, "up", "-d"], folder)
    subprocess.run([STACK, "wait", "app"], cwd=folder, capture_output=True)
    shown = subprocess.run([STACK, "logs"], cwd=folder, capture_output=True).stdout.count(b"\n")
    if shown != LINES:
        sys.exit(f"error: `{STACK} logs` shows {shown} of {LINES} lines")
    runs = {"ours": [], "theirs": []}
    for _ in range(ROUNDS):
        runs["ours"].append(measure([STACK, "logs"], folder))
        if compose:
            runs["theirs"].append(measure([compose, "logs"], folder))
    ours, theirs = ([statistics.median(column) for column in zip(*samples)] or [None] * 3 for samples in runs.values())
    for index, (what, unit, scale) in enumerate([("time", "ms", 1000), ("CPU time", "ms", 1000), ("peak memory", "MiB", 1)]):
        row(f"logs, {LINES} lines: {what}", ours[index], theirs[index], unit, scale)


def compare_follow(compose, folder):
    (folder / "docker-compose.yml").write_text(STEADY)
    ours = follow(STACK, folder)
    theirs = follow(compose, folder) if compose else [None] * 3
    for index, (what, unit, scale) in enumerate([("CPU time", "ms", 1000), ("peak memory", "MiB", 1), ("growth", "MiB", 1)]):
        row(f"logs -f, 100000 lines/s: {what}", ours[index], theirs[index], unit, scale)


def main():
    compose = peer("compose")
    with tempfile.TemporaryDirectory(prefix="stack-bench-") as folder:
        folder = Path(folder)
        for compare in (compare_all, compare_follow):
            try:
                compare(compose, folder)
            finally:
                subprocess.run([STACK, "down", "-v", "-t", "0"], cwd=folder, capture_output=True)


if __name__ == "__main__":
    main()
