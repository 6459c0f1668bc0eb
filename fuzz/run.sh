#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Fuzzes every target (or the named ones) for SECONDS each, two at once, with AddressSanitizer and LeakSanitizer; fails if any finds
# something. Needs cargo-fuzz and a nightly toolchain. Inputs that failed lie in fuzz/artifacts.
#
# fuzz/run.sh [SECONDS] [TARGET...]
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-600}
[ $# -eq 0 ] || shift
export CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-../target}")
command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
seeds=$CARGO_TARGET_DIR/fuzz-seeds
[ -d "$seeds/va_calls" ] || ./corpus.sh "$seeds"
cargo +nightly fuzz build -O
bin=$CARGO_TARGET_DIR/$(rustc +nightly -vV | sed -n 's/^host: //p')/release
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)
mkdir -p corpus artifacts
# Refusals are the rule here; the log would be all there is to see.
export DAEDALUS_LOG=off ASAN_OPTIONS=detect_odr_violation=0:allocator_may_return_null=1
# -detect_leaks=0: not after each input, where threads that end are still about, but once at the end.

fuzz() {
  local name=$1 log=artifacts/$1.log
  mkdir -p "corpus/$name" "artifacts/$name"
  if "$bin/$name" "corpus/$name" "$seeds/$name" -artifact_prefix="artifacts/$name/" -max_total_time="$seconds" \
    -timeout=60 -rss_limit_mb=3072 -detect_leaks=0 -max_len=131072 -print_final_stats=1 >"$log" 2>&1; then
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs, no finding"
  else
    echo "$name: FAILED, see fuzz/$log"
    grep -m5 -E 'panicked|ERROR|SUMMARY|libFuzzer:' "$log" || tail -n 5 "$log"
    return 1
  fi
}
export -f fuzz
export bin seeds seconds
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'fuzz {}'
