#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What `make test` runs of the robustness tests: minutes, stable compiler, no sanitizer. The sanitizers have scripts of their own
# beside this one (asan.sh, tsan.sh), fuzzing has fuzz/run.sh.
set -uo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}") RUST_BACKTRACE=0
export DAEDALUS_DRIVER_DIR=$(realpath -m "${DAEDALUS_DRIVER_DIR:-$CARGO_TARGET_DIR/dri}")
bin=$CARGO_TARGET_DIR/release
passed=0 failed=0

check() { # NAME COMMAND...
    local name=$1
    shift
    echo "== $name"
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED $name"; fi
}

replay() {
    local corpus
    corpus=$(mktemp -d)
    fuzz/corpus.sh "$corpus" && DAEDALUS_LOG=off "$bin/replay" "$corpus" --mutations 60
    local status=$?
    rm -rf "$corpus"
    return $status
}

cargo build --release --locked -q -p daedalus-stress -p daedalus-fuzz-entries || exit 1
check "16 contexts in one process" "$bin/contexts"
check "16 branches of one GStreamer pipeline" "$bin/pipeline"
check "2,000 pictures, flat memory; contexts made and destroyed" "$bin/memory"
check "damaged streams" "$bin/damage" --seeds 2
check "another libavcodec in the process" "$bin/other_libavcodec"
check "fuzz targets on recorded streams and mutations" replay
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
