// SPDX-License-Identifier: BSD-2-Clause
//! Reads a fuzzer's bytes; past the end everything is zero, so that every input is a valid one.

use zerocopy::{FromBytes, IntoBytes};

/// A cursor over an input.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// Whether all bytes are used.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// At most `n` bytes.
    pub fn bytes(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(n.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// One byte.
    pub fn u8(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// Two bytes, little endian.
    pub fn u16(&mut self) -> u16 {
        self.plain()
    }

    /// Four bytes, little endian.
    pub fn u32(&mut self) -> u32 {
        self.plain()
    }

    /// A struct of plain integers.
    pub fn plain<T: FromBytes + IntoBytes>(&mut self) -> T {
        let mut value = T::new_zeroed();
        let bytes = self.bytes(size_of::<T>());
        value.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
        value
    }
}
