#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes the fuzz targets' corpora from real streams: small clips of each codec and depth, and the files named here (Annex B
# or IVF), are decoded by libavcodec on the driver while its VA calls are recorded.
#
# fuzz/corpus.sh CORPUS [FILE...]
set -euo pipefail
corpus=$(realpath -m "${1:?usage: fuzz/corpus.sh CORPUS [FILE...]}")
shift
files=()
for file in "$@"; do files+=("$(realpath "$file")"); done
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}") RUST_BACKTRACE=0
cargo build --release --locked -q -p daedalus-vaapi-driver -p daedalus-stress -p daedalus-fuzz-entries
if [ -z "${DAEDALUS_DRIVER_DIR:-}" ]; then
  mkdir -p "$CARGO_TARGET_DIR/dri"
  cp "$CARGO_TARGET_DIR/release/libdaedalus_drv_video.so" "$CARGO_TARGET_DIR/dri/daedalus_drv_video.so"
fi
recordings=$(mktemp -d)
trap 'rm -rf "$recordings"' EXIT
"$CARGO_TARGET_DIR/release/record" "$recordings"
[ ${#files[@]} -eq 0 ] || "$CARGO_TARGET_DIR/release/record" "$recordings" "${files[@]}"
"$CARGO_TARGET_DIR/release/seeds" "$recordings" "$corpus"
