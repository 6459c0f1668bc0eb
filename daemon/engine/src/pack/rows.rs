// SPDX-License-Identifier: BSD-2-Clause
//! Row kernels: what [`super::pack`] does to one row, per instruction set.
//!
//! All pointers may be unaligned, sources and destination must not overlap, and the lengths are in samples of one source.

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

/// One implementation of the row operations.
#[derive(Clone, Copy)]
pub(super) struct Kernels {
    /// `shift16(source, destination, n)`: `n` 16-bit samples, each shifted left by 6.
    pub shift16: unsafe fn(*const u8, *mut u8, usize),
    /// `weave8(u, v, destination, n)`: `n` pairs of 8-bit samples.
    pub weave8: unsafe fn(*const u8, *const u8, *mut u8, usize),
    /// `weave16(u, v, destination, n)`: `n` pairs of 16-bit samples, each shifted left by 6.
    pub weave16: unsafe fn(*const u8, *const u8, *mut u8, usize),
}

/// One sample at a time; also the tail of the vector kernels and the reference of their tests.
pub(super) const PLAIN: Kernels = Kernels {
    shift16: plain::shift16,
    weave8: plain::weave8,
    weave16: plain::weave16,
};

impl Kernels {
    /// The fastest that this machine has.
    #[allow(unreachable_code)]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        return if std::arch::is_x86_feature_detected!("avx2") {
            x86::AVX2
        } else {
            x86::SSE2
        };
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        return neon::NEON;
        PLAIN
    }

    /// Every implementation that this machine can run.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        let mut all = vec![PLAIN, Self::detect()];
        #[cfg(target_arch = "x86_64")]
        all.push(x86::SSE2);
        all.dedup_by_key(|kernels| kernels.weave8 as usize);
        all
    }
}

/// Writes `n` 16-bit little-endian samples of `value`.
///
/// # Safety
/// `destination` must be writable for `2 * n` bytes.
pub(super) unsafe fn fill16(destination: *mut u8, value: u16, n: usize) {
    let bytes = value.to_le_bytes();
    for i in 0..n {
        // SAFETY: `i < n`, and the caller vouches for `2 * n` bytes.
        unsafe { destination.add(2 * i).cast::<[u8; 2]>().write(bytes) };
    }
}

mod plain {
    /// # Safety
    /// `source` must be readable and `destination` writable for `2 * n` bytes.
    pub unsafe fn shift16(source: *const u8, destination: *mut u8, n: usize) {
        for i in 0..n {
            // SAFETY: `i < n`, and the caller vouches for `2 * n` bytes on both sides.
            unsafe {
                let sample = source.add(2 * i).cast::<u16>().read_unaligned();
                destination
                    .add(2 * i)
                    .cast::<u16>()
                    .write_unaligned((sample << 6).to_le());
            }
        }
    }

    /// # Safety
    /// `u` and `v` must be readable for `n` bytes, `destination` writable for `2 * n`.
    pub unsafe fn weave8(u: *const u8, v: *const u8, destination: *mut u8, n: usize) {
        for i in 0..n {
            // SAFETY: `i < n`, and the caller vouches for `n` bytes of the sources and `2 * n` of the destination.
            unsafe {
                destination
                    .add(2 * i)
                    .cast::<[u8; 2]>()
                    .write([*u.add(i), *v.add(i)])
            };
        }
    }

    /// # Safety
    /// `u` and `v` must be readable for `2 * n` bytes, `destination` writable for `4 * n`.
    pub unsafe fn weave16(u: *const u8, v: *const u8, destination: *mut u8, n: usize) {
        for i in 0..n {
            // SAFETY: `i < n`, and the caller vouches for `2 * n` bytes of the sources and `4 * n` of the destination.
            unsafe {
                let u = u.add(2 * i).cast::<u16>().read_unaligned();
                let v = v.add(2 * i).cast::<u16>().read_unaligned();
                let pair = destination.add(4 * i).cast::<u16>();
                pair.write_unaligned((u << 6).to_le());
                pair.add(1).write_unaligned((v << 6).to_le());
            }
        }
    }
}
