#!/usr/bin/env bash
# Makes sure that the named programs are there: installs Debian's packages as root, names them otherwise.
#   integration/tools.sh curl openssl cc:gcc     PROGRAM or PROGRAM:PACKAGE
set -euo pipefail

missing=()
for pair in "$@"; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "error: please install: ${missing[*]}" >&2
  exit 1
fi
compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || apt-get -qq update
echo "installing ${missing[*]}"
DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "${missing[@]}" >/dev/null
