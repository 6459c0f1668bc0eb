// SPDX-License-Identifier: BSD-2-Clause
//! Bit reader and writer for headers: MSB first, with the Exp-Golomb, NAL and AV1 descriptors on top.
//!
//! Reading past the end is an error, never a panic; nothing here allocates by a length from the stream.

/// The data ended before the syntax element did, or the element has no value that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitError;

impl core::fmt::Display for BitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the header ends before its syntax does")
    }
}

impl core::error::Error for BitError {}

/// Reads bits, most significant first.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at the first bit of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    /// Bits read so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Bits left.
    pub fn remaining(&self) -> usize {
        self.data
            .len()
            .saturating_mul(8)
            .saturating_sub(self.position)
    }

    /// One bit.
    pub fn bit(&mut self) -> Result<bool, BitError> {
        let byte = self.data.get(self.position / 8).ok_or(BitError)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Ok(bit == 1)
    }

    /// `u(n)` / `f(n)`, `n` at most 32.
    pub fn bits(&mut self, n: u32) -> Result<u32, BitError> {
        if n > 32 || self.remaining() < n as usize {
            return Err(BitError);
        }
        let mut value = 0u64;
        for _ in 0..n {
            value = value << 1 | u64::from(self.bit()?);
        }
        u32::try_from(value).map_err(|_| BitError)
    }

    /// Moves on by `n` bits.
    pub fn skip(&mut self, n: usize) -> Result<(), BitError> {
        if self.remaining() < n {
            return Err(BitError);
        }
        self.position += n;
        Ok(())
    }

    /// Moves to the next byte boundary.
    pub fn byte_align(&mut self) {
        self.position = self.position.next_multiple_of(8);
    }

    /// `ue(v)` (H.264 clause 9.1).
    pub fn ue(&mut self) -> Result<u32, BitError> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return Err(BitError);
            }
        }
        let rest = if zeros == 0 { 0 } else { self.bits(zeros)? };
        ((1u32 << zeros) - 1).checked_add(rest).ok_or(BitError)
    }

    /// `se(v)` (H.264 clause 9.1.1).
    pub fn se(&mut self) -> Result<i32, BitError> {
        let code = i64::from(self.ue()?);
        let value = if code % 2 == 1 {
            (code + 1) / 2
        } else {
            -(code / 2)
        };
        i32::try_from(value).map_err(|_| BitError)
    }

    /// `su(n)`: two's complement on `n` bits (AV1 clause 4.10.6), `n` from 1 to 32.
    pub fn su(&mut self, n: u32) -> Result<i32, BitError> {
        if n == 0 {
            return Err(BitError);
        }
        let value = i64::from(self.bits(n)?);
        let value = if value >> (n - 1) & 1 == 1 {
            value - (1i64 << n)
        } else {
            value
        };
        i32::try_from(value).map_err(|_| BitError)
    }

    /// `ns(n)`: non-symmetric, below `n` (AV1 clause 4.10.7).
    pub fn ns(&mut self, n: u32) -> Result<u32, BitError> {
        if n == 0 {
            return Err(BitError);
        }
        let w = 32 - n.leading_zeros();
        let m = (1u64 << w) - u64::from(n);
        let v = u64::from(self.bits(w - 1)?);
        let value = if v < m {
            v
        } else {
            (v << 1) - m + u64::from(self.bit()?)
        };
        u32::try_from(value).map_err(|_| BitError)
    }
}

/// Writes bits, most significant first.
#[derive(Clone, Debug, Default)]
pub struct BitWriter {
    data: Vec<u8>,
    used: u32,
}

impl BitWriter {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bits written so far.
    pub fn position(&self) -> usize {
        match self.used {
            0 => self.data.len() * 8,
            used => (self.data.len() - 1) * 8 + used as usize,
        }
    }

    /// One bit.
    pub fn bit(&mut self, bit: bool) {
        if self.used == 0 {
            self.data.push(0);
        }
        if let Some(last) = self.data.last_mut() {
            *last |= u8::from(bit) << (7 - self.used);
        }
        self.used = (self.used + 1) % 8;
    }

    /// The low `n` bits of `value`, `n` at most 32.
    pub fn bits(&mut self, value: u32, n: u32) {
        for i in (0..n.min(32)).rev() {
            self.bit(value >> i & 1 == 1);
        }
    }

