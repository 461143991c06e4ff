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
import urllib.parse
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
        sweep(name)


def sweep(name):
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


def compare(title, folder, text, compose, plain):
    (folder / "docker-compose.yml").write_text(text)
    runs = {"ours": [], "theirs": [], "bare": []}
    for _ in range(ROUNDS):
        runs["ours"].append(first_up(STACK, folder))
        if compose:
            runs["theirs"].append(first_up(compose, folder))
        runs["bare"].append(plain())
    middle = {who: statistics.median(samples) if samples else None for who, samples in runs.items()}
    row(f"first up, {title}", middle["ours"], middle["theirs"], "ms", 1000)
    row(f"first up, {title}: beside bare calls", middle["ours"], middle["bare"], "ms", 1000)
    return middle


def bare_chain():
    """Seconds of the same chain by plain calls: each container is started at the event that tells the one before healthy."""
    name = f"stack-bench-bare-{os.getpid()}"
    label = {"stack.bench": name}
    filters = urllib.parse.quote(json.dumps({"label": [f"stack.bench={name}"], "event": ["health_status"]}))

    def container(number):
        check = {"Test": ["CMD-SHELL", "true"], "Interval": 10**9}
        body = {"Image": "busybox:stable", "Cmd": ["sleep", "1000"], "StopSignal": "SIGKILL", "Labels": label,
                "Healthcheck": check, "HostConfig": {"NetworkMode": name}}
        return Engine().call("POST", f"/containers/create?name={name}-{number}", body)["Id"]

    began = time.monotonic()
    try:
        engine, events = Engine(), Engine()
        events.request("GET", f"/events?filters={filters}")
        coming = events.getresponse()
        engine.call("POST", "/networks/create", {"Name": name, "Labels": label})
        with concurrent.futures.ThreadPoolExecutor(LINKS) as pool:
            made = list(pool.map(container, range(LINKS)))
        for number, link in enumerate(made):
            engine.call("POST", f"/containers/{link}/start")
            while number < LINKS - 1:
                event = json.loads(coming.readline())
                if event["id"] == link and event["status"] == "health_status: healthy":
                    break
        return time.monotonic() - began
    finally:
        sweep(name)


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
            runs["ours"].append(measure([STACK, "ps"], folder))
            if compose:
                runs["theirs"].append(measure([compose, "ps"], folder))
        ours, theirs = ([statistics.median(column) for column in zip(*samples)] or [None] * 3 for samples in runs.values())
        for index, (what, unit, scale) in enumerate([("time", "ms", 1000), ("CPU time", "ms", 1000), ("peak memory", "MiB", 1)]):
            row(f"ps, {count} services: {what}", ours[index], theirs[index], unit, scale)
    finally:
        subprocess.run([STACK, "down", "-v", "-t", "0"], cwd=folder, capture_output=True)


def main():
    compose = peer("compose")
    with tempfile.TemporaryDirectory(prefix="stack-bench-") as folder:
        folder = Path(folder)
        for count in map(int, os.environ.get("BENCH_SERVICES", "20 100").split()):
            compare(f"{count} services", folder, services(count), compose, lambda count=count: bare(count))
        linked = compare(f"chain of {LINKS} healthy services", folder, chain(), compose, bare_chain)
        row("first up, chain: more than bare calls, a link", (linked["ours"] - linked["bare"]) / (LINKS - 1), None, "ms", 1000)
        compare_ps(folder, compose, 20)


if __name__ == "__main__":
    main()
