#!/usr/bin/env bash
# Docker Engine 28 beside the one of this machine, to run scenarios on: Debian sid's docker.io with its containerd and runc,
# unpacked into ~/.cache/stack-peers/engine-28 and started in a network namespace and with a data folder of its own.
# Nothing is installed into the system, and no other engine is touched.
#
# Usage: engine-28.sh start          starts it, where it does not run; prints its address
#        engine-28.sh run COMMAND..  COMMAND in its network, with DOCKER_HOST set to it
#        engine-28.sh stop           ends it, and removes its data
# Environment: STACK_ENGINE_28        its folder (/tmp/stack-engine-28), for several at once
#              STACK_ENGINE_28_FLAGS  more flags for dockerd: `--feature containerd-snapshotter=true` keeps images in containerd
# Needs root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stack-peers/engine-28
state=${STACK_ENGINE_28:-/tmp/stack-engine-28}
space=$(basename "$state")
address=unix://$state/docker.sock
images=(busybox:stable postgres:16-alpine python:3.12-slim)

[ "$(id -u)" = 0 ] || { echo "error: an engine of its own needs root" >&2; exit 1; }

# The packages, by a private package list: the system's own sources stay as they are.
fetch() {
  [ -x "$cache/root/usr/sbin/dockerd" ] && return
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg apt=$cache/apt mirror
  [ -f $keyring ] || { echo "error: no $keyring on this machine (Debian's package debian-archive-keyring)" >&2; exit 1; }
  mirror=$(grep -rhoE '^(deb|URIs:).*https?://[^ ]+' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -oE 'https?://[^ ]+/debian/?' | grep -v security | head -n 1 || true)
  [ -n "$mirror" ] || { echo "error: no Debian mirror in this machine's package sources" >&2; exit 1; }
  rm -rf "$cache"
  mkdir -p "$apt"/lists/partial "$apt"/cache/archives/partial
  : >"$apt/status"
  echo "deb [signed-by=$keyring] $mirror sid main" >"$apt/sources.list"
  local options=(-qq -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$apt/lists"
    -o Dir::Cache="$apt/cache" -o Dir::State::status="$apt/status" -o Acquire::Check-Valid-Until=false
    -o Acquire::Languages=none -o APT::Sandbox::User=root)
  (cd "$apt" && apt-get "${options[@]}" update &&
    apt-get "${options[@]}" download docker.io containerd runc) >&2
  for package in "$apt"/*.deb; do dpkg -x "$package" "$cache/unpacked"; done
  rm -rf "$apt"
  # It may need a newer C library than this system has; then the system's own has to do.
  local runc=$cache/unpacked/usr/sbin/runc
  [ -e "$runc" ] || runc=$cache/unpacked/usr/bin/runc
  if ! "$runc" --version >/dev/null 2>&1; then
    rm -f "$cache"/unpacked/usr/{bin,sbin}/runc
    command -v runc >/dev/null || { echo "error: sid's runc does not run here, and this system has none" >&2; exit 1; }
  fi
  mv "$cache/unpacked" "$cache/root"
}

answers() { DOCKER_HOST=$address docker version >/dev/null 2>&1; }

start() {
  fetch
  answers && return
  mkdir -p "$state"
  ip netns list | grep -q "^$space\b" || ip netns add "$space"
  nsenter --net="/run/netns/$space" ip link set lo up
  rm -f "$state/pid"
  PATH=$cache/root/usr/bin:$cache/root/usr/sbin:$PATH setsid nohup nsenter --net="/run/netns/$space" "$cache/root/usr/sbin/dockerd" \
    --data-root "$state/data" --exec-root "$state/run" --pidfile "$state/pid" --host "$address" \
    --containerd-namespace "$space" --containerd-plugins-namespace "$space-plugins" ${STACK_ENGINE_28_FLAGS:-} >"$state/log" 2>&1 </dev/null &
  local deadline=$((SECONDS + 60))
  until answers; do
    if [ $SECONDS -ge $deadline ]; then
      echo "error: the engine does not start; the end of $state/log:" >&2
      tail -n 15 "$state/log" >&2
      exit 1
    fi
    sleep 0.2
  done
  # As the machine's own engine has them, else made here.
  if docker image inspect "${images[@]}" >/dev/null 2>&1; then
    docker save "${images[@]}" | DOCKER_HOST=$address docker load >/dev/null
  else
    DOCKER_HOST=$address "$here/images/make.sh" >&2
  fi
}

# Each step is tried, whatever became of the one before: an engine that has crashed leaves its data, too.
stop() {
  [ -e "$state" ] || { echo "engine 28 does not run"; return; }
  local pid
  if pid=$(cat "$state/pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null; then
    DOCKER_HOST=$address docker ps -aq | DOCKER_HOST=$address xargs -r docker rm -f >/dev/null || true
    kill "$pid"
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
  fi
  if ip netns list | grep -q "^$space\b"; then ip netns delete "$space"; fi
  # Where nothing is mounted any more, `grep` finds nothing, which is no failure.
  { grep -o " $state[^ ]*" /proc/self/mounts || true; } | sort -r | xargs -r umount -l
  rm -rf "$state"
}

case ${1:-} in
  start) start; echo "$address" ;;
  run) shift; start; exec nsenter --net="/run/netns/$space" env DOCKER_HOST="$address" "$@" ;;
  stop) stop ;;
  *) echo "usage: engine-28.sh start|run COMMAND...|stop" >&2; exit 2 ;;
esac
