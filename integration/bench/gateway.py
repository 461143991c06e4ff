#!/usr/bin/env python3
"""The gateway beside HAProxy, nginx, Traefik and Caddy, in turns, in one run on two cores.

    gateway.py [--stack BIN] [--seconds N] [--rounds N] [--only TEXT] [--quick]

The gateways share core 0, one at a time with work; the load (h2load, wrk) and the origin (nginx) have core 1. TLS 1.3
with a P-256 certificate in front, plain HTTP/1.1 that is kept alive behind. `stack gateway` and Traefik read the same
files. Each figure is the median of the rounds, in which every gateway has its turn: machines are noisy, the ratios of one
run are what can be read, and behind each figure stands how far its rounds were apart. It takes some four minutes,
`--quick` one, with figures to match.

A gateway that is not installed is left out, and so it is said. Nothing leaves 127.0.0.1.
"""

import argparse
import contextlib
import os
import re
import resource
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
IDLE_CONNECTIONS = 2_000
ROUTERS = (10, 10_000)
BIG = 10_000_000
GATEWAYS = ["stack", "haproxy", "nginx", "traefik", "caddy"]


def free_ports(count):
    """Ports that nobody has: another run, or what a machine serves, must not answer in a gateway's place."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in held]


ORIGIN, *REST = free_ports(1 + len(GATEWAYS) + len(ROUTERS))
PORTS = dict(zip(GATEWAYS, REST))
ROUTER_PORTS = dict(zip(ROUTERS, REST[len(GATEWAYS) :]))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", default=Path(__file__).parent / "../../target/release/stack", type=Path)
    parser.add_argument("--seconds", type=int, default=2, help="of each load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="workloads whose name has this in it")
    parser.add_argument("--quick", action="store_true", help="one round of one second each")
    options = parser.parse_args()
    if options.quick:
        options.seconds = options.rounds = 1
    return options


# What is measured: processor time, memory, and how loads are made.


def tree(process):
    found = [process]
    for each in found:
        with contextlib.suppress(OSError):
            found += map(int, Path(f"/proc/{each}/task/{each}/children").read_text().split())
    return found


def processor_seconds(process):
    total = 0
    for each in tree(process):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def resident(process):
    """Megabytes."""
    total = 0
    for each in tree(process):
        with contextlib.suppress(OSError):
            total += int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{each}/status").read_text())[1])
    return total * 1024 / 1e6


def load(command):
    """What a load generator prints."""
    command = ["taskset", "-c", "1", *map(str, command)]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    except subprocess.TimeoutExpired:
        sys.exit(f"error: no end in two minutes: {' '.join(command)}")


def h2load(seconds, *options):
    """Requests a second that were answered well."""
    said = load(["h2load", f"-D{seconds}", "--warm-up-time=1", *options])
    rate = re.search(r"finished in [^,]+, ([\d.]+) req/s", said)
    done = re.search(r"status codes: (\d+) 2xx", said)
    failed = re.search(r"(\d+) failed, (\d+) errored", said)
    if not rate or not done or int(done[1]) == 0 or failed.groups() != ("0", "0"):
        sys.exit(f"error: the load fails:\n{said[-1500:]}")
    return float(rate[1])


def keep_alive(port, seconds):
    return h2load(seconds, "--h1", "-c64", f"https://127.0.0.1:{port}/") * (seconds + 1)


def streams(port, seconds):
    return h2load(seconds, "-c64", "-m10", f"https://127.0.0.1:{port}/") * (seconds + 1)


def new_connections(port, seconds):
    """Four clients, each with one connection after another, none of which resumes a session."""
    ask = f"openssl s_time -new -www / -time {seconds} -connect 127.0.0.1:{port}"
    said = load(["sh", "-c", f"for _ in 1 2 3 4; do {ask} & done; wait"])
    done = [(int(count), int(size)) for count, size in re.findall(r"(\d+) connections in \d+ real .*, (\d+) bytes", said)]
    if len(done) != 4 or any(size < 1024 for _, size in done):
        sys.exit(f"error: the load fails:\n{said[-1500:]}")
    return sum(count for count, _ in done)


def resumed_connections(port, seconds):
    """wrk offers each session again."""
    said = load(["wrk", "-t1", "-c16", f"-d{seconds}", "-H", "Connection: close", f"https://127.0.0.1:{port}/"])
    done = re.search(r"(\d+) requests in", said)
    if not done or "Non-2xx" in said:
        sys.exit(f"error: the load fails:\n{said[-1500:]}")
    return int(done[1])


def big_bodies(port, seconds):
    said = load(["h2load", "--h1", "-c4", f"-n{seconds * 20}", f"https://127.0.0.1:{port}/big"])
    done = re.search(r"status codes: (\d+) 2xx", said)
    if not done or int(done[1]) != seconds * 20:
        sys.exit(f"error: the load fails:\n{said[-1500:]}")
    return int(done[1])


# Each makes a load and returns how many requests it had.
WORKLOADS = {
    "HTTP/1.1 kept alive, 64 connections": keep_alive,
    "HTTP/2, 64 connections x 10 streams": streams,
    "a new TLS connection per request": new_connections,
    "a resumed TLS connection per request": resumed_connections,
    "10 MB body": big_bodies,
}


def latencies(port, rate, folder, seconds):
    """Milliseconds of the median and the slowest hundredth of requests that come at a steady rate."""
    log = folder / "latencies"
    log.unlink(missing_ok=True)
    each = max(1, round(rate / 64))
    load(["h2load", "--h1", "-c64", f"--rps={each}", f"-D{seconds}", f"--log-file={log}", f"https://127.0.0.1:{port}/"])
    took = sorted(int(line.split()[2]) / 1000 for line in log.read_text().splitlines())
    return took[len(took) // 2], took[len(took) * 99 // 100]


def idle_connections(port):
    """Opens connections that stay idle after a request, as browsers do."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opened = []
    for _ in range(IDLE_CONNECTIONS):
        stream = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="bench.test")
        stream.sendall(b"GET / HTTP/1.1\r\nHost: bench.test\r\n\r\n")
        received = b""
        while not received.endswith(b"x" * 1024):
            received += stream.recv(4096)
        opened.append(stream)
    return opened


