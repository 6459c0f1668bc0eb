#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Everything that `make test` and CI run. Each step's output goes to target/test/STEP.log and is shown if the step fails;
# the last line counts every unit test, every stream under every client, and every other step.
set -uo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR=$target
logs=$target/test
mkdir -p "$logs" "$target/dri"
passed=0 failed=0 skipped=0

# step NAME COMMAND...: runs it; counts it as one test, or as many as its output says.
step() {
    local name=$1 log=$logs/$1.log start=$SECONDS status=0 counts p f s
    shift
    "$@" >"$log" 2>&1 </dev/null || status=$?
    # Closing lines of the conformance program, and of each of cargo's test binaries.
    counts=$(sed -n -e 's/^\([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)\?$/\1 \2 0\4/p' \
        -e 's/^test result: .* \([0-9]*\) passed; \([0-9]*\) failed; \([0-9]*\) ignored.*/\1 \2 \3/p' "$log" |
        awk '{ p += $1; f += $2; s += $3 } END { if (NR) print p, f, s }')
    read -r p f s <<<"${counts:-0 0 0}"
    [ -n "$counts" ] || p=$((status == 0))
    [ $status = 0 ] || [ "$f" != 0 ] || f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '%-16s %-6s %4d s   %s passed, %s failed, %s skipped\n' \
        "$name" "$([ $status = 0 ] && echo ok || echo FAILED)" $((SECONDS - start)) "$p" "$f" "$s"
    [ $status = 0 ] || { echo "--- $log"; tail -n 60 "$log"; echo "---"; }
    return $status
}

build() {
    cargo build --release --locked -p daedalus-vaapi-driver -p daedalus-tests -p daedalus-stress &&
        cp -u "$target/release/libdaedalus_drv_video.so" "$target/dri/daedalus_drv_video.so"
}

step format cargo fmt --all --check
step clippy cargo clippy --workspace --all-targets --locked -- -D warnings
step unit cargo test --workspace --locked
if step build build; then
    step symbols tests/check-symbols.sh "$target/dri/daedalus_drv_video.so"
    step demo "$target/release/demo"
    step foreign tests/foreign-libavcodec/run.sh
    step other-libavcodec "$target/release/other_libavcodec"
    step contexts "$target/release/contexts"
    step pipeline "$target/release/pipeline"
    step memory "$target/release/memory"
    step damage "$target/release/damage" --seeds 2
    step fuzz-replay fuzz/replay.sh
    step conformance "$target/release/conformance"
    sed -n '/^client  /,$p' "$logs/conformance.log"
fi
echo "all steps: $((SECONDS / 60)) min $((SECONDS % 60)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
