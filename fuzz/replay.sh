#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What `make test` runs of the fuzz targets: recorded streams and repeatable mutations of them, on the stable compiler.
#
# fuzz/replay.sh [MUTATIONS]
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
fuzz/corpus.sh "$corpus"
DAEDALUS_LOG=off "$CARGO_TARGET_DIR/release/replay" "$corpus" --mutations "${1:-60}"
