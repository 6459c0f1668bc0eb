// SPDX-License-Identifier: BSD-2-Clause
//! `repr(C)` mirrors of the kernel's V4L2 uAPI. Field, flag and constant names are the kernel's.
//!
//! All structs are plain bytes (`zerocopy`): no padding, every bit pattern valid; enumerations are therefore integers
//! with constants beside them.
#![allow(non_camel_case_types)]

/// `Default` as all-zero bytes, for structs whose arrays are too long for the derive.
macro_rules! zeroed_default {
    ($($name:ident),+ $(,)?) => {$(
        impl Default for $name {
            fn default() -> Self {
                zerocopy::FromZeros::new_zeroed()
            }
        }
    )+};
}

pub mod av1;
pub mod h264;
#[cfg(test)]
mod layout;
pub mod vp9;

/// `V4L2_CID_CODEC_STATELESS_BASE`
pub const V4L2_CID_CODEC_STATELESS_BASE: u32 = 0x00a4_0900;
