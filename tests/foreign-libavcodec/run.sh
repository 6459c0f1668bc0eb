#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An application may have a libavcodec of its own: another major, or one without symbol versions, as browsers bundle it.
# Neither may the driver call that one, nor may the application's parts get the driver's. libva opens drivers with
# RTLD_GLOBAL, so whatever the driver links against becomes visible to the whole process.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
driver=$(realpath "${DAEDALUS_DRIVER_DIR:-$target/dri}")/daedalus_drv_video.so
work=$target/foreign
mkdir -p "$work"
here=tests/foreign-libavcodec
passed=0 failed=0

result() { # NAME STATUS
    if [ "$2" = 0 ]; then passed=$((passed + 1)); echo "ok     $1"; else failed=$((failed + 1)); echo "FAILED $1"; fi
}

# A stand-in that has every name of the system's FFmpeg libraries, and reports whoever calls one.
names=$(ldd "$(command -v ffmpeg)" | awk '/libavcodec\.so|libavutil\.so/ { print $3 }' | xargs nm -D --defined-only |
    awk '$2 == "T" && $3 ~ /^av/ { sub(/@.*/, "", $3); print $3 }' | grep -vx avcodec_version | sort -u)
[ "$(wc -w <<<"$names")" -gt 100 ]
{
    echo '#include <stdlib.h>'
    echo '#include <unistd.h>'
    echo 'unsigned avcodec_version(void) { return 58u << 16 | 4242u; }'
    for name in $names; do
        printf 'void %s(void) { static const char m[] = "FOREIGN CALL: %s\\n"; if (write(2, m, sizeof m - 1)) {} abort(); }\n' "$name" "$name"
    done
} >"$work/foreign.c"
echo 'LIBAVCODEC_58 { global: av*; local: *; };' >"$work/versions"
cc -shared -fPIC -w -O1 -o "$work/libavcodec.so.58" -Wl,-soname,libavcodec.so.58 -Wl,--version-script="$work/versions" "$work/foreign.c"
cc -shared -fPIC -w -O1 -o "$work/libffmpeg-unversioned.so" -Wl,-soname,libffmpeg-unversioned.so "$work/foreign.c"
# A part of the application that uses the application's own library.
cc -shared -fPIC -O1 -o "$work/plugin-versioned.so" "$here/plugin.c" "$work/libavcodec.so.58" -Wl,-rpath,"$work"
cc -shared -fPIC -O1 -o "$work/plugin-unversioned.so" "$here/plugin.c" "$work/libffmpeg-unversioned.so" -Wl,-rpath,"$work"
cc -O1 -o "$work/host" "$here/host.c" -ldl

for kind in versioned unversioned; do
    status=0
    "$work/host" "$driver" "$work/plugin-$kind.so" || status=1
    result "application's library ($kind) loaded after the driver" $status
done

for kind in libavcodec.so.58 libffmpeg-unversioned.so; do
    status=0
    DAEDALUS_PRELOAD=$work/$kind "$target/release/conformance" --client gstreamer --only made --filter made/h264/cabac_main \
        --filter made/vp9/hidden_altref.ivf --filter made/av1/plain || status=1
    result "$kind loaded before the driver" $status
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