    /// `ue(v)`; the largest codable value is `u32::MAX - 1`.
    pub fn ue(&mut self, value: u32) {
        let code = u64::from(value) + 1;
        let length = 64 - code.leading_zeros();
        for _ in 1..length {
            self.bit(false);
        }
        for i in (0..length).rev() {
            self.bit(code >> i & 1 == 1);
        }
    }

    /// `se(v)`.
    pub fn se(&mut self, value: i32) {
        let value = i64::from(value);
        let code = if value > 0 { 2 * value - 1 } else { -2 * value };
        self.ue(u32::try_from(code).unwrap_or(u32::MAX - 1));
    }

    /// `su(n)`.
    pub fn su(&mut self, value: i32, n: u32) {
        self.bits(value as u32, n);
    }

    /// `ns(n)`, `value` below `n`.
    pub fn ns(&mut self, value: u32, n: u32) {
        let w = 32 - n.leading_zeros();
        let m = (1u64 << w) - u64::from(n);
        let value = u64::from(value);
        if w == 0 {
            return;
        }
        if value < m {
            self.bits(value as u32, w - 1);
        } else {
            let v = value + m;
            self.bits((v >> 1) as u32, w - 1);
            self.bit(v & 1 == 1);
        }
    }

    /// Zero bits up to the byte boundary.
    pub fn byte_align(&mut self) {
        self.used = 0;
    }

    /// `rbsp_trailing_bits()` / `trailing_bits()`: a one, then zeros up to the byte boundary.
    pub fn trailing_bits(&mut self) {
        self.bit(true);
        self.byte_align();
    }

    /// Whole bytes; the writer must be byte-aligned (else the bits are shifted in).
    pub fn bytes(&mut self, bytes: &[u8]) {
        if self.used == 0 {
            self.data.extend_from_slice(bytes);
        } else {
            for &byte in bytes {
                self.bits(u32::from(byte), 8);
            }
        }
    }

    /// What was written; a last partial byte is filled with zero bits.
    pub fn finish(self) -> Vec<u8> {
        self.data
    }
}

/// Appends `rbsp` to `out` with `emulation_prevention_three_byte`s (H.264 clause 7.4.1).
pub fn escape_nal(rbsp: &[u8], out: &mut Vec<u8>) {
    let mut zeros = 0;
    for &byte in rbsp {
        if zeros >= 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        out.push(byte);
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
}

/// The bytes of a NAL unit without its emulation prevention bytes, at most `limit` of them.
pub fn unescape_nal(nal: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len().min(limit));
    let mut zeros = 0;
    for &byte in nal {
        if out.len() >= limit {
            break;
        }
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        out.push(byte);
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_descriptors_read_back() {
        let mut w = BitWriter::new();
        let unsigned = [0, 1, 2, 7, 254, 255, 65_535, u32::MAX - 1];
        let signed = [0, 1, -1, 2, -2, 127, -128, i32::MAX / 2];
        unsigned.iter().for_each(|&v| w.ue(v));
        signed.iter().for_each(|&v| w.se(v));
        for n in 1..40 {
            for v in 0..n {
                w.ns(v, n);
            }
        }
        w.su(-5, 7);
        w.su(63, 7);
        w.trailing_bits();
        let data = w.finish();
        let mut r = BitReader::new(&data);
        for v in unsigned {
            assert_eq!(r.ue(), Ok(v));
        }
        for v in signed {
            assert_eq!(r.se(), Ok(v));
        }
        for n in 1..40 {
            for v in 0..n {
                assert_eq!(r.ns(n), Ok(v));
            }
        }
        assert_eq!(r.su(7), Ok(-5));
        assert_eq!(r.su(7), Ok(63));
    }

    #[test]
    fn the_end_is_an_error() {
        let mut r = BitReader::new(&[0x00]);
        assert_eq!(r.ue(), Err(BitError));
        assert_eq!(BitReader::new(&[0xff]).bits(9), Err(BitError));
        assert_eq!(BitReader::new(&[]).bit(), Err(BitError));
    }

    #[test]
    fn emulation_prevention_keeps_the_byte_after_the_three() {
        let rbsp = [0, 0, 0, 0, 0, 0, 1];
        let mut nal = Vec::new();
        escape_nal(&rbsp, &mut nal);
        assert_eq!(nal, [0, 0, 3, 0, 0, 3, 0, 0, 3, 1]);
        assert_eq!(unescape_nal(&nal, usize::MAX), rbsp);
        assert_eq!(unescape_nal(&nal, 3), [0, 0, 0]);
    }
}