# The gateways, and how they are told the same.


def program(name):
    """Where a peer is, which `integration/peers.sh` may have fetched."""
    fetched = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / f"stack-peers/{name}/bin/{name}"
    return fetched if fetched.exists() else name


def write(path, text):
    path.write_text(text)
    return path


def nginx_file(folder, name, servers):
    return write(
        folder / f"{name}.conf",
        f"""daemon off; worker_processes 1; pid {folder}/{name}.pid; error_log {folder}/{name}.log crit;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; {servers} }}
""",
    )


def dynamic(folder, name, port, routers):
    """Routers by host, all of one service, and one for any other host."""
    lines = ["http:", "  routers:"]
    for number in range(routers - 1):
        lines.append(f"    r{number}: {{rule: 'Host(`r{number}.test`)', service: origin, tls: {{}}}}")
    lines += [
        "    rest: {rule: 'PathPrefix(`/`)', service: origin, tls: {}}",
        f"  services: {{origin: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{ORIGIN}'}}]}}}}}}",
        f"tls: {{certificates: [{{certFile: {folder}/cert.pem, keyFile: {folder}/key.pem}}]}}",
    ]
    rules = write(folder / f"{name}-dynamic.yml", "\n".join(lines) + "\n")
    return write(
        folder / f"{name}.yml",
        f"entryPoints: {{websecure: {{address: '127.0.0.1:{port}'}}}}\nproviders: {{file: {{filename: {rules}}}}}\n",
    )


