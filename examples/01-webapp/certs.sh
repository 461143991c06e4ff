#!/usr/bin/env bash
# Makes certs/: a certificate authority of this machine's own and, signed by it, a certificate for app.example.com.
#   certs/cert.pem  the certificate followed by the authority's, so that it also serves as curl's --cacert
#   certs/key.pem   its private key
# What is there and still valid for a day is kept.
set -euo pipefail
cd "$(dirname "$0")"
name=${1:-app.example.com}
if openssl x509 -in certs/cert.pem -noout -checkend 86400 >/dev/null 2>&1 &&
  [[ $(openssl x509 -in certs/cert.pem -noout -checkhost "$name") == *"does match"* ]]; then
  exit 0
fi
mkdir -p certs
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=stack example authority" \
  -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
  -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$work/key.pem" -out "$work/leaf.csr" 2>/dev/null
printf 'subjectAltName=DNS:%s\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n' "$name" >"$work/leaf.ext"
openssl x509 -req -in "$work/leaf.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 397 \
  -extfile "$work/leaf.ext" -out "$work/leaf.pem" 2>/dev/null
cat "$work/leaf.pem" "$work/ca.pem" >"$work/cert.pem"
chmod 644 "$work/cert.pem"
# Key first: who watches the folder sees the pair complete once the certificate changes.
mv "$work/key.pem" certs/key.pem
mv "$work/cert.pem" certs/cert.pem
echo "made $PWD/certs/{cert,key}.pem for $name"
