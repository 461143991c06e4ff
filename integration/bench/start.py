#!/usr/bin/env python3
"""First `up -d` of 20 and 100 services, a chain of health-gated services, and `ps`: beside Docker Compose, and `up` beside
the same calls made to the engine directly and all at once.

Figures of one run are only good as ratios. Prints a table and keeps no files.
"""

import concurrent.futures
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from up import STACK, measure, peer, row, services

SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
LINKS = 5


class Engine(http.client.HTTPConnection):
    def __init__(self):
        super().__init__("docker", timeout=300)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(SOCKET)

    def call(self, method, path, body=None):
        self.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
        answer = self.getresponse()
        text = answer.read()
        if answer.status >= 400:
            sys.exit(f"error: {method} {path}: {text.decode()}")
        return json.loads(text) if text.strip() else None


def bare(count):
    """Seconds of a network and `count` containers, created and started by plain calls beside each other."""
    name = f"stack-bench-bare-{os.getpid()}"
    label = {"stack.bench": name}

    def container(number):
        engine = Engine()
        body = {"Image": "busybox:stable", "Cmd": ["sleep", "1000"], "StopSignal": "SIGKILL", "Labels": label, "HostConfig": {"NetworkMode": name}}
        made = engine.call("POST", f"/containers/create?name={name}-{number}", body)["Id"]
        engine.call("POST", f"/containers/{made}/start")

    began = time.monotonic()
    try:
        Engine().call("POST", "/networks/create", {"Name": name, "Labels": label})
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            list(pool.map(container, range(count)))
        return time.monotonic() - began
    finally:
        query = ["docker", "ps", "-aq", "--filter", f"label=stack.bench={name}"]
        found = subprocess.run(query, capture_output=True, text=True).stdout.split()
        if found:
            subprocess.run(["docker", "rm", "-f", *found], capture_output=True)
        subprocess.run(["docker", "network", "rm", name], capture_output=True)


def first_up(tool, folder):
    """Seconds of a first `up -d`; everything is taken down again."""
    try:
        return measure([tool, "up", "-d"], folder)[0]
    finally:
        subprocess.run([STACK, "down", "-v", "-t", "0"], cwd=folder, capture_output=True)


def compare(title, folder, text, compose, count):
    (folder / "docker-compose.yml").write_text(text)
    runs = {"ours": [], "theirs": [], "bare": []}
    for _ in range(ROUNDS):
        runs["ours"].append(first_up(STACK, folder))
        if compose:
            runs["theirs"].append(first_up(compose, folder))
        if count:
            runs["bare"].append(bare(count))
    middle = {who: statistics.median(samples) if samples else None for who, samples in runs.items()}
    row(f"first up, {title}", middle["ours"], middle["theirs"], "ms", 1000)
    if count:
        row(f"first up, {title}: beside bare calls", middle["ours"], middle["bare"], "ms", 1000)


def chain():
    """Each service waits until the one before it is healthy, which it is at its first probe."""
    text = "services:\n"
    for number in range(LINKS):
        text += f"  s{number}:\n    image: busybox:stable\n    command: [sleep, '1000']\n    stop_signal: SIGKILL\n"
        text += "    healthcheck: {test: 'true', interval: 1s}\n"
        if number:
            text += f"    depends_on: {{s{number - 1}: {{condition: service_healthy}}}}\n"
    return text


def compare_ps(folder, compose, count):
    (folder / "docker-compose.yml").write_text(services(count))
    try:
        measure([STACK, "up", "-d"], folder)
        runs = {"ours": [], "theirs": []}
        for _ in range(11):
            runs["ours"].append(measure([STACK, "ps"], folder)[0])
            if compose:
                runs["theirs"].append(measure([compose, "ps"], folder)[0])
        ours, theirs = (statistics.median(samples) if samples else None for samples in runs.values())
        row(f"ps, {count} services", ours, theirs, "ms", 1000)
    finally:
        subprocess.run([STACK, "down", "-v", "-t", "0"], cwd=folder, capture_output=True)


def main():
    compose = peer("compose")
    with tempfile.TemporaryDirectory(prefix="stack-bench-") as folder:
        folder = Path(folder)
        for count in map(int, os.environ.get("BENCH_SERVICES", "20 100").split()):
            compare(f"{count} services", folder, services(count), compose, count)
        compare(f"chain of {LINKS} healthy services", folder, chain(), compose, 0)
        compare_ps(folder, compose, 20)


if __name__ == "__main__":
    main()