def commands(folder, stack):
    cert, key = folder / "cert.pem", folder / "key.pem"
    both = write(folder / "both.pem", cert.read_text() + key.read_text())
    nginx = nginx_file(
        folder,
        "nginx",
        f"""upstream o {{ server 127.0.0.1:{ORIGIN}; keepalive 640; keepalive_requests 100000000; }}
server {{ listen 127.0.0.1:{PORTS["nginx"]} ssl http2 reuseport; ssl_certificate {cert}; ssl_certificate_key {key};
server_name bench.test; ssl_protocols TLSv1.2 TLSv1.3;
location / {{ proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
proxy_set_header X-Forwarded-For $remote_addr; }} }}""",
    )
    haproxy = write(
        folder / "haproxy.cfg",
        f"""global
  nbthread 1
  maxconn 4096
defaults
  mode http
  option forwardfor
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend f
  bind 127.0.0.1:{PORTS["haproxy"]} ssl crt {both} alpn h2,http/1.1
  default_backend o
backend o
  http-reuse always
  server o 127.0.0.1:{ORIGIN} pool-max-conn 640
""",
    )
    caddy = write(
        folder / "Caddyfile",
        f"""{{
  admin off
  auto_https off
  servers {{
    protocols h1 h2
  }}
}}
https://:{PORTS["caddy"]} {{
  bind 127.0.0.1
  tls {cert} {key}
  reverse_proxy 127.0.0.1:{ORIGIN}
}}
""",
    )
    return {
        "stack": [stack, "gateway", f"--configFile={dynamic(folder, 'stack', PORTS['stack'], 1)}"],
        "haproxy": ["haproxy", "-f", haproxy],
        "nginx": ["nginx", "-c", nginx],
        "traefik": [program("traefik"), f"--configFile={dynamic(folder, 'traefik', PORTS['traefik'], 1)}"],
        "caddy": [program("caddy"), "run", "--config", caddy],
    }


