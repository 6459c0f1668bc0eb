// SPDX-License-Identifier: BSD-2-Clause
//! Link arguments of the shared object.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // libva opens drivers with RTLD_GLOBAL: symbols of the libraries linked in must not take the place of the host's own,
    // nor the host's the place of theirs.
    println!("cargo:rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-Bsymbolic");
}
