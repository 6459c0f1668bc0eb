#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Conformance on Debian 13: its FFmpeg 7.1, libva 2.22 (which knows H.264 High 10), GStreamer 1.26, and its own Rust
# compiler. Makes a root directory under target/ once, builds the driver in it, runs the same streams there.
# usage: tests/trixie/run.sh [options of the conformance program]
# TRIXIE_ROOT: use this root directory instead (it must hold the packages that `make-root` would install).
# Needs root (chroot, bind mounts in a mount namespace of its own).
set -euo pipefail
cd "$(dirname "$0")/../.."
project=$PWD
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
root=${TRIXIE_ROOT:-$target/trixie/root}
[ "$(id -u)" = 0 ] || exec sudo --preserve-env=CARGO_TARGET_DIR,TRIXIE_ROOT,DAEDALUS_VECTORS,HOME,PATH "$0" "$@"

make_root() {
    # The mirror that this machine's apt uses.
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' |
        awk '$2 == "main" && $1 ~ /\/debian\/?$/ { print $1; exit }')
    [ -n "$mirror" ] || { echo "trixie: cannot tell which Debian mirror apt uses" >&2; exit 1; }
    packages=$(packaging/install-deps.sh --list test | paste -sd,)
    rm -rf "$root.new"
    mkdir -p "$(dirname "$root")"
    echo "trixie: making $root (about 2 GB)"
    mmdebstrap --quiet --variant=apt --mode=root --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --include="$packages,cargo,rustc,ca-certificates" trixie "$root.new" "deb $mirror trixie main"
    mv "$root.new" "$root"
}

[ -x "$root/usr/bin/ffmpeg" ] || make_root

# Crates are fetched here, so the build inside needs no network.
cargo fetch --locked --quiet
vectors=${DAEDALUS_VECTORS:-$project/../shared/vectors}
mkdir -p "$target/trixie/build" "$target/streams" "$target/trixie/build/streams" "${CARGO_HOME:-$HOME/.cargo}"
# The streams are made by this machine's encoders, so that both systems decode the same ones.
"$target/release/conformance" --prepare

export project target root vectors cargo_home=${CARGO_HOME:-$HOME/.cargo}
exec unshare --mount --pid --fork --kill-child bash -euo pipefail -c '
    mount --make-rprivate /
    bind() { mkdir -p "$root$2"; mount --rbind "$1" "$root$2"; }
    bind "$project" /project
    bind "$target/trixie/build" /build
    bind "$target/streams" /build/streams
    bind "$cargo_home/registry" /cargo/registry
    [ ! -f "$vectors/manifest.tsv" ] || bind "$vectors" /vectors
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
    has_vectors=()
    [ ! -f "$root/vectors/manifest.tsv" ] || has_vectors=(DAEDALUS_VECTORS=/vectors)
    exec chroot "$root" env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root CARGO_HOME=/cargo CARGO_TARGET_DIR=/build \
        CARGO_NET_OFFLINE=true XDG_RUNTIME_DIR=/tmp "${has_vectors[@]}" bash -euo pipefail -c "
            cd /project
            cargo --version
            cargo build --release --locked -p daedalus-vaapi-driver -p daedalus-tests
            mkdir -p /build/dri
            cp -u /build/release/libdaedalus_drv_video.so /build/dri/daedalus_drv_video.so
            tests/check-symbols.sh /build/dri/daedalus_drv_video.so
            exec /build/release/conformance \"\$@\"
        " conformance "$@"
' trixie "$@"