@contextlib.contextmanager
def running(name, command, port, core, folder):
    with open(folder / f"{name}.out", "w") as out:
        environment = {**os.environ, "GOMAXPROCS": "1", "HOME": str(folder)}
        process = subprocess.Popen(["taskset", "-c", core, *map(str, command)], stdout=out, stderr=out, env=environment)
    try:
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            if process.poll() is not None or time.monotonic() > until:
                sys.exit(f"error: {name} does not start:\n{(folder / f'{name}.out').read_text()[-1500:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def table(title, samples, places=1, most=False):
    """Prints a row for each gateway: the median of its samples, how far they are apart, and ours against the best peer's."""
    print(f"\n{title}")
    rows = {name: statistics.median(values) for name, values in samples.items()}
    peers = [value for name, value in rows.items() if name != "stack"]
    for name, value in rows.items():
        values = samples[name]
        apart = f"  ({min(values):.{places}f} to {max(values):.{places}f})" if len(values) > 1 else ""
        note = f"  {value / (max if most else min)(peers):.2f} of the best peer's" if name == "stack" and peers else ""
        print(f"  {name:<10}{value:>12.{places}f}{apart:<24}{note}".rstrip())


def main():
    options = arguments()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for tool in ["nginx", "h2load", "wrk", "openssl"]:
        if not shutil.which(tool):
            sys.exit(f"error: `{tool}` is needed: apt-get install nginx-light nghttp2-client wrk openssl")
    with tempfile.TemporaryDirectory(prefix="stack-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # nginx reads its pages as another user
        make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=bench.test"
        names = "subjectAltName=DNS:*.test,DNS:bench.test,IP:127.0.0.1"
        files = ["-addext", names, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
        subprocess.run([*make.split(), *files], check=True, stderr=subprocess.DEVNULL)
        (folder / "www").mkdir()
        (folder / "www/index.html").write_text("x" * 1024)
        (folder / "www/big").write_bytes(bytes(BIG))
        origin = nginx_file(folder, "origin", f"server {{ listen 127.0.0.1:{ORIGIN}; root {folder}/www; sendfile on; }}")
        stack.enter_context(running("origin", ["nginx", "-c", origin], ORIGIN, "1", folder))
        gateways = {}
        for gateway, command in commands(folder, options.stack.resolve()).items():
            if not shutil.which(command[0]):
                print(f"{gateway} is not installed, and left out")
                continue
            gateways[gateway] = stack.enter_context(running(gateway, command, PORTS[gateway], "0", folder))
        time.sleep(2)
        measure(options, gateways, folder)


def measure(options, gateways, folder):
    idle = {name: [resident(process)] for name, process in gateways.items()}
    held = {}
    for name, process in gateways.items():
        keep_alive(PORTS[name], 1)  # what every gateway makes once, with its first requests
        before = resident(process)
        opened = idle_connections(PORTS[name])
        time.sleep(2)
        held[name] = [(resident(process) - before) * 1000 / len(opened)]
        for stream in opened:
            stream.close()
    rates = {}
    for workload, make in WORKLOADS.items():
        if options.only not in workload:
            continue
        costs = {name: [] for name in gateways}
        rates[workload] = {name: [] for name in gateways}
        for _ in range(options.rounds):
            for name, process in gateways.items():
                before, began = processor_seconds(process), time.monotonic()
                requests = make(PORTS[name], options.seconds)
                rates[workload][name].append(requests / (time.monotonic() - began))
                costs[name].append((processor_seconds(process) - before) / requests * 1e6)
        table(f"{workload}: processor microseconds a request", costs)
        table(f"{workload}: requests a second", rates[workload], places=0, most=True)
    table("resident memory after start, MB", idle)
    table(f"memory of an idle TLS connection ({IDLE_CONNECTIONS} of them), KB", held)
    table("resident memory after all these, MB", {name: [resident(process)] for name, process in gateways.items()})
    kept = "HTTP/1.1 kept alive, 64 connections"
    if reference := rates.get(kept, {}).get("haproxy"):
        rate = statistics.median(reference) * 0.7
        waits = {name: [] for name in gateways}
        for _ in range(options.rounds):
            for name in gateways:
                waits[name].append(latencies(PORTS[name], rate, folder, options.seconds))
        for index, which in enumerate(["half", "99 of 100"]):
            table(
                f"{which} of the requests are answered in ms, at {rate:.0f} requests a second (70 % of HAProxy's most)",
                {name: [each[index] for each in values] for name, values in waits.items()},
                places=2,
            )
    many_routers(options, gateways, folder)


def many_routers(options, gateways, folder):
    """The price of a request among few and among many routers, for those that read the same rules."""
    for name in ["stack", "traefik"]:
        if name not in gateways:
            continue
        binary = options.stack.resolve() if name == "stack" else program("traefik")
        samples = {count: [] for count in ROUTERS}
        with contextlib.ExitStack() as stack:
            processes = {}
            for count, port in ROUTER_PORTS.items():
                file = dynamic(folder, f"{name}-{count}", port, count)
                command = [binary, "gateway", f"--configFile={file}"] if name == "stack" else [binary, f"--configFile={file}"]
                process = stack.enter_context(running(f"{name}-{count}", command, port, "0", folder))
                processes[count] = (process, port)
            time.sleep(3)
            for _ in range(options.rounds):
                for count, (process, port) in processes.items():
                    host = f":authority: r{count - 2}.test"
                    before = processor_seconds(process)
                    load_options = ["--h1", "-c64", "-H", host, f"https://127.0.0.1:{port}/"]
                    requests = h2load(options.seconds, *load_options) * (options.seconds + 1)
                    samples[count].append((processor_seconds(process) - before) / requests * 1e6)
        few, many = (statistics.median(samples[count]) for count in ROUTERS)
        print(f"\n{name}: a request costs {few:.1f} us among {ROUTERS[0]} routers, {many:.1f} us among {ROUTERS[1]}: {many / few:.2f}")


if __name__ == "__main__":
    sys.exit(main())
