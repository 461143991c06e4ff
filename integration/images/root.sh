# Sourced by make.sh: unpacks distribution packages into a folder that becomes an image's file system.
#
# Packages are taken apart, not installed: no maintainer script runs, so neither root nor a chroot is needed, and what an
# image does not use (perl, debconf, the LLVM behind PostgreSQL's just-in-time compiler) is left out.

# Parts of the dependency closure that only maintainer scripts, manual pages or unused features need.
readonly UNUSED_PACKAGES='^(perl|libperl|lib[a-z-]+-perl$|libllvm|libz3|libbsd0|libedit|debconf|dpkg$|adduser|passwd$|tar$|ucf$|ssl-cert|openssl$|postgresql-common|postgresql-client-common|locales|libc-l10n|libpam-modules|libsemanage|libsepol|usrmerge|sysvinit-utils|init-system-helpers|lsb-base|sensible-utils|tzdata|gcc-[0-9]+-base|media-types|readline-common)'

# unpack ROOT PACKAGE...: fills ROOT with the packages, all they need, busybox's applets, and the files of /etc without
# which nothing starts.
unpack() {
  local root=$1 debs=$1.debs name deb
  shift
  mkdir -p "$debs" "$root"/usr/{bin,sbin,lib,lib64} "$root"/{dev,etc,proc,root,run,sys,tmp,var/tmp}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  ln -s ../run "$root/var/run"
  : >"$debs/status"
  # An empty package database makes apt answer with the whole closure, whatever this machine has installed.
  apt-get -y --print-uris --no-install-recommends -o Dir::State::status="$debs/status" install busybox-static "$@" 2>"$debs/log" |
    sed -n "s/^'[^']*' \([^_ ]*\)_.*/\1/p" | grep -Ev "$UNUSED_PACKAGES" >"$debs/names" || true
  [ -s "$debs/names" ] || { cat "$debs/log" >&2; echo "error: apt offers no \`$*\` here (try: apt-get update)" >&2; return 1; }
  (cd "$debs" && xargs apt-get -qq -o APT::Sandbox::User=root download <names >>log 2>&1) || { cat "$debs/log" >&2; return 1; }
  for deb in "$debs"/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" |
      tar -x --keep-directory-symlink --no-same-owner -C "$root" --exclude='./usr/share/doc' --exclude='./usr/share/man' \
        --exclude='./usr/share/locale' --exclude='./usr/share/info' --exclude='./usr/share/lintian'
  done
  "$root/bin/busybox" --list-full | while read -r name; do
    [ -e "$root/$name" ] || [ -L "$root/$name" ] || { mkdir -p "$root/${name%/*}" && ln -s /bin/busybox "$root/$name"; }
  done
  ldconfig -r "$root"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n' >"$root/etc/group"
  printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
  chmod 1777 "$root/tmp" "$root/var/tmp"
  rm -rf "$debs"
}
