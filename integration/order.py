#!/usr/bin/env python3
"""Writes `orchestrator/order.ld`: the functions that a process of ours is likely to run, for the linker to put side by side.

A process holds of its program what it touches, in pieces of 64 KiB. Without an order a few thousand small functions that lie all
over 20 MB make it hold most of them. Here a release is run under valgrind as people run it (a gateway that starts and serves, an
`up` with nothing to do, `ps`, `logs`), and what ran is written down by name, without the hashes that change with every build.

A name that is not there any more is no error, and one that is missing costs 128 KiB: there is no need to run this for each
change. Once in a while, and with a new version of Rust: `make order`. It needs valgrind, curl, openssl, an engine and the images.
"""

import argparse
import collections
import itertools
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
# A pattern may take in functions that were not run, where it spares many patterns: so much of what it takes in must have been run.
RUN = 0.97
# Bytes that a pattern may take in besides, whatever its share.
WASTE = 512
# Characters of a name that are kept at least: names that come with later changes shall not be taken in by chance.
SHORTEST = 64

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
BARE = """
entryPoints:
  web: {address: "127.0.0.1:18480"}
"""
DYNAMIC = """
http:
  routers:
    app: {rule: "Host(`app.test`) && PathPrefix(`/`)", service: app, middlewares: [head]}
  middlewares: {head: {headers: {customRequestHeaders: {X-From: gateway}}}}
  services: {app: {loadBalancer: {servers: [{url: "http://127.0.0.1:PORT"}]}}}
tls: {certificates: [{certFile: FOLDER/cert.pem, keyFile: FOLDER/key.pem}]}
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
    """What runs in a gateway that was told nothing, in one with routers and certificates, and in one that serves."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=app.test"
    files = ["-addext", "subjectAltName=DNS:*.test", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    subprocess.run([*make.split(), *files], check=True, stderr=subprocess.DEVNULL)
    bare, told, dynamic = (Path(folder) / name for name in ("bare.yml", "static.yml", "dynamic.yml"))
    bare.write_text(BARE)
    told.write_text(STATIC.replace("DYNAMIC", str(dynamic)))
    dynamic.write_text(DYNAMIC.replace("PORT", str(server.server_port)).replace("FOLDER", folder))
    found = []
    for name, static, rounds in (("bare", bare, 0), ("started", told, 0), ("serving", told, 3)):
        process, out = observed(program, folder, name, ["gateway", f"--configFile={static}"])
        time.sleep(20)
        for version in ("--http1.1", "--http2") * rounds:
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


def lasting(name):
    """A function's name without what changes from build to build."""
    if name.startswith("_R"):
        name = re.sub(r"Cs[0-9a-zA-Z]+_", "Cs*_", name)
    name = re.sub(r"\.llvm\.\d+$", "*", name)
    return re.sub(r"aws_lc_\d+_\d+_\d+_", "aws_lc_*_", name)


def shared(one, other):
    """How many characters two names have in common."""
    return next((at for at, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def patterns(sizes, ran):
    """The fewest beginnings of names that take in what `ran`, and little else."""
    total, run = collections.Counter(), collections.Counter()
    for name, size in sizes.items():
        total[lasting(name)] += size
        run[lasting(name)] += size if name in ran else 0
    names = sorted(total)
    # Of the names before each one.
    before = [0, *itertools.accumulate(total[name] for name in names)]
    before_run = [0, *itertools.accumulate(run[name] for name in names)]
    todo, found = [(0, len(names))], []
    while todo:
        first, end = todo.pop()
        size, of_it = before[end] - before[first], before_run[end] - before_run[first]
        if not of_it:
            continue
        one, last = names[first], names[end - 1]
        same = shared(one, last)
        # So many characters tell these names from their neighbours.
        apart = 1 + max(shared(names[at], names[at + 1]) if 0 <= at < len(names) - 1 else 0 for at in (first - 1, end - 1))
        if apart <= same and (of_it >= RUN * size or size - of_it <= WASTE):
            found.append(f"{one[: max(apart, min(SHORTEST, same))]}*".replace("**", "*"))
        elif end - first == 1:
            # A name that is the beginning of others, which have their own patterns where they were run.
            found.append(one)
        else:
            cut = first
            for at in range(first + 1, end + 1):
                if at == end or names[at][same : same + 1] != names[cut][same : same + 1]:
                    todo.append((cut, at))
                    cut = at
    return sorted(found), sum(run.values())


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
    of_libc = members()
    ours = {name: size for name, size in sizes.items() if name not in of_libc and re.fullmatch(r"[A-Za-z_][\w.$]*", name)}
    libc = {of_libc[name] for name in set().union(*groups) & sizes.keys() & of_libc.keys()}
    # What all need comes first, then what each group needs that no earlier one does.
    lines, done, bytes_run = [], set(), 0
    for needs in [set.intersection(*groups), *groups]:
        found, size = patterns(ours, needs - done)
        done |= needs
        bytes_run += size
        lines += [f"    *(.text.{one} .text.unlikely.{one})" for one in found]
    head = [
        "/* Functions that are likely to be run, side by side: see integration/order.py, which writes this. */",
        "SECTIONS",
        "{",
        "  .text.ordered :",
        "  {",
        *(f"    *libc.a:{member}(.text .text.*)" for member in sorted(libc)),
    ]
    path.write_text("\n".join([*head, *lines, "  }", "}", "INSERT BEFORE .text;", ""]))
    print(f"{path}: {len(lines)} patterns for {len(done & ours.keys())} functions of {bytes_run // 1024} KiB")


def main():
    parser = argparse.ArgumentParser(description="Writes orchestrator/order.ld.")
    parser.add_argument("--program", required=True, help="a release with its symbols")
    program = str(Path(parser.parse_args().program).resolve())
    with tempfile.TemporaryDirectory() as folder:
        groups = [*gateway(program, folder), commands(program, folder)]
    write(program, groups, ROOT / "orchestrator/order.ld")


main()
