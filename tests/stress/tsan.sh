#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ThreadSanitizer over the driver, the engine and the standard library beneath them: many threads on one driver. Needs a
# nightly toolchain with rust-src, for a standard library that is not instrumented hides what its locks order.
#
# tests/stress/tsan.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
rustup component list --toolchain nightly | grep -q '^rust-src.*installed' || rustup component add rust-src --toolchain nightly
seeds=$CARGO_TARGET_DIR/fuzz-seeds
[ -d "$seeds/va_calls" ] || fuzz/corpus.sh "$seeds"
RUSTFLAGS="-Zsanitizer=thread" CARGO_TARGET_DIR=$CARGO_TARGET_DIR/tsan \
    cargo +nightly build -Zbuild-std --release --locked --target "$host" -p daedalus-fuzz-entries --bin threads
export DAEDALUS_LOG=off
export TSAN_OPTIONS="suppressions=$PWD/tests/stress/tsan.supp:exitcode=66:halt_on_error=0:second_deadlock_stack=1"
"$CARGO_TARGET_DIR/tsan/$host/release/threads" "$seeds" --workers 6 --rounds "${1:-3}"
echo "ThreadSanitizer: clean"
