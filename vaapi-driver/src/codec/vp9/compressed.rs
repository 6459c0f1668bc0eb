// SPDX-License-Identifier: BSD-2-Clause
//! The compressed header (VP9 specification, clause 6.3) as `v4l2_ctrl_vp9_compressed_hdr`.
//!
//! V4L2 takes probability updates, not probabilities: 0 where the header updates nothing, else `inv_map_table[delta]`
//! (clause 6.3.5), and for motion vectors the new probability itself.

use super::bool_decoder::BoolDecoder;
use v4l2_common::uapi::vp9::*;

/// Probability that an update flag is 0 (`diff_update_prob` and `update_mv_prob`).
const NO_UPDATE: u8 = 252;

/// What of the uncompressed header the compressed one depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dependencies {
    /// `Lossless`
    pub lossless: bool,
    /// `FrameIsIntra`
    pub intra: bool,
    /// `interpolation_filter == SWITCHABLE`
    pub switchable_filter: bool,
    /// `allow_high_precision_mv`
    pub high_precision_mv: bool,
    /// The three references do not all have the same sign bias (`compoundReferenceAllowed`).
    pub compound_allowed: bool,
}

/// A parsed compressed header.
#[derive(Clone, Debug)]
pub(super) struct CompressedHeader {
    /// The V4L2 control.
    pub control: v4l2_ctrl_vp9_compressed_hdr,
    /// `V4L2_VP9_REFERENCE_MODE_*`; single for intra frames.
    pub reference_mode: u8,
    /// Bits of the data that the header took; more than there are if it is truncated.
    #[cfg_attr(not(test), allow(dead_code))]
    pub consumed_bits: usize,
}

/// Parses `data`, which is `header_size_in_bytes` long. `None`: empty, or the marker bit is set.
pub(super) fn parse(data: &[u8], depends: &Dependencies) -> Option<CompressedHeader> {
    let mut decoder = BoolDecoder::new(data)?;
    let mut control = v4l2_ctrl_vp9_compressed_hdr {
        tx_mode: read_tx_mode(&mut decoder, depends.lossless),
        ..Default::default()
    };
    if control.tx_mode == V4L2_VP9_TX_MODE_SELECT {
        diff_updates(&mut decoder, control.tx8.as_flattened_mut());
        diff_updates(&mut decoder, control.tx16.as_flattened_mut());
        diff_updates(&mut decoder, control.tx32.as_flattened_mut());
    }
    read_coef_probs(&mut decoder, &mut control);
    diff_updates(&mut decoder, &mut control.skip);
    let mut reference_mode = V4L2_VP9_REFERENCE_MODE_SINGLE_REFERENCE;
    if !depends.intra {
        diff_updates(&mut decoder, control.inter_mode.as_flattened_mut());
        if depends.switchable_filter {
            diff_updates(&mut decoder, control.interp_filter.as_flattened_mut());
        }
        diff_updates(&mut decoder, &mut control.is_inter);
        reference_mode = read_reference_mode(&mut decoder, depends.compound_allowed);
        if reference_mode == V4L2_VP9_REFERENCE_MODE_SELECT {
            diff_updates(&mut decoder, &mut control.comp_mode);
        }
        if reference_mode != V4L2_VP9_REFERENCE_MODE_COMPOUND_REFERENCE {
            diff_updates(&mut decoder, control.single_ref.as_flattened_mut());
        }
        if reference_mode != V4L2_VP9_REFERENCE_MODE_SINGLE_REFERENCE {
            diff_updates(&mut decoder, &mut control.comp_ref);
        }
        diff_updates(&mut decoder, control.y_mode.as_flattened_mut());
        diff_updates(&mut decoder, control.partition.as_flattened_mut());
        read_mv_probs(&mut decoder, &mut control.mv, depends.high_precision_mv);
    }
    Some(CompressedHeader {
        control,
        reference_mode,
        consumed_bits: decoder.consumed_bits(),
    })
}

/// `read_tx_mode()`, clause 6.3.1.
fn read_tx_mode(decoder: &mut BoolDecoder<'_>, lossless: bool) -> u8 {
    if lossless {
        return V4L2_VP9_TX_MODE_ONLY_4X4;
    }
    match decoder.literal(2) {
        V4L2_VP9_TX_MODE_ALLOW_32X32 => V4L2_VP9_TX_MODE_ALLOW_32X32 + decoder.literal(1),
        mode => mode,
    }
}

/// `read_coef_probs()`, clause 6.3.7: per transform size, up to the largest that the mode allows.
fn read_coef_probs(decoder: &mut BoolDecoder<'_>, control: &mut v4l2_ctrl_vp9_compressed_hdr) {
    let sizes = usize::from(control.tx_mode.min(V4L2_VP9_TX_MODE_ALLOW_32X32)) + 1;
    for size in control.coef.iter_mut().take(sizes) {
        if decoder.literal(1) == 0 {
            continue;
        }
        for bands in size.as_flattened_mut() {
            for (band, contexts) in bands.iter_mut().enumerate() {
                let used = if band == 0 { 3 } else { 6 };
                contexts
                    .iter_mut()
                    .take(used)
                    .for_each(|probs| diff_updates(decoder, probs));
            }
        }
    }
}

