// SPDX-License-Identifier: BSD-2-Clause
//! SSE2 (always there on x86-64) and AVX2 row kernels.

use super::{Kernels, PLAIN};
use std::arch::x86_64::*;

/// For any x86-64 processor.
pub(super) const SSE2: Kernels = Kernels {
    shift16: sse2_shift16,
    weave8: sse2_weave8,
    weave16: sse2_weave16,
};

/// Only for processors with AVX2.
pub(super) const AVX2: Kernels = Kernels {
    shift16: avx2_shift16,
    weave8: avx2_weave8,
    weave16: avx2_weave16,
};

/// # Safety
/// As [`Kernels::shift16`]'s plain version.
unsafe fn sse2_shift16(source: *const u8, destination: *mut u8, n: usize) {
    let whole = n & !7;
    for i in (0..whole).step_by(8) {
        // SAFETY: samples `i..i + 8` lie below `n`, for which the caller vouches; unaligned accesses.
        unsafe {
            let samples = _mm_loadu_si128(source.add(2 * i).cast());
            _mm_storeu_si128(destination.add(2 * i).cast(), _mm_slli_epi16::<6>(samples));
        }
    }
    // SAFETY: the samples from `whole` to `n`.
    unsafe { (PLAIN.shift16)(source.add(2 * whole), destination.add(2 * whole), n - whole) }
}

/// # Safety
/// As [`Kernels::weave8`]'s plain version.
unsafe fn sse2_weave8(u: *const u8, v: *const u8, destination: *mut u8, n: usize) {
    let whole = n & !15;
    for i in (0..whole).step_by(16) {
        // SAFETY: samples `i..i + 16` lie below `n`, for which the caller vouches; unaligned accesses.
        unsafe {
            let (us, vs) = (
                _mm_loadu_si128(u.add(i).cast()),
                _mm_loadu_si128(v.add(i).cast()),
            );
            let to = destination.add(2 * i).cast::<__m128i>();
            _mm_storeu_si128(to, _mm_unpacklo_epi8(us, vs));
            _mm_storeu_si128(to.add(1), _mm_unpackhi_epi8(us, vs));
        }
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
unsafe fn sse2_weave16(u: *const u8, v: *const u8, destination: *mut u8, n: usize) {
    let whole = n & !7;
    for i in (0..whole).step_by(8) {
        // SAFETY: samples `i..i + 8` lie below `n`, for which the caller vouches; unaligned accesses.
        unsafe {
            let us = _mm_slli_epi16::<6>(_mm_loadu_si128(u.add(2 * i).cast()));
            let vs = _mm_slli_epi16::<6>(_mm_loadu_si128(v.add(2 * i).cast()));
            let to = destination.add(4 * i).cast::<__m128i>();
            _mm_storeu_si128(to, _mm_unpacklo_epi16(us, vs));
            _mm_storeu_si128(to.add(1), _mm_unpackhi_epi16(us, vs));
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

/// # Safety
/// The processor must have AVX2; otherwise as [`Kernels::shift16`]'s plain version.
#[target_feature(enable = "avx2")]
unsafe fn avx2_shift16(source: *const u8, destination: *mut u8, n: usize) {
    let whole = n & !15;
    for i in (0..whole).step_by(16) {
        // SAFETY: samples `i..i + 16` lie below `n`, for which the caller vouches; unaligned accesses.
        unsafe {
            let samples = _mm256_loadu_si256(source.add(2 * i).cast());
            _mm256_storeu_si256(
                destination.add(2 * i).cast(),
                _mm256_slli_epi16::<6>(samples),
            );
        }
    }
    // SAFETY: the samples from `whole` to `n`.
    unsafe { (PLAIN.shift16)(source.add(2 * whole), destination.add(2 * whole), n - whole) }
}

/// # Safety
/// The processor must have AVX2; otherwise as [`Kernels::weave8`]'s plain version.
#[target_feature(enable = "avx2")]
unsafe fn avx2_weave8(u: *const u8, v: *const u8, destination: *mut u8, n: usize) {
    let whole = n & !31;
    for i in (0..whole).step_by(32) {
        // SAFETY: samples `i..i + 32` lie below `n`, for which the caller vouches; unaligned accesses.
        unsafe {
            let (us, vs) = (
                _mm256_loadu_si256(u.add(i).cast()),
                _mm256_loadu_si256(v.add(i).cast()),
            );
            store_halves(
                destination.add(2 * i),
                _mm256_unpacklo_epi8(us, vs),
                _mm256_unpackhi_epi8(us, vs),
            );
        }
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
/// The processor must have AVX2; otherwise as [`Kernels::weave16`]'s plain version.
#[target_feature(enable = "avx2")]
unsafe fn avx2_weave16(u: *const u8, v: *const u8, destination: *mut u8, n: usize) {
    let whole = n & !15;
    for i in (0..whole).step_by(16) {
        // SAFETY: samples `i..i + 16` lie below `n`, for which the caller vouches; unaligned accesses.
        unsafe {
            let us = _mm256_slli_epi16::<6>(_mm256_loadu_si256(u.add(2 * i).cast()));
            let vs = _mm256_slli_epi16::<6>(_mm256_loadu_si256(v.add(2 * i).cast()));
            store_halves(
                destination.add(4 * i),
                _mm256_unpacklo_epi16(us, vs),
                _mm256_unpackhi_epi16(us, vs),
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

/// Stores what AVX2's unpack instructions make, which work within 128-bit lanes, in linear order.
///
/// # Safety
/// The processor must have AVX2, and `destination` be writable for 64 bytes.
#[target_feature(enable = "avx2")]
unsafe fn store_halves(destination: *mut u8, low: __m256i, high: __m256i) {
    let to = destination.cast::<__m256i>();
    // SAFETY: the caller vouches for 64 bytes; unaligned stores.
    unsafe {
        _mm256_storeu_si256(to, _mm256_permute2x128_si256::<0x20>(low, high));
        _mm256_storeu_si256(to.add(1), _mm256_permute2x128_si256::<0x31>(low, high));
    }
}
