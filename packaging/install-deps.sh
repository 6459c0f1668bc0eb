#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Installs, by Debian package name, what building and testing Daedalus needs (Debian 12 and 13).
# usage: packaging/install-deps.sh [build|test|bench|all]     (each contains the ones before it)
#        packaging/install-deps.sh --list [build|test|bench|all]     only print the package names
# Only what is missing is installed. Runs as root, or as a user who may use sudo.
set -euo pipefail

build=(gcc libc6-dev make pkgconf nasm clang libclang-dev libavcodec-dev libavutil-dev libva-dev binutils)
test=(ffmpeg mpv xvfb vainfo libva-x11-2 libva-drm2 gstreamer1.0-vaapi gstreamer1.0-tools gstreamer1.0-plugins-base
      gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav x264 vpx-tools aom-tools svt-av1 rav1e
      valgrind coreutils)
bench=(mmdebstrap debian-archive-keyring)

list=
if [ "${1:-}" = --list ]; then list=1; shift; fi
case ${1:-all} in
    build) want=("${build[@]}") ;;
    test) want=("${build[@]}" "${test[@]}") ;;
    bench | all) want=("${build[@]}" "${test[@]}" "${bench[@]}") ;;
    *) echo "usage: $0 [build|test|bench|all]" >&2; exit 2 ;;
esac
if [ -n "$list" ]; then printf '%s\n' "${want[@]}"; exit; fi

fail() { echo "install-deps: $*" >&2; exit 1; }
command -v dpkg-query >/dev/null || fail "this script knows Debian packages only; install by hand: ${want[*]}"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else fail "root is needed for: $*"; fi
}

updated=
install() {
    if [ -z "$updated" ]; then
        as_root apt-get -q update >&2 || fail "apt-get update failed"
        updated=1
    fi
    echo "install-deps: installing $*" >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$@" >&2 ||
        fail "apt-get could not install: $*"
}

missing=()
for package in "${want[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} = 0 ] || install "${missing[@]}"

# The compiler: any cargo that is new enough will do.
root=$(cd "$(dirname "$0")/.." && pwd)
needed=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$root/Cargo.toml")
new_enough() { [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$needed" "$1" | sort -V | head -n1)" = "$needed" ]; }
cargo_version() { PATH="$PATH:$HOME/.cargo/bin" cargo --version 2>/dev/null | cut -d' ' -f2 || true; }
candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *//p' | grep -v '(none)' || true; }

if ! new_enough "$(cargo_version)"; then
    if [ -z "$updated" ]; then as_root apt-get -q update >&2 || fail "apt-get update failed"; updated=1; fi
    if new_enough "$(candidate cargo)"; then
        install cargo rustc
    elif new_enough "$(candidate cargo-web)"; then
        # Debian 12 keeps a current Rust for its browsers under these names.
        install cargo-web rustc-web
    elif [ -n "$(candidate rustup)" ]; then
        command -v rustup >/dev/null || install rustup
        rustup default stable || fail "rustup could not install a stable Rust toolchain"
    fi
    new_enough "$(cargo_version)" ||
        fail "Rust $needed or newer is needed, found '$(cargo_version)', and this Debian release has no newer package.
install-deps: install a toolchain with rustup (the installer that the Rust project offers), then run this again."
fi

# make test formats and lints with the compiler's own tools, which Debian packages apart from it.
if [ "${1:-all}" != build ]; then
    tools() { PATH="$PATH:$HOME/.cargo/bin"; cargo fmt --version && cargo clippy --version; }
    if ! tools >/dev/null 2>&1; then
        if [ "$(dpkg-query -W -f '${db:Status-Status}' cargo-web 2>/dev/null)" = installed ]; then
            install rustfmt-web rust-web-clippy
        else
            install rustfmt rust-clippy
        fi
        tools >/dev/null || fail "cargo fmt and cargo clippy are needed for make test"
    fi
fi
