// SPDX-License-Identifier: BSD-2-Clause
//! NEON row kernels (always there on AArch64).
//!
//! Loads and stores go by bytes, which have no alignment to keep.

use super::{Kernels, PLAIN};
use std::arch::aarch64::*;

/// For any AArch64 processor.
pub(super) const NEON: Kernels = Kernels {
    shift16,
    weave8,
    weave16,
};

/// # Safety
/// As [`Kernels::shift16`]'s plain version.
unsafe fn shift16(source: *const u8, destination: *mut u8, n: usize) {
    let whole = n & !7;
    for i in (0..whole).step_by(8) {
        // SAFETY: samples `i..i + 8` lie below `n`, for which the caller vouches.
        unsafe {
            let samples = vreinterpretq_u16_u8(vld1q_u8(source.add(2 * i)));
            vst1q_u8(
                destination.add(2 * i),
                vreinterpretq_u8_u16(vshlq_n_u16::<6>(samples)),
            );
        }
    }
    // SAFETY: the samples from `whole` to `n`.
    unsafe { (PLAIN.shift16)(source.add(2 * whole), destination.add(2 * whole), n - whole) }
}

/// # Safety
/// As [`Kernels::weave8`]'s plain version.
unsafe fn weave8(u: *const u8, v: *const u8, destination: *mut u8, n: usize) {
    let whole = n & !15;
    for i in (0..whole).step_by(16) {
        // SAFETY: samples `i..i + 16` lie below `n`, for which the caller vouches.
        unsafe {
            vst2q_u8(
                destination.add(2 * i),
                uint8x16x2_t(vld1q_u8(u.add(i)), vld1q_u8(v.add(i))),
            )
        };
    }
    // SAFETY: the samples from `whole` to `n`.
    unsafe {
        (PLAIN.weave8)(
            u.add(whole),
            v.add(whole),
            destination.add(2 * whole),
            n - whole,
        )
    }
}

/// # Safety
/// As [`Kernels::weave16`]'s plain version.
unsafe fn weave16(u: *const u8, v: *const u8, destination: *mut u8, n: usize) {
    let whole = n & !7;
    for i in (0..whole).step_by(8) {
        // SAFETY: samples `i..i + 8` lie below `n`, for which the caller vouches.
        unsafe {
            let us = vshlq_n_u16::<6>(vreinterpretq_u16_u8(vld1q_u8(u.add(2 * i))));
            let vs = vshlq_n_u16::<6>(vreinterpretq_u16_u8(vld1q_u8(v.add(2 * i))));
            vst1q_u8(
                destination.add(4 * i),
                vreinterpretq_u8_u16(vzip1q_u16(us, vs)),
            );
            vst1q_u8(
                destination.add(4 * i + 16),
                vreinterpretq_u8_u16(vzip2q_u16(us, vs)),
            );
        }
    }
    // SAFETY: the samples from `whole` to `n`.
    unsafe {
        (PLAIN.weave16)(
            u.add(2 * whole),
            v.add(2 * whole),
            destination.add(4 * whole),
            n - whole,
        )
    }
}
