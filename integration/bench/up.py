#!/usr/bin/env python3
"""A second `stack up -d` beside a second `docker compose up -d` of the same project, in turns, in one run on this machine.

Figures of one run are only good as ratios. Prints a table and keeps no files.
"""

import argparse
import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
parser = argparse.ArgumentParser()
parser.add_argument("--stack", default=os.environ.get("STACK_BIN", str(ROOT / "target/release/stack")))
STACK = str(Path(parser.parse_args().stack).resolve())
ROUNDS = 11


def peer(name):
    found = subprocess.run([ROOT / "integration/peers.sh", name], capture_output=True, text=True)
    if found.returncode:
        print(f"no {name} on this machine, left out: {found.stderr.strip().splitlines()[-1:]}")
        return None
    return found.stdout.strip()


# Programs whose parent has ended become children of this process.
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def launch(command, folder, output=subprocess.DEVNULL):
    """Starts a program, with its output to a file descriptor; when it began, and its process id.

    What a process held before it became another program counts as that one's peak of memory: so a child of a small shell
    becomes it, not one of this process. The child waits until that shell is gone, which could otherwise be the one to reap
    it.
    """
    told, tell = os.pipe()
    script = f'exec 3<&0; {{ read go <&3; exec "$@" </dev/null 3<&- {tell}>&-; }} & echo $! >&{tell}'
    arguments = ["sh", "-c", script, "sh", *map(str, command)]
    streams = {"stdin": subprocess.PIPE, "stdout": output, "stderr": subprocess.DEVNULL, "pass_fds": (tell,)}
    with subprocess.Popen(arguments, cwd=folder, **streams) as shell, open(told) as answer:
        os.close(tell)
        process = int(answer.readline())
        shell.wait()
        began = time.monotonic()
        shell.stdin.write(b"go\n")
        shell.stdin.flush()
        return began, process


def measure(command, folder):
    """Wall seconds, CPU seconds and peak memory in MiB of one run."""
    began, process = launch(command, folder)
    _, status, usage = os.wait4(process, 0)
    ended = time.monotonic()
    if code := os.waitstatus_to_exitcode(status):
        sys.exit(f"error: `{' '.join(map(str, command))}` exits {code}")
    return ended - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def row(title, ours, theirs, unit, scale=1):
    ratio = f"{ours / theirs:6.2f}" if theirs else "     -"
    peer = f"{theirs * scale:.1f}" if theirs else "-"
    print(f"{title:<44}{ours * scale:>10.1f}{peer:>12} {unit:<6}{ratio}")


def compare_up(compose, title, text, folder):
    (folder / "docker-compose.yml").write_text(text)
    ours, theirs = [STACK, "up", "-d"], [compose, "up", "-d"]
    try:
        for command in (ours, theirs):
            measure(command, folder)
        runs = {"ours": [], "theirs": []}
        for _ in range(ROUNDS):
            runs["ours"].append(measure(ours, folder))
            runs["theirs"].append(measure(theirs, folder))
        middle = {who: [statistics.median(column) for column in zip(*samples)] for who, samples in runs.items()}
        for index, (what, unit, scale) in enumerate([("time", "ms", 1000), ("CPU time", "ms", 1000), ("peak memory", "MiB", 1)]):
            row(f"no-op up, {title}: {what}", middle["ours"][index], middle["theirs"][index], unit, scale)
    finally:
        subprocess.run([STACK, "down", "-v", "-t", "0"], cwd=folder, capture_output=True)


def services(count):
    one = "  s{0}:\n    image: busybox:stable\n    command: [sleep, '1000']\n    stop_signal: SIGKILL\n    environment: {{A: '{0}'}}\n"
    return "services:\n" + "".join(one.format(number) for number in range(count))


def main():
    print(f"{'':<44}{'stack':>10}{'peer':>12} {'':<6}{'ratio':>6}")
    compose = peer("compose")
    with tempfile.TemporaryDirectory(prefix="stack-bench-") as folder:
        if compose:
            compare_up(compose, "2 services", services(2), Path(folder))
            compare_up(compose, "20 services", services(20), Path(folder))


if __name__ == "__main__":
    main()
