// SPDX-License-Identifier: BSD-2-Clause
//! OBU framing (sections 5.3 and 5.9.2).

use v4l2_common::bits::BitWriter;

pub(super) const OBU_SEQUENCE_HEADER: u8 = 1;
pub(super) const OBU_TEMPORAL_DELIMITER: u8 = 2;
pub(super) const OBU_FRAME_HEADER: u8 = 3;
pub(super) const OBU_FRAME: u8 = 6;

/// Appends an OBU header with a size field for a payload of `size` bytes.
pub(super) fn begin(obu_type: u8, size: usize, out: &mut Vec<u8>) {
    out.push(obu_type << 3 | 2);
    let mut rest = size;
    loop {
        let byte = (rest & 0x7f) as u8;
        rest >>= 7;
        out.push(if rest > 0 { byte | 0x80 } else { byte });
        if rest == 0 {
            break;
        }
    }
}

/// A whole OBU.
pub(super) fn whole(obu_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 10);
    begin(obu_type, payload.len(), &mut out);
    out.extend_from_slice(payload);
    out
}

pub(super) fn temporal_delimiter() -> Vec<u8> {
    whole(OBU_TEMPORAL_DELIMITER, &[])
}

/// A temporal unit that shows slot `index` again.
pub(super) fn show_existing_frame(index: u8) -> Vec<u8> {
    let mut w = BitWriter::new();
    w.bit(true);
    w.bits(u32::from(index), 3);
    w.trailing_bits();
    let mut out = temporal_delimiter();
    out.extend_from_slice(&whole(OBU_FRAME_HEADER, &w.finish()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_leb128() {
        let mut out = Vec::new();
        begin(OBU_FRAME, 300, &mut out);
        assert_eq!(out, [0x32, 0xac, 0x02]);
        assert_eq!(temporal_delimiter(), [0x12, 0]);
        assert_eq!(show_existing_frame(5), [0x12, 0, 0x1a, 1, 0b1101_1000]);
    }
}
