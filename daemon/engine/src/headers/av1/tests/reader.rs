// SPDX-License-Identifier: BSD-2-Clause
//! Reads temporal units back: sections 5.5 to 5.11 in reading direction, with a decoder's saved state.

use v4l2_common::av1::*;
use v4l2_common::bits::BitReader;
use v4l2_common::uapi::av1::*;

/// A slot of the decoder that is read for.
#[derive(Clone, Debug, Default)]
pub(super) struct Saved {
    pub timestamp: u64,
    pub order_hint: u32,
    pub motion: [[i32; 6]; 8],
}

/// What a unit said, in the form of controls.
#[derive(Debug)]
pub(super) struct Parsed {
    pub frame: v4l2_ctrl_av1_frame,
    pub grain: Option<v4l2_ctrl_av1_film_grain>,
    pub tiles: Vec<Vec<u8>>,
    /// Timestamps of the references of an inter frame.
    pub references: Option<[u64; 7]>,
}

#[derive(Default)]
pub(super) struct Reader {
    pub sequence: v4l2_ctrl_av1_sequence,
    pub slots: [Saved; 8],
    pub shown_again: usize,
}

fn flag(r: &mut BitReader<'_>) -> bool {
    r.bit().unwrap()
}

fn bits(r: &mut BitReader<'_>, n: u32) -> u32 {
    r.bits(n).unwrap()
}

impl Reader {
    /// Reads one temporal unit, which must hold nothing behind its frame.
    pub fn unit(&mut self, data: &[u8], timestamp: u64) -> Option<Parsed> {
        let mut parsed = None;
        let mut at = 0;
        assert_eq!(data[..2], [0x12, 0], "temporal delimiter");
        while at < data.len() {
            let kind = data[at] >> 3;
            assert_eq!(data[at] & 0x87, 2, "a size field, no extension");
            at += 1;
            let (mut size, mut shift) = (0, 0);
            loop {
                size |= usize::from(data[at] & 0x7f) << shift;
                shift += 7;
                at += 1;
                if data[at - 1] & 0x80 == 0 {
                    break;
                }
            }
            let payload = &data[at..at + size];
            at += size;
            match kind {
                1 => self.sequence(payload),
                2 => assert_eq!(size, 0),
                3 => {
                    assert_eq!(payload[0] >> 7, 1, "show_existing_frame");
                    let index = usize::from(payload[0] >> 4 & 7);
                    self.slots = std::array::from_fn(|_| self.slots[index].clone());
                    self.shown_again += 1;
                }
                6 => parsed = Some(self.frame(payload, timestamp)),
                other => panic!("OBU type {other}"),
            }
        }
        parsed
    }

