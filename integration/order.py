#!/usr/bin/env python3
"""Writes `orchestrator/order.ld`: the functions that a process of ours is likely to run, for the linker to put side by side.

A process holds of its program what it touches, in pieces of 64 KiB. Without an order a few thousand small functions that lie all
over 20 MB make it hold most of them. Here a release is run under valgrind as people run it (a gateway that starts and serves, an
`up` with nothing to do, `ps`, `logs`), and what ran is written down by name, without the hashes that change with every build.

A name that is not there any more is no error, and one that is missing costs 128 KiB: there is no need to run this for each
change. Once in a while, and with a new version of Rust: `make order`. It needs valgrind, curl, an engine and the images.
"""

import argparse
import collections
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Of a generic function all instances go by one name. One that is rarely run takes the others with it: worth it up to this.
WASTE = 65_536
RARE = 0.05
# Characters of a name that are kept.
LONGEST = 96

COMPOSE = """
services:
  app: {image: "busybox:stable", command: [sleep, "1000"], labels: {traefik.enable: "true", traefik.http.services.app.loadbalancer.server.port: "80"}}
  db: {image: "busybox:stable", command: [sleep, "1000"], volumes: ["data:/data"]}
  job: {image: "busybox:stable", command: [sh, -c, "echo done"], depends_on: [db]}
volumes: {data: {}}
"""
STATIC = """
entryPoints:
  web: {address: "127.0.0.1:18480"}
  websecure: {address: "127.0.0.1:18443", http: {tls: {}}}
providers: {file: {filename: DYNAMIC}}
"""
DYNAMIC = """
http:
  routers:
    app: {rule: "Host(`app.test`) && PathPrefix(`/`)", service: app, middlewares: [head]}
  middlewares: {head: {headers: {customRequestHeaders: {X-From: gateway}}}}
  services: {app: {loadBalancer: {servers: [{url: "http://127.0.0.1:PORT"}]}}}
"""


class Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"x" * 1024
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def observed(program, folder, name, arguments):
    """A process of `program` under valgrind, and where its functions will be."""
    out = Path(folder) / f"{name}.callgrind"
    tool = ["valgrind", "--quiet", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={out}"]
    log = open(Path(folder) / f"{name}.log", "w")
    return subprocess.Popen([*tool, program, *arguments], cwd=folder, stdout=log, stderr=log), out


def functions(path):
    text = path.read_text()
    names = re.findall(r"^c?fn=\(\d+\) (\S+)$", text, re.MULTILINE)
    return {re.sub(r"'\d+$", "", name) for name in names}


def gateway(program, folder):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    dynamic = Path(folder) / "dynamic.yml"
    dynamic.write_text(DYNAMIC.replace("PORT", str(server.server_port)))
    static = Path(folder) / "static.yml"
    static.write_text(STATIC.replace("DYNAMIC", str(dynamic)))
    found = []
    for serves in (False, True):
        process, out = observed(program, folder, f"gateway-{serves}", ["gateway", f"--configFile={static}"])
        time.sleep(20)
        for version in ("--http1.1", "--http2") * 3 if serves else ():
            for url in ("http://app.test:18480/", "https://app.test:18443/"):
                asked = ["curl", "-sSk", version, "--noproxy", "*", "--resolve", "app.test:18480:127.0.0.1"]
                asked += ["--resolve", "app.test:18443:127.0.0.1", "-o", "/dev/null", "-o", "/dev/null", url, url]
                subprocess.run(asked, check=True, timeout=60)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        found.append(functions(out))
    return found


def commands(program, folder):
    (Path(folder) / "compose.yaml").write_text(COMPOSE)
    run = lambda *arguments: subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True)
    found = set()
    try:
        run("up", "-d")
        for name, arguments in (("up", ["up", "-d"]), ("ps", ["ps"]), ("logs", ["logs"])):
            process, out = observed(program, folder, name, arguments)
            if process.wait(timeout=120) != 0:
                sys.exit(f"`{name}` failed: {(Path(folder) / f'{name}.log').read_text()}")
            found |= functions(out)
    finally:
        run("down", "-v", "-t", "0")
    return found


def pattern(name):
    """A function's name without what changes from build to build."""
    if name.startswith("_R"):
        name = re.sub(r"Cs[0-9a-zA-Z]+_", "Cs*_", name)
    name = re.sub(r"17h[0-9a-f]{16}E.*$", "17h*", name)
    name = re.sub(r"\.llvm\.\d+$", "*", name)
    name = re.sub(r"aws_lc_\d+_\d+_\d+_", "aws_lc_*_", name)
    return name if len(name) <= LONGEST else name[:LONGEST].rstrip("*") + "*"


def members():
    """Which file of the C library a function is from: that is not built for functions to be moved one by one."""
    library = subprocess.run(["cc", "-print-file-name=libc.a"], check=True, capture_output=True, text=True).stdout.strip()
    listed = subprocess.run(["nm", "-A", "--defined-only", library], capture_output=True, text=True).stdout
    found = {}
    for line in listed.splitlines():
        place, _, rest = line.rpartition(":")
        words = rest.split()
        if len(words) == 3 and words[1] in "tTwWiI":
            found.setdefault(words[2], place.rpartition(":")[2])
    return found


def write(program, groups, path):
    sizes = {}
    for line in subprocess.run(["nm", "-S", program], check=True, capture_output=True, text=True).stdout.splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "tTwWi":
            sizes[words[3]] = int(words[1], 16)
    total = collections.Counter()
    for name, size in sizes.items():
        total[pattern(name)] += size
    of_libc = members()
    ran = set().union(*groups)
    run = collections.Counter()
    for name in ran & sizes.keys():
        run[pattern(name)] += sizes[name]
    # What all need comes first, then what one group needs after the other.
    order, libc = {}, set()
    for number, needs in enumerate([set.intersection(*groups), *groups]):
        for name in sorted(needs & sizes.keys()):
            if name in of_libc:
                libc.add(of_libc[name])
            elif re.fullmatch(r"[A-Za-z_][\w.$]*", name):
                order.setdefault(pattern(name), number)
    kept = []
    for one, number in order.items():
        share = run[one] / max(1, total[one])
        if share >= RARE or total[one] - run[one] <= WASTE:
            kept.append((number, -round(share, 1), one))
    kept.sort()
    lines = [
        "/* Functions that are likely to be run, side by side: see integration/order.py, which writes this. */",
        "SECTIONS",
        "{",
        "  .text.ordered :",
        "  {",
        *(f"    *libc.a:{member}(.text .text.*)" for member in sorted(libc)),
        *(f"    *(.text.{one} .text.unlikely.{one})" for _, _, one in kept),
        "  }",
        "}",
        "INSERT BEFORE .text;",
        "",
    ]
    path.write_text("\n".join(lines))
    size = sum(total[one] for _, _, one in kept)
    print(f"{path}: {len(kept)} names of {len(ran)} functions; {size // 1024} KiB, {sum(run.values()) // 1024} of them were run")


def main():
    parser = argparse.ArgumentParser(description="Writes orchestrator/order.ld.")
    parser.add_argument("--program", required=True, help="a release with its symbols")
    program = str(Path(parser.parse_args().program).resolve())
    with tempfile.TemporaryDirectory() as folder:
        started, served = gateway(program, folder)
        groups = [started, served | started, commands(program, folder)]
    write(program, groups, ROOT / "orchestrator/order.ld")


main()