/// `frame_reference_mode()`, clause 6.3.12.
fn read_reference_mode(decoder: &mut BoolDecoder<'_>, compound_allowed: bool) -> u8 {
    if !compound_allowed || decoder.literal(1) == 0 {
        V4L2_VP9_REFERENCE_MODE_SINGLE_REFERENCE
    } else if decoder.literal(1) == 0 {
        V4L2_VP9_REFERENCE_MODE_COMPOUND_REFERENCE
    } else {
        V4L2_VP9_REFERENCE_MODE_SELECT
    }
}

/// `mv_probs()`, clause 6.3.16.
fn read_mv_probs(decoder: &mut BoolDecoder<'_>, mv: &mut v4l2_vp9_mv_probs, high_precision: bool) {
    mv_updates(decoder, &mut mv.joint);
    let components = mv
        .sign
        .iter_mut()
        .zip(&mut mv.classes)
        .zip(&mut mv.class0_bit)
        .zip(&mut mv.bits);
    for (((sign, classes), class0_bit), bits) in components {
        mv_updates(decoder, std::slice::from_mut(sign));
        mv_updates(decoder, classes);
        mv_updates(decoder, std::slice::from_mut(class0_bit));
        mv_updates(decoder, bits);
    }
    for (class0_fr, fr) in mv.class0_fr.iter_mut().zip(&mut mv.fr) {
        mv_updates(decoder, class0_fr.as_flattened_mut());
        mv_updates(decoder, fr);
    }
    if high_precision {
        for (class0_hp, hp) in mv.class0_hp.iter_mut().zip(&mut mv.hp) {
            mv_updates(decoder, std::slice::from_mut(class0_hp));
            mv_updates(decoder, std::slice::from_mut(hp));
        }
    }
}

/// `update_mv_prob()` (clause 6.3.17) of each element.
fn mv_updates(decoder: &mut BoolDecoder<'_>, probs: &mut [u8]) {
    for prob in probs {
        if decoder.bool(NO_UPDATE) {
            *prob = decoder.literal(7) << 1 | 1;
        }
    }
}

/// `diff_update_prob()` (clause 6.3.3) of each element, without the part that needs the old probability.
fn diff_updates(decoder: &mut BoolDecoder<'_>, deltas: &mut [u8]) {
    for delta in deltas {
        if decoder.bool(NO_UPDATE) {
            *delta = inv_map(decode_term_subexp(decoder));
        }
    }
}

/// `decode_term_subexp()`, clause 6.3.4: 0 to 254.
fn decode_term_subexp(decoder: &mut BoolDecoder<'_>) -> u8 {
    if decoder.literal(1) == 0 {
        return decoder.literal(4);
    }
    if decoder.literal(1) == 0 {
        return decoder.literal(4) + 16;
    }
    if decoder.literal(1) == 0 {
        return decoder.literal(5) + 32;
    }
    match decoder.literal(7) {
        v @ 0..=64 => v + 64,
        // At most 2 * 127 - 1 + 1 = 254.
        v => (v << 1) - 1 + decoder.literal(1),
    }
}

/// `inv_map_table[]` of clause 6.3.5: first the 20 values 7, 20, .. 254, then all others in order, and 253 again.
fn inv_map(index: u8) -> u8 {
    if index < 20 {
        return 7 + 13 * index;
    }
    let rank = index - 20;
    // Of each 13 values one is in the first part; 6 others come before the first of them.
    let skipped = (u16::from(rank) + 6) / 12;
    u8::try_from(u16::from(rank) + 1 + skipped)
        .unwrap_or(253)
        .min(253)
}

#[cfg(test)]
mod tests {
    use super::super::bool_decoder::tests::BoolEncoder;
    use super::*;