    fn sequence(&mut self, payload: &[u8]) {
        let r = &mut BitReader::new(payload);
        assert_eq!(
            bits(r, 3 + 1 + 1 + 1 + 1 + 5 + 12),
            0,
            "profile 0, one operating point, nothing optional"
        );
        assert_eq!(bits(r, 6), 63, "seq_level_idx, seq_tier");
        assert_eq!(
            (bits(r, 8), bits(r, 32)),
            (0xff, u32::MAX),
            "16 bits for sizes, the largest"
        );
        assert!(!flag(r), "frame ids");
        let mut flags = 0;
        let mut read = |r: &mut BitReader<'_>, bit: u32| {
            let on = flag(r);
            flags |= if on { bit } else { 0 };
            on
        };
        read(r, V4L2_AV1_SEQUENCE_FLAG_USE_128X128_SUPERBLOCK);
        read(r, V4L2_AV1_SEQUENCE_FLAG_ENABLE_FILTER_INTRA);
        read(r, V4L2_AV1_SEQUENCE_FLAG_ENABLE_INTRA_EDGE_FILTER);
        read(r, V4L2_AV1_SEQUENCE_FLAG_ENABLE_INTERINTRA_COMPOUND);
        read(r, V4L2_AV1_SEQUENCE_FLAG_ENABLE_MASKED_COMPOUND);
        read(r, V4L2_AV1_SEQUENCE_FLAG_ENABLE_WARPED_MOTION);
        read(r, V4L2_AV1_SEQUENCE_FLAG_ENABLE_DUAL_FILTER);
        let hints = read(r, V4L2_AV1_SEQUENCE_FLAG_ENABLE_ORDER_HINT);
        if hints {
            read(r, V4L2_AV1_SEQUENCE_FLAG_ENABLE_JNT_COMP);
            read(r, V4L2_AV1_SEQUENCE_FLAG_ENABLE_REF_FRAME_MVS);
        }
        assert_eq!(
            bits(r, 2),
            3,
            "screen content tools and integer vectors by frame"
        );
        self.sequence = v4l2_ctrl_av1_sequence {
            order_hint_bits: 0,
            ..Default::default()
        };
        if hints {
            self.sequence.order_hint_bits = bits(r, 3) as u8 + 1;
        }
        read(r, V4L2_AV1_SEQUENCE_FLAG_ENABLE_SUPERRES);
        read(r, V4L2_AV1_SEQUENCE_FLAG_ENABLE_CDEF);
        read(r, V4L2_AV1_SEQUENCE_FLAG_ENABLE_RESTORATION);
        self.sequence.bit_depth = if flag(r) { 10 } else { 8 };
        let mono = read(r, V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME);
        assert_eq!(bits(r, 2), 0, "colour description, range");
        if !mono {
            assert_eq!(bits(r, 2), 0, "chroma_sample_position");
            read(r, V4L2_AV1_SEQUENCE_FLAG_SEPARATE_UV_DELTA_Q);
        }
        read(r, V4L2_AV1_SEQUENCE_FLAG_FILM_GRAIN_PARAMS_PRESENT);
        self.sequence.flags = flags;
        trailing(r, payload);
    }

    fn frame(&mut self, payload: &[u8], timestamp: u64) -> Parsed {
        let r = &mut BitReader::new(payload);
        let sequence = self.sequence;
        let sb128 = sequence.flags & V4L2_AV1_SEQUENCE_FLAG_USE_128X128_SUPERBLOCK != 0;
        let mono = sequence.flags & V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME != 0;
        let hint_bits = u32::from(sequence.order_hint_bits);
        let mut f = v4l2_ctrl_av1_frame::default();
        let mut set = |on: bool, bit: u32| -> bool {
            f.flags |= if on { bit } else { 0 };
            on
        };
        assert!(!flag(r), "show_existing_frame");
        f.frame_type = bits(r, 2);
        let (key, switch) = (
            f.frame_type == V4L2_AV1_KEY_FRAME,
            f.frame_type == V4L2_AV1_SWITCH_FRAME,
        );
        let intra = key || f.frame_type == V4L2_AV1_INTRA_ONLY_FRAME;
        let show = set(flag(r), V4L2_AV1_FRAME_FLAG_SHOW_FRAME);
        let showable = set(
            if show { !key } else { flag(r) },
            V4L2_AV1_FRAME_FLAG_SHOWABLE_FRAME,
        );
        let implied = switch || (key && show);
        let resilient = set(implied || flag(r), V4L2_AV1_FRAME_FLAG_ERROR_RESILIENT_MODE);
        let no_cdf_update = set(flag(r), V4L2_AV1_FRAME_FLAG_DISABLE_CDF_UPDATE);
        let tools = set(flag(r), V4L2_AV1_FRAME_FLAG_ALLOW_SCREEN_CONTENT_TOOLS);
        let integer = set(tools && flag(r), V4L2_AV1_FRAME_FLAG_FORCE_INTEGER_MV);
        assert!(switch || flag(r), "frame_size_override_flag");
        f.order_hint = bits(r, hint_bits);
        f.primary_ref_frame = if intra || resilient {
            7
        } else {
            bits(r, 3) as u8
        };
        f.refresh_frame_flags = if implied { 0xff } else { bits(r, 8) as u8 };
        if (!intra || f.refresh_frame_flags != 0xff) && resilient && hint_bits > 0 {
            for slot in &self.slots {
                assert_eq!(bits(r, hint_bits), slot.order_hint, "ref_order_hint");
            }
        }
        let mut references = [0usize; 7];
        if !intra {
            assert!(hint_bits == 0 || !flag(r), "frame_refs_short_signaling");
            references = references.map(|_| bits(r, 3) as usize);
            assert!(resilient || bits(r, 7) == 0, "found_ref");
        }
        f.upscaled_width = bits(r, 16) + 1;
        f.frame_height_minus_1 = bits(r, 16);
        let superres = set(flag(r), V4L2_AV1_FRAME_FLAG_USE_SUPERRES);
        f.superres_denom = if superres { bits(r, 3) as u8 + 9 } else { 8 };
        let denom = u32::from(f.superres_denom);
        let width = (f.upscaled_width * 8 + denom / 2) / denom;
        f.frame_width_minus_1 = width - 1;
        f.render_width_minus_1 = (f.upscaled_width - 1) as u16;
        f.render_height_minus_1 = f.frame_height_minus_1 as u16;
        assert!(!flag(r), "render_and_frame_size_different");
        let mut intrabc = false;
        let mut precise = false;
        if intra {
            intrabc = tools && f.upscaled_width == width && flag(r);
            set(intrabc, V4L2_AV1_FRAME_FLAG_ALLOW_INTRABC);
        } else {
            precise = set(
                !integer && flag(r),
                V4L2_AV1_FRAME_FLAG_ALLOW_HIGH_PRECISION_MV,
            );
            f.interpolation_filter = if flag(r) { 4 } else { bits(r, 2) };
            set(flag(r), V4L2_AV1_FRAME_FLAG_IS_MOTION_MODE_SWITCHABLE);
            set(
                !resilient && hint_bits > 0 && flag(r),
                V4L2_AV1_FRAME_FLAG_USE_REF_FRAME_MVS,
            );
        }
        set(
            !no_cdf_update && flag(r),
            V4L2_AV1_FRAME_FLAG_DISABLE_FRAME_END_UPDATE_CDF,
        );
        f.tile_info = super::reader_parts::tile_info(r, width, f.frame_height_minus_1 + 1, sb128);
        super::reader_parts::quantization(r, &mut f, mono);
        super::reader_parts::segmentation(r, &mut f.segmentation, f.primary_ref_frame);
        super::reader_parts::deltas(r, &mut f, intrabc);
        let lossless = super::reader_parts::lossless(&f, mono);
        if !lossless && !intrabc {
            super::reader_parts::loop_filter(r, &mut f.loop_filter, mono);
            if sequence.flags & V4L2_AV1_SEQUENCE_FLAG_ENABLE_CDEF != 0 {
                super::reader_parts::cdef(r, &mut f.cdef, mono);
            }
        }
        let all_lossless = lossless && f.upscaled_width == width;
        if !all_lossless && !intrabc {
            super::reader_parts::restoration(r, &mut f.loop_restoration, mono, sb128);
        }
        f.tx_mode = if lossless { 0 } else { 1 + u32::from(flag(r)) };
        let mut set = |on: bool, bit: u32| -> bool {
            f.flags |= if on { bit } else { 0 };
            on
        };
        let hints = references.map(|index| Some(self.slots[index].order_hint));
        let select = set(!intra && flag(r), V4L2_AV1_FRAME_FLAG_REFERENCE_SELECT);
        let skip =
            skip_mode_frames(sequence.order_hint_bits, f.order_hint, &hints).filter(|_| select);
        set(
            skip.is_some() && flag(r),
            V4L2_AV1_FRAME_FLAG_SKIP_MODE_PRESENT,
        );
        set(
            !intra && !resilient && flag(r),
            V4L2_AV1_FRAME_FLAG_ALLOW_WARPED_MOTION,
        );
        set(flag(r), V4L2_AV1_FRAME_FLAG_REDUCED_TX_SET);
        let previous = match f.primary_ref_frame {
            7 => [IDENTITY_MOTION; 8],
            primary => self.slots[references[usize::from(primary)]].motion,
        };
        f.global_motion.params = [IDENTITY_MOTION; 8];
        if !intra {
            super::reader_parts::global_motion(r, &mut f.global_motion, &previous, precise);
        }
        let grain = (show || showable)
            .then(|| super::reader_parts::grain(r, f.frame_type, mono))
            .flatten();
        r.byte_align();
        let tiles = super::reader_parts::tile_group(&payload[r.position() / 8..], &f.tile_info);

        let timestamps = references.map(|index| self.slots[index].timestamp);
        let saved = Saved {
            timestamp,
            order_hint: f.order_hint,
            motion: f.global_motion.params,
        };
        for (i, slot) in self.slots.iter_mut().enumerate() {
            if f.refresh_frame_flags >> i & 1 == 1 {
                *slot = saved.clone();
            }
        }
        Parsed {
            frame: f,
            grain,
            tiles,
            references: (!intra).then_some(timestamps),
        }
    }
}

/// `trailing_bits()` up to the end.
fn trailing(r: &mut BitReader<'_>, payload: &[u8]) {
    assert!(flag(r));
    while r.remaining() > 0 {
        assert!(!flag(r), "in {payload:?}");
    }
}
