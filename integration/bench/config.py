#!/usr/bin/env python3
"""`stack config -q` beside `docker compose config -q`: whole processes, in turns, in one run on this machine.

Figures of one run are only good as ratios. Prints a table and keeps no files.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from up import STACK, measure, peer, row

# services: rounds, and whether the peer is measured (it takes minutes for the largest).
SIZES = {1: (15, True), 300: (9, True), 5_000: (3, False), 10_000: (3, False)}


def services(count):
    """A chain: each service depends on the one before it, as no project would, which is the worst case."""
    lines = ["services:"]
    for number in range(count):
        lines += [
            f"  s{number}:",
            "    image: registry.local/team/app:${TAG:-1}",
            "    restart: unless-stopped",
            f'    ports: ["{10_000 + number}:80"]',
            "    environment: {A: one, B: '2', C: \"${HOME}\"}",
            f"    labels: {{traefik.enable: 'true', 'traefik.http.routers.s{number}.rule': 'Host(`s{number}.local`)'}}",
            "    volumes: [data:/data]",
        ]
        if number:
            lines.append(f"    depends_on: [s{number - 1}]")
    return "\n".join(lines + ["volumes: {data: }"]) + "\n"


def main():
    print(f"{'':<44}{'stack':>10}{'peer':>12} {'':<6}{'ratio':>6}")
    compose = peer("compose")
    with tempfile.TemporaryDirectory(prefix="stack-bench-") as name:
        folder = Path(name)
        for count, (rounds, beside) in SIZES.items():
            (folder / "compose.yaml").write_text(services(count))
            runs = {"ours": [], "theirs": []}
            for _ in range(rounds):
                runs["ours"].append(measure([STACK, "config", "-q"], folder))
                if compose and beside:
                    runs["theirs"].append(measure([compose, "config", "-q"], folder))
            middle = {
                who: [statistics.median(column) for column in zip(*samples)] if samples else [0, 0, 0]
                for who, samples in runs.items()
            }
            for index, what, unit, scale in [(0, "time", "ms", 1000), (2, "peak memory", "MiB", 1)]:
                row(f"config -q, {count} services: {what}", middle["ours"][index], middle["theirs"][index], unit, scale)


if __name__ == "__main__":
    sys.exit(main())
