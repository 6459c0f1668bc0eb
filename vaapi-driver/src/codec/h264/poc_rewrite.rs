// SPDX-License-Identifier: BSD-2-Clause
//! Picture order count type 1 to type 0.
//!
//! Type 1 counts need `offset_for_ref_frame[]` and its companions of the SPS, which VA does not carry; it carries the
//! resulting counts. So each slice header is rewritten to type 0 with 16-bit `pic_order_cnt_lsb`, and SPS and PPS
//! controls describe the rewritten stream. Decoding depends on differences between counts only, which the standard
//! bounds to 16 bits (clause 8.2.1), so this is exact.
//!
//! The payload behind the header must not change. CABAC data starts at a byte boundary: its alignment bits are written
//! anew. CAVLC data starts anywhere, but holds alignment bits itself where a macroblock is I_PCM, so the header's length
//! must stay the same modulo 8. What fills the gap is free in the syntax: `pic_parameter_set_id` may be written with 1, 3,
//! 5 or 7 bits (the id of a PPS that holds the same), and one odd bit comes from a `redundant_pic_cnt` of 0, or goes with
//! a `delta_pic_order_cnt_bottom` of 0. Only where a stream has redundant pictures already *and* different field counts in
//! frames is there no such bit; the payload is then shifted, which is exact but for I_PCM macroblocks.

use super::slice_header::{SliceHeader, Syntax};
use core::ops::Range;
use v4l2_common::bits::{BitReader, BitWriter, escape_nal, unescape_nal};

/// Bits of the new `pic_order_cnt_lsb`.
const LSB_BITS: u32 = 16;

/// A `pic_parameter_set_id` that ue(v) codes with 1, 3, 5, 7 bits.
const PPS_ID_BY_HALF_LENGTH: [u8; 4] = [0, 1, 3, 7];

/// How the slices of one picture are rewritten.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    lsb: u16,
    /// `delta_pic_order_cnt_bottom`, where it is written.
    delta_bottom: Option<i32>,
    add_redundant_pic_cnt: bool,
    /// Bits by which headers grow, `pic_parameter_set_id` apart.
    growth: i64,
    /// `pic_parameter_set_id` makes up for `growth` modulo 8.
    keep_alignment: bool,
    cabac: bool,
}

/// Length of se(v).
fn se_length(value: i32) -> i64 {
    let mut w = BitWriter::new();
    w.se(value);
    w.position() as i64
}

impl Plan {
    /// Plans for a picture of type 1 with the given counts, one of whose slice headers is `header`.
    pub(super) fn new(header: &SliceHeader, syntax: &Syntax, top: i32, bottom: i32) -> Self {
        let count = if header.bottom_field { bottom } else { top };
        let mut delta_bottom = (!header.field_pic).then(|| bottom.wrapping_sub(top));
        let growth = |delta: Option<i32>| {
            i64::from(LSB_BITS) + delta.map_or(0, se_length) - header.poc_bits.len() as i64
        };
        let mut add_redundant_pic_cnt = false;
        if !syntax.cabac && growth(delta_bottom) % 2 != 0 {
            if !syntax.redundant_pic_cnt_present {
                add_redundant_pic_cnt = true;
            } else if delta_bottom == Some(0) {
                delta_bottom = None;
            }
        }
        let growth = growth(delta_bottom) + i64::from(add_redundant_pic_cnt);
        Self {
            // The low 16 bits: two's complement, as the standard's modulo arithmetic wants.
            lsb: count as u16,
            delta_bottom,
            add_redundant_pic_cnt,
            growth,
            keep_alignment: !syntax.cabac && growth % 2 == 0,
            cabac: syntax.cabac,
        }
    }

    /// The syntax that the rewritten slices are in.
    pub(super) fn syntax(&self, old: &Syntax) -> Syntax {
        Syntax {
            poc_type: 0,
            poc_lsb_bits: LSB_BITS,
            delta_pic_order_always_zero: false,
            bottom_field_pic_order_in_frame_present: self.delta_bottom.is_some(),
            redundant_pic_cnt_present: old.redundant_pic_cnt_present || self.add_redundant_pic_cnt,
            ..*old
        }
    }

