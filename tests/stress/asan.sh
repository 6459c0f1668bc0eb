#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# AddressSanitizer and LeakSanitizer over the driver and the engine, through the driver's vtable: objects made and
# destroyed in any order with pictures pending, recorded streams and mutations of them, many threads at once. Needs a nightly
# toolchain; libavcodec is the system's, so its own code is not instrumented, but its heap is watched.
#
# tests/stress/asan.sh [MUTATIONS]
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
seeds=$CARGO_TARGET_DIR/fuzz-seeds
[ -d "$seeds/va_calls" ] || fuzz/corpus.sh "$seeds"
RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=$CARGO_TARGET_DIR/asan \
    cargo +nightly build --release --locked --target "$host" -p daedalus-fuzz-entries
export DAEDALUS_LOG=off ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1:exitcode=99
bin=$CARGO_TARGET_DIR/asan/$host/release
"$bin/replay" "$seeds" --mutations "${1:-60}"
"$bin/threads" "$seeds" --workers 6 --rounds 3
echo "AddressSanitizer and LeakSanitizer: clean"
