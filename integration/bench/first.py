#!/usr/bin/env python3
"""First comparison: `stack up` beside Docker Compose, `stack gateway` beside Traefik, in one run on this machine.

Figures of one run are only good as ratios. Prints a table and keeps no files. Needs root for nothing; wrk for the gateway
(Debian's package); without a peer its half is left out, said plainly.
"""

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STACK = os.environ.get("STACK_BIN", str(ROOT / "target/release/stack"))
HELLO = str(ROOT / "examples/02-hello/hello")
ROUNDS = 11
SECONDS = 5


def peer(name):
    found = subprocess.run([ROOT / "integration/peers.sh", name], capture_output=True, text=True)
    if found.returncode:
        print(f"no {name} on this machine, left out: {found.stderr.strip().splitlines()[-1:]}")
        return None
    return found.stdout.strip()


def measure(command, folder):
    """Wall seconds, CPU seconds and peak memory in MiB of one run."""
    began = time.monotonic()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"error: `{' '.join(map(str, command))}` exits {child.returncode}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def row(title, ours, theirs, unit, scale=1):
    ratio = f"{ours / theirs:6.2f}" if theirs else "     -"
    print(f"{title:<44}{ours * scale:>10.1f}{theirs * scale:>12.1f} {unit:<6}{ratio}")


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


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0


def load(command, folder, port):
    """Requests per second, CPU microseconds a request, peak memory of a gateway on core 0 under wrk on core 1."""
    gateway = subprocess.Popen(["taskset", "-c", "0", *command], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"https://app.example.com:{port}/"
        curl = ["curl", "-sfk", "--resolve", f"app.example.com:{port}:127.0.0.1", url]
        end = time.monotonic() + 20
        while subprocess.run(curl, capture_output=True).returncode:
            if time.monotonic() > end or gateway.poll() is not None:
                sys.exit(f"error: `{' '.join(command)}` does not answer")
            time.sleep(0.05)
        def wrk(seconds):
            said = subprocess.run(
                ["taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{seconds}s", "-H", "Host: app.example.com", f"https://127.0.0.1:{port}/"],
                capture_output=True, text=True).stdout
            if "Non-2xx" in said:
                sys.exit(f"error: not every request was answered:\n{said}")
            return next(int(line.split()[0]) for line in said.splitlines() if "requests in" in line)
        wrk(1)
        before = cpu_seconds(gateway.pid)
        requests = wrk(SECONDS)
        return requests / SECONDS, (cpu_seconds(gateway.pid) - before) / requests, resident(gateway.pid)
    finally:
        gateway.send_signal(signal.SIGTERM)
        try:
            gateway.wait(15)
        except subprocess.TimeoutExpired:
            gateway.kill()


def compare_gateway(traefik, folder):
    subprocess.run([ROOT / "examples/01-webapp/certs.sh"], check=True, capture_output=True)
    certs = ROOT / "examples/01-webapp/certs"
    port, origin = free_port(), free_port()
    dynamic = folder / "dynamic.yml"
    dynamic.write_text(f"""
http:
  routers: {{app: {{rule: "Host(`app.example.com`)", service: app, tls: {{}}}}}}
  services: {{app: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{origin}"}}]}}}}}}
tls:
  certificates: [{{certFile: {certs}/cert.pem, keyFile: {certs}/key.pem}}]
""")
    flags = [f"--entrypoints.websecure.address=127.0.0.1:{port}", f"--providers.file.filename={dynamic}"]
    server = subprocess.Popen(["taskset", "-c", "1", HELLO], env={**os.environ, "PORT": str(origin)}, stdout=subprocess.DEVNULL)
    try:
        runs = {"ours": [], "theirs": []}
        for _ in range(3):
            runs["ours"].append(load([STACK, "gateway", *flags], folder, port))
            runs["theirs"].append(load([traefik, *flags], folder, port))
        middle = {who: [statistics.median(column) for column in zip(*samples)] for who, samples in runs.items()}
        for index, (what, unit, scale) in enumerate([("requests a second", "1/s", 1), ("CPU time a request", "us", 1e6), ("peak memory", "MiB", 1)]):
            row(f"gateway on one core, TLS: {what}", middle["ours"][index], middle["theirs"][index], unit, scale)
    finally:
        server.terminate()
        server.wait()


def main():
    print(f"{'':<44}{'stack':>10}{'peer':>12} {'':<6}{'ratio':>6}")
    compose, traefik = peer("compose"), peer("traefik")
    with tempfile.TemporaryDirectory(prefix="stack-bench-") as folder:
        if compose:
            compare_up(compose, "2 services", services(2), Path(folder))
            compare_up(compose, "20 services", services(20), Path(folder))
        if traefik and shutil.which("wrk"):
            compare_gateway(traefik, Path(folder))
        elif traefik:
            print("no wrk on this machine (Debian's package wrk): the gateway is left out")


if __name__ == "__main__":
    main()
