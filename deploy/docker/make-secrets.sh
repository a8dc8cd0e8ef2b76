#!/bin/sh
# Writes the secrets that compose.yaml mounts, once; what exists is kept.
#
#   make-secrets.sh [DIRECTORY]     default: secrets/ beside this file
set -eu
directory=${1:-$(dirname "$0")/secrets}
mkdir -p "$directory"
# The directory keeps other users of this computer out. The files are readable by all because Compose mounts them with
# their owner unchanged, and the containers' users are not yours.
chmod 0700 "$directory"
for name in part-main part-arm api-key grafana-admin; do
  file=$directory/$name
  [ -s "$file" ] && continue
  # 32 bytes: as long as the SHA-256 of the HMAC that uses it.
  head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$file"
  chmod 0444 "$file"
done
