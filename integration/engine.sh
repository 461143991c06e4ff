#!/usr/bin/env bash
# Makes sure a Docker Engine answers: the one that runs, else the one installed here is started, else Debian's (or Ubuntu's)
# is installed and started. An engine that this script did not start is never stopped or changed; the one it did start
# goes on running (its process id and log are named).
#
# Environment: DOCKER_HOST as for docker itself.  Needs root only where no engine answers.
set -euo pipefail

answers() { docker version --format '{{.Server.Version}}' 2>/dev/null; }

# The client may be missing where an engine runs; the socket alone tells whether one does.
if command -v docker >/dev/null && version=$(answers); then
  echo "engine: Docker $version answers (it is left as it is)"
  exit 0
fi
if [ -n "${DOCKER_HOST:-}" ]; then
  echo "error: no engine answers at DOCKER_HOST=$DOCKER_HOST" >&2
  echo "hint: unset DOCKER_HOST to use or start an engine on this machine" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "error: no Docker Engine answers, and starting one needs root" >&2
  echo "hint: run this as root once, or start the engine of this machine; your user must be in the group \`docker\`" >&2
  exit 1
fi
if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
  if ! command -v apt-get >/dev/null; then
    echo "error: no Docker Engine is installed, and this script can install one on Debian and Ubuntu only" >&2
    echo "hint: install Docker Engine by hand (any version from 20.10 on) and run this again" >&2
    exit 1
  fi
  echo "engine: none here; installing docker.io from the distribution"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq -y install --no-install-recommends docker.io iptables ca-certificates >/dev/null
  # From Debian 13 on the client is a package of its own.
  command -v docker >/dev/null || apt-get -qq -y install --no-install-recommends docker-cli >/dev/null
fi

log=/var/log/stack-dockerd.log
started=
if [ -d /run/systemd/system ]; then
  systemctl start docker
elif ! answers >/dev/null; then
  # Detached from this shell, so that it outlives it; output to a file, input from nothing.
  setsid nohup dockerd >"$log" 2>&1 </dev/null &
  started=$!
fi

deadline=$((SECONDS + 90))
until version=$(answers); do
  if [ -n "$started" ] && ! kill -0 "$started" 2>/dev/null; then
    echo "error: dockerd ended instead of starting; the end of $log:" >&2
    tail -n 15 "$log" >&2
    exit 1
  fi
  if [ $SECONDS -ge $deadline ]; then
    echo "error: the engine does not answer after 90 seconds (see $log)" >&2
    exit 1
  fi
  sleep 0.1
done
echo "engine: Docker $version started${started:+ (process $started, log $log)}"