    /// The id that takes the place of the slice's own.
    fn pps_id(&self, header: &SliceHeader) -> u8 {
        if !self.keep_alignment {
            return header.pps_id;
        }
        let length = (header.pps_id_bits.len() as i64 - self.growth).rem_euclid(8);
        usize::try_from(length / 2)
            .ok()
            .and_then(|i| PPS_ID_BY_HALF_LENGTH.get(i))
            .copied()
            .unwrap_or(header.pps_id)
    }

    /// Rewrites one slice: `nal` from its header byte on, `header` as parsed from it.
    pub(super) fn rewrite(&self, nal: &[u8], header: &SliceHeader) -> Vec<u8> {
        let mut rbsp = unescape_nal(nal, usize::MAX);
        // `cabac_zero_word`s carry nothing.
        rbsp.truncate(
            rbsp.iter()
                .rposition(|&byte| byte != 0)
                .map_or(0, |last| last + 1),
        );
        let mut w = BitWriter::new();
        copy(&rbsp, 0..header.pps_id_bits.start, &mut w);
        w.ue(u32::from(self.pps_id(header)));
        copy(&rbsp, header.pps_id_bits.end..header.poc_bits.start, &mut w);
        w.bits(u32::from(self.lsb), LSB_BITS);
        if let Some(delta) = self.delta_bottom {
            w.se(delta);
        }
        if self.add_redundant_pic_cnt {
            w.ue(0);
        }
        copy(&rbsp, header.poc_bits.end..header.end, &mut w);
        if self.cabac {
            while w.position() % 8 != 0 {
                // cabac_alignment_one_bit
                w.bit(true);
            }
            w.bytes(rbsp.get(header.end.div_ceil(8)..).unwrap_or_default());
        } else {
            // Up to and with the stop bit, the last one set.
            let padding = rbsp.last().map_or(0, |last| last.trailing_zeros() as usize);
            copy(&rbsp, header.end..rbsp.len() * 8 - padding.min(7), &mut w);
        }
        let mut out = Vec::with_capacity(nal.len() + 16);
        escape_nal(&w.finish(), &mut out);
        out
    }
}

