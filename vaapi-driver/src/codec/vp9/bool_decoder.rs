// SPDX-License-Identifier: BSD-2-Clause
//! The arithmetic decoder of the compressed header (VP9 specification, clause 9.2).

/// Decodes binary symbols. Past the end of the data it reads zero bits, as the specification says.
#[derive(Clone, Debug)]
pub(super) struct BoolDecoder<'a> {
    data: &'a [u8],
    /// Next byte of `data`.
    next: usize,
    /// `BoolValue` in the top byte, bits not yet used behind it.
    window: u64,
    /// Bits of `window` that are loaded (from the data, or zeros behind its end).
    loaded: u32,
    range: u32,
    consumed: usize,
}

impl<'a> BoolDecoder<'a> {
    /// `init_bool`; `None` where there is no data or the marker bit is set.
    pub(super) fn new(data: &'a [u8]) -> Option<Self> {
        if data.is_empty() {
            return None;
        }
        let mut decoder = Self {
            data,
            next: 0,
            window: 0,
            loaded: 0,
            range: 255,
            consumed: 8,
        };
        (!decoder.bool(128)).then_some(decoder)
    }

    fn fill(&mut self) {
        while self.loaded <= 48 {
            let byte = self.data.get(self.next).copied().unwrap_or(0);
            self.next = self.next.saturating_add(1);
            self.window |= u64::from(byte) << (56 - self.loaded);
            self.loaded += 8;
        }
    }

    /// `read_bool(p)`: false with probability `probability / 256`.
    pub(super) fn bool(&mut self, probability: u8) -> bool {
        if self.loaded < 16 {
            self.fill();
        }
        let split = 1 + (((self.range - 1) * u32::from(probability)) >> 8);
        let threshold = u64::from(split) << 56;
        let symbol = self.window >= threshold;
        if symbol {
            self.window -= threshold;
            self.range -= split;
        } else {
            self.range = split;
        }
        // The range is from 1 to 255, so at most 7 bits leave the window.
        let shift = self.range.leading_zeros() - 24;
        self.range <<= shift;
        self.window <<= shift;
        self.loaded -= shift;
        self.consumed += shift as usize;
        symbol
    }

    /// `read_literal(n)`, `n` at most 8.
    pub(super) fn literal(&mut self, n: u32) -> u8 {
        (0..n.min(8)).fold(0, |value, _| value << 1 | u8::from(self.bool(128)))
    }

    /// Bits that the symbols so far have taken, the first byte included; more than the data has in a truncated header.
    pub(super) fn consumed_bits(&self) -> usize {
        self.consumed
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The inverse of [`BoolDecoder`]: a range coder with carry propagation.
    pub(in super::super) struct BoolEncoder {
        bits: Vec<bool>,
        low: u64,
        range: u32,
    }

    impl BoolEncoder {
        pub(in super::super) fn new() -> Self {
            let mut encoder = Self {
                bits: Vec::new(),
                low: 0,
                range: 255,
            };
            encoder.bool(false, 128);
            encoder
        }

        pub(in super::super) fn bool(&mut self, symbol: bool, probability: u8) {
            let split = 1 + (((self.range - 1) * u32::from(probability)) >> 8);
            if symbol {
                self.low += u64::from(split);
                self.range -= split;
            } else {
                self.range = split;
            }
            while self.range < 128 {
                self.range <<= 1;
                self.shift();
            }
        }

        /// Moves the top bit of the 8-bit `low` out; a ninth bit is a carry into what has left before.
        fn shift(&mut self) {
            if self.low >= 256 {
                self.low -= 256;
                for bit in self.bits.iter_mut().rev() {
                    *bit = !*bit;
                    if *bit {
                        break;
                    }
                }
            }
            self.bits.push(self.low >= 128);
            self.low = (self.low & 127) << 1;
        }

        pub(in super::super) fn literal(&mut self, value: u32, n: u32) {
            for i in (0..n).rev() {
                self.bool(value >> i & 1 == 1, 128);
            }
        }

        pub(in super::super) fn finish(mut self) -> Vec<u8> {
            for _ in 0..9 {
                self.shift();
            }
            self.bits
                .chunks(8)
                .map(|c| {
                    c.iter()
                        .enumerate()
                        .fold(0, |b, (i, &s)| b | u8::from(s) << (7 - i))
                })
                .collect()
        }
    }

    #[test]
    fn decodes_what_was_encoded() {
        let mut seed = 1u32;
        let mut random = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed >> 16
        };
        let symbols: Vec<(bool, u8)> = (0..5000)
            .map(|_| {
                let probability = (1 + random() % 255) as u8;
                (random() % 256 >= u32::from(probability), probability)
            })
            .collect();
        let mut encoder = BoolEncoder::new();
        symbols
            .iter()
            .for_each(|&(symbol, probability)| encoder.bool(symbol, probability));
        let data = encoder.finish();
        let mut decoder = BoolDecoder::new(&data).unwrap();
        for (i, &(symbol, probability)) in symbols.iter().enumerate() {
            assert_eq!(decoder.bool(probability), symbol, "symbol {i}");
        }
        let used = decoder.consumed_bits();
        assert!(
            used <= data.len() * 8 && used + 16 > data.len() * 8,
            "{used} bits of {} bytes",
            data.len()
        );
    }

    #[test]
    fn the_marker_bit_and_empty_data_are_refused() {
        assert!(BoolDecoder::new(&[]).is_none());
        assert!(BoolDecoder::new(&[0xff, 0xff]).is_none());
        assert!(BoolDecoder::new(&[0x00]).is_some());
    }

    #[test]
    fn past_the_end_come_zero_bits() {
        let mut decoder = BoolDecoder::new(&[0x12]).unwrap();
        for _ in 0..10_000 {
            decoder.bool(1);
        }
        assert!(decoder.consumed_bits() > 8);
    }
}