    #[test]
    fn the_map_is_a_permutation_that_begins_coarse() {
        let map: Vec<u8> = (0..=253).map(inv_map).collect();
        assert_eq!(
            map[..20],
            [
                7, 20, 33, 46, 59, 72, 85, 98, 111, 124, 137, 150, 163, 176, 189, 202, 215, 228,
                241, 254
            ]
        );
        assert_eq!(
            map[20..34],
            [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15]
        );
        let mut sorted = map.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=254).collect::<Vec<u8>>());
        assert_eq!((inv_map(253), inv_map(254)), (253, 253));
    }

    /// Writes one update: 0 writes "no update".
    fn write_diff(encoder: &mut BoolEncoder, delta: u8) {
        encoder.bool(delta != 0, NO_UPDATE);
        if delta == 0 {
            return;
        }
        let code = u32::from((0..=253).find(|&code| inv_map(code) == delta).unwrap());
        match code {
            0..16 => encoder.literal(code, 5),
            16..32 => encoder.literal(0b10 << 4 | (code - 16), 6),
            32..64 => encoder.literal(0b110 << 5 | (code - 32), 8),
            64..129 => encoder.literal(0b111 << 7 | (code - 64), 10),
            _ => encoder.literal(0b111 << 8 | (code + 1), 11),
        }
    }

    fn write_mv(encoder: &mut BoolEncoder, prob: u8) {
        encoder.bool(prob != 0, NO_UPDATE);
        if prob != 0 {
            encoder.literal(u32::from(prob >> 1), 7);
        }
    }

    /// A header with every kind of update, and the control it must become.
    fn sample(depends: &Dependencies) -> (Vec<u8>, v4l2_ctrl_vp9_compressed_hdr) {
        let mut seed = 7u32;
        let mut next = move || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if seed >> 30 == 0 {
                (1 + (seed >> 8) % 254) as u8
            } else {
                0
            }
        };
        let mut e = BoolEncoder::new();
        let mut want = v4l2_ctrl_vp9_compressed_hdr::default();
        let mut deltas = |e: &mut BoolEncoder, values: &mut [u8]| {
            for value in values {
                *value = next();
                write_diff(e, *value);
            }
        };
        want.tx_mode = if depends.lossless {
            0
        } else {
            V4L2_VP9_TX_MODE_SELECT
        };
        if !depends.lossless {
            e.literal(0b111, 3);
            deltas(&mut e, want.tx8.as_flattened_mut());
            deltas(&mut e, want.tx16.as_flattened_mut());
            deltas(&mut e, want.tx32.as_flattened_mut());
        }
        for size in 0..if depends.lossless { 1 } else { 4 } {
            let update = size != 1;
            e.literal(u32::from(update), 1);
            for bands in want.coef[size]
                .as_flattened_mut()
                .iter_mut()
                .filter(|_| update)
            {
                for (band, contexts) in bands.iter_mut().enumerate() {
                    deltas(
                        &mut e,
                        contexts[..if band == 0 { 3 } else { 6 }].as_flattened_mut(),
                    );
                }
            }
        }
        deltas(&mut e, &mut want.skip);
        if !depends.intra {
            deltas(&mut e, want.inter_mode.as_flattened_mut());
            if depends.switchable_filter {
                deltas(&mut e, want.interp_filter.as_flattened_mut());
            }
            deltas(&mut e, &mut want.is_inter);
            if depends.compound_allowed {
                e.literal(0b11, 2);
                deltas(&mut e, &mut want.comp_mode);
            }
            deltas(&mut e, want.single_ref.as_flattened_mut());
            if depends.compound_allowed {
                deltas(&mut e, &mut want.comp_ref);
            }
            deltas(&mut e, want.y_mode.as_flattened_mut());
            deltas(&mut e, want.partition.as_flattened_mut());
            let mv = |e: &mut BoolEncoder, values: &mut [u8]| {
                for (i, value) in values.iter_mut().enumerate() {
                    *value = if i % 2 == 0 { (i as u8) << 4 | 1 } else { 0 };
                    write_mv(e, *value);
                }
            };
            mv(&mut e, &mut want.mv.joint);
            for i in 0..2 {
                mv(&mut e, &mut want.mv.sign[i..=i]);
                mv(&mut e, &mut want.mv.classes[i]);
                mv(&mut e, &mut want.mv.class0_bit[i..=i]);
                mv(&mut e, &mut want.mv.bits[i]);
            }
            for i in 0..2 {
                mv(&mut e, want.mv.class0_fr[i].as_flattened_mut());
                mv(&mut e, &mut want.mv.fr[i]);
            }
            for i in 0..if depends.high_precision_mv { 2 } else { 0 } {
                mv(&mut e, &mut want.mv.class0_hp[i..=i]);
                mv(&mut e, &mut want.mv.hp[i..=i]);
            }
        }
        (e.finish(), want)
    }

    #[test]
    fn every_update_is_read_back() {
        for bits in 0..32u8 {
            let depends = Dependencies {
                lossless: bits & 1 != 0,
                intra: bits & 2 != 0,
                switchable_filter: bits & 4 != 0,
                high_precision_mv: bits & 8 != 0,
                compound_allowed: bits & 16 != 0,
            };
            let (data, want) = sample(&depends);
            let parsed = parse(&data, &depends).unwrap();
            assert_eq!(parsed.control, want, "{depends:?}");
            let mode = if depends.compound_allowed && !depends.intra {
                V4L2_VP9_REFERENCE_MODE_SELECT
            } else {
                0
            };
            assert_eq!(parsed.reference_mode, mode);
            // The encoder flushes one bit more than the decoder holds.
            assert_eq!((parsed.consumed_bits + 1).div_ceil(8), data.len());
        }
    }

    #[test]
    fn truncation_reads_zeros_and_is_seen_in_the_consumption() {
        let depends = Dependencies {
            switchable_filter: true,
            ..Default::default()
        };
        let (data, _) = sample(&depends);
        let cut = parse(&data[..data.len() / 2], &depends).unwrap();
        assert!(cut.consumed_bits > data.len() / 2 * 8);
        assert!(parse(&[], &depends).is_none());
        assert!(parse(&[0x80], &depends).is_none());
    }
}
