#!/usr/bin/env bash
# Makes sure the engine has the images that examples and scenarios name: postgres:16-alpine, python:3.12-slim, busybox:stable.
#
# What is already there is used. Else the registry is asked, for a short time. Where none answers, stand-ins under the same
# tags are made of distribution packages, and said so: a real PostgreSQL, a real Python with pip, a real busybox.
# Stand-ins carry the label `stack.stand-in` and are kept as tar files in ~/.cache/stack-images.
#
# Usage: make.sh [--local] [IMAGE...]     --local: do not ask a registry
set -euo pipefail
cd "$(dirname "$0")"
. ./root.sh

cache=${XDG_CACHE_HOME:-$HOME/.cache}/stack-images
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

postgres_root() {
  unpack "$1" postgresql
  rm -rf "$1"/usr/lib/postgresql/*/lib/bitcode "$1"/usr/share/postgresql/*/man
  local version
  version=$(basename "$(echo "$1"/usr/lib/postgresql/*)")
  ln -s "$version/bin" "$1/usr/lib/postgresql/bin"
  echo 'postgres:x:70:70:PostgreSQL:/var/lib/postgresql:/bin/sh' >>"$1/etc/passwd"
  echo 'postgres:x:70:' >>"$1/etc/group"
  mkdir -p "$1/var/lib/postgresql/data" "$1/docker-entrypoint-initdb.d" "$1/usr/local/bin"
  install -m 755 postgres/entrypoint.sh "$1/usr/local/bin/docker-entrypoint.sh"
  # As the official image: reachable from other containers, the socket where its own clients look for it.
  sed -i -e "s/^#listen_addresses = .*/listen_addresses = '*'/" "$1/usr/share/postgresql/$version/postgresql.conf.sample"
}

python_root() {
  unpack "$1" python3 python3-venv python3-pip-whl python3-setuptools-whl ca-certificates
  local packages
  packages=$(basename "$(echo "$1"/usr/lib/python3.*)")
  packages=$1/usr/local/lib/$packages/dist-packages
  mkdir -p "$packages" "$1/usr/local/bin" "$1/etc/ssl/certs"
  (cd "$packages" && for wheel in "$1"/usr/share/python-wheels/{pip,setuptools}-*.whl; do "$1/bin/busybox" unzip -q -o "$wheel"; done)
  rm -f "$1"/usr/lib/python3.*/EXTERNALLY-MANAGED
  printf '#!/usr/bin/python3\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n' >"$1/usr/local/bin/pip"
  chmod 755 "$1/usr/local/bin/pip"
  ln -s pip "$1/usr/local/bin/pip3"
  ln -s /usr/bin/python3 "$1/usr/local/bin/python3"
  ln -s /usr/bin/python3 "$1/usr/local/bin/python"
  # This machine's own authorities: where a proxy answers for the package index, builds trust it as the machine does.
  cat /etc/ssl/certs/ca-certificates.crt >"$1/etc/ssl/certs/ca-certificates.crt"
  printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\ntimeout = 60\ndisable-pip-version-check = true\nroot-user-action = ignore\n' >"$1/etc/pip.conf"
}

busybox_root() {
  unpack "$1" busybox-static
}

# make NAME TAG: the stand-in, from the cached tar if these scripts have not changed since.
make() {
  local name=$1 tag=$2 key tar
  key=$(cat make.sh root.sh "$name"/* | sha256sum | cut -c1-12)
  tar=$cache/$name-$key.tar
  if [ ! -s "$tar" ]; then
    "${name}_root" "$work/$name"
    tar -C "$work/$name" --owner=0 --group=0 --numeric-owner -cf "$work/root.tar" .
    cp "$name/Dockerfile" "$work/Dockerfile"
    tar -C "$work" -c Dockerfile root.tar | docker build -q -t "$tag" - >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
    rm -rf "${work:?}/$name" "$work/root.tar"
    mkdir -p "$cache"
    rm -f "$cache/$name"-*.tar
    docker save -o "$tar.new" "$tag" && mv "$tar.new" "$tar"
    echo "$tag: made a stand-in of distribution packages (kept in $tar)"
  else
    docker load -q -i "$tar" >/dev/null
    echo "$tag: stand-in loaded from $tar"
  fi
}

registry=yes
[ "${1:-}" = --local ] && { registry=no; shift; }
[ $# -gt 0 ] || set -- postgres:16-alpine python:3.12-slim busybox:stable
for tag in "$@"; do
  if docker image inspect "$tag" >/dev/null 2>&1; then
    stand_in=$(docker image inspect -f '{{index .Config.Labels "stack.stand-in"}}' "$tag")
    echo "$tag: already in the engine${stand_in:+ (a stand-in: $stand_in)}"
    continue
  fi
  if [ $registry = yes ]; then
    # A registry that answers names the image at once or begins to send it; one that is not there must not cost minutes.
    if timeout 300 docker pull -q "$tag" >"$work/pull" 2>&1; then
      echo "$tag: pulled from its registry"
      continue
    fi
    registry=no
    echo "no registry answers ($(tail -n 1 "$work/pull" | sed 's/^Error response from daemon: //'))"
  fi
  case $tag in
    postgres:*) make postgres "$tag" ;;
    python:*) make python "$tag" ;;
    busybox:*) make busybox "$tag" ;;
    *) echo "error: no stand-in is known for \`$tag\`" >&2; exit 1 ;;
  esac
done