/// Copies a range of bits, as far as there are that many.
fn copy(from: &[u8], range: Range<usize>, to: &mut BitWriter) {
    let mut r = BitReader::new(from);
    if r.skip(range.start).is_err() {
        return;
    }
    let mut left = range.len().min(r.remaining());
    while left > 0 {
        if r.position() % 8 == 0 && to.position() % 8 == 0 && left >= 8 {
            let start = r.position() / 8;
            let bytes = left / 8;
            to.bytes(from.get(start..start + bytes).unwrap_or_default());
            let _ = r.skip(bytes * 8);
            left -= bytes * 8;
        } else if let Ok(bit) = r.bit() {
            to.bit(bit);
            left -= 1;
        } else {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_slices::{TestSlice, syntax};
    use super::*;

    /// What follows the header, bit by bit, without the trailing alignment zeros.
    fn payload(nal: &[u8], header: &SliceHeader, cabac: bool) -> Vec<bool> {
        let rbsp = unescape_nal(nal, usize::MAX);
        let mut r = BitReader::new(&rbsp);
        r.skip(if cabac {
            header.end.next_multiple_of(8)
        } else {
            header.end
        })
        .unwrap();
        let mut bits: Vec<bool> = core::iter::from_fn(|| r.bit().ok()).collect();
        bits.truncate(bits.iter().rposition(|&bit| bit).unwrap() + 1);
        bits
    }

    /// Rewrites and reads back.
    fn rewritten(
        old: &Syntax,
        slice: &TestSlice,
        poc: [i32; 2],
    ) -> (SliceHeader, SliceHeader, Syntax) {
        let (nal, end) = slice.write(old);
        let header = SliceHeader::parse(&nal, old, [2, 1]).unwrap();
        assert_eq!(header.end, end);
        let plan = Plan::new(&header, old, poc[0], poc[1]);
        let syntax = plan.syntax(old);
        let out = plan.rewrite(&nal, &header);
        let new = SliceHeader::parse(&out, &syntax, [2, 1]).unwrap();
        assert_eq!(
            payload(&out, &new, old.cabac),
            payload(&nal, &header, old.cabac)
        );
        // A NAL unit holds no start code and does not end in zero.
        assert!(out.windows(3).all(|w| !matches!(w, [0, 0, 0..=2])) && out.last() != Some(&0));
        (header, new, syntax)
    }

    #[test]
    fn every_header_shape_keeps_its_payload() {
        let mut shifted = 0;
        for flags in 0..64u32 {
            let flag = |bit: u32| flags >> bit & 1 == 1;
            let old = Syntax {
                poc_type: 1,
                frame_mbs_only: flag(0),
                delta_pic_order_always_zero: flag(1),
                bottom_field_pic_order_in_frame_present: flag(2),
                redundant_pic_cnt_present: flag(3),
                cabac: flag(4),
                deblocking_filter_control_present: flag(5),
                ..syntax()
            };
            let fields: &[Option<bool>] = if old.frame_mbs_only {
                &[None]
            } else {
                &[None, Some(false), Some(true)]
            };
            for (&field, pps_id, delta) in fields
                .iter()
                .flat_map(|field| [0, 1, 5, 14, 30, 62, 126, 254, 255].map(|id| (field, id)))
                .flat_map(|(field, id)| [0, -1, 9, 1000].map(|delta| (field, id, delta)))
            {
                for (slice_type, poc) in
                    [(2, [0, 0]), (5, [-70_000, -69_997]), (6, [65_535, 65_535])]
                {
                    let slice = TestSlice {
                        slice_type,
                        field,
                        pps_id,
                        delta_poc: [delta, -delta],
                        num_ref_idx: (slice_type == 6).then_some([4, 0]),
                        payload: (0..40).map(|i| if i % 3 == 0 { i } else { 0 }).collect(),
                        ..TestSlice::default()
                    };
                    let (header, new, syntax) = rewritten(&old, &slice, poc);
                    let count = if field == Some(true) { poc[1] } else { poc[0] };
                    assert_eq!(new.poc_lsb, count as u16);
                    assert_eq!(
                        new.delta_poc_bottom,
                        if field.is_none() { poc[1] - poc[0] } else { 0 }
                    );
                    // All but what was rewritten is as before.
                    let same = SliceHeader {
                        pps_id: new.pps_id,
                        poc_lsb: new.poc_lsb,
                        delta_poc_bottom: new.delta_poc_bottom,
                        delta_poc: [0; 2],
                        pps_id_bits: new.pps_id_bits.clone(),
                        poc_bits: new.poc_bits.clone(),
                        end: new.end,
                        ..header.clone()
                    };
                    assert_eq!(new, same);
                    assert_eq!(syntax.poc_type, 0);
                    if old.cabac {
                        assert_eq!(new.pps_id, header.pps_id);
                    } else if new.end % 8 != header.end % 8 {
                        assert!(
                            old.redundant_pic_cnt_present && (field.is_some() || poc[0] != poc[1])
                        );
                        shifted += 1;
                    }
                }
            }
        }
        assert!(shifted > 0, "the documented exception was met");
    }

    #[test]
    fn slices_of_a_picture_share_one_syntax() {
        // Two PPS ids in one picture: each finds an id that keeps its own alignment.
        let old = Syntax {
            poc_type: 1,
            ..syntax()
        };
        let header = |pps_id| {
            let (nal, _) = TestSlice {
                pps_id,
                ..TestSlice::default()
            }
            .write(&old);
            (SliceHeader::parse(&nal, &old, [0; 2]).unwrap(), nal)
        };
        let (first, first_nal) = header(0);
        let (second, second_nal) = header(20);
        let plan = Plan::new(&first, &old, 6, 6);
        for (nal, header) in [(first_nal, first), (second_nal, second)] {
            let out = plan.rewrite(&nal, &header);
            let new = SliceHeader::parse(&out, &plan.syntax(&old), [0; 2]).unwrap();
            assert_eq!((new.end % 8, new.poc_lsb), (header.end % 8, 6));
        }
    }

    #[test]
    fn cabac_zero_words_are_dropped() {
        let old = Syntax {
            poc_type: 1,
            cabac: true,
            ..syntax()
        };
        let (mut nal, _) = TestSlice::default().write(&old);
        let header = SliceHeader::parse(&nal, &old, [0; 2]).unwrap();
        let plan = Plan::new(&header, &old, 2, 2);
        let without = plan.rewrite(&nal, &header);
        nal.extend([0, 0, 3, 0, 0, 3]);
        assert_eq!(plan.rewrite(&nal, &header), without);
    }
}
