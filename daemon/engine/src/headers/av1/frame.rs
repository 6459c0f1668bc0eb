// SPDX-License-Identifier: BSD-2-Clause
//! `uncompressed_header()` (section 5.9.2) of a frame OBU.

use super::check::{Layout, ensure};
use super::{HeaderError, Slot, grain, motion, params, tiles};
use v4l2_common::av1::{
    IDENTITY_MOTION, NUM_REF_FRAMES, PRIMARY_REF_NONE, REFS_PER_FRAME, coded_lossless,
    skip_mode_frames,
};
use v4l2_common::bits::BitWriter;
use v4l2_common::picture::Av1Controls;
use v4l2_common::uapi::av1::*;

/// One frame header to write.
pub(super) struct Frame<'a> {
    pub controls: &'a Av1Controls,
    pub layout: &'a Layout<'a>,
    /// The decoder's slots before this frame.
    pub slots: &'a [Option<Slot>; NUM_REF_FRAMES],
    /// `ref_frame_idx`: the decoder's slots; each holds something if the frame is not intra.
    pub references: [u8; REFS_PER_FRAME],
    /// `refresh_frame_flags`; 0xff where that is implied.
    pub refresh: u8,
}

/// A frame header.
pub(super) struct Written {
    /// `frame_header_obu()` and `byte_alignment()`.
    pub header: Vec<u8>,
    /// `gm_params`
    pub motion: [[i32; 6]; 8],
}

impl Frame<'_> {
    /// Writes the header.
    pub fn write(&self) -> Result<Written, HeaderError> {
        let (frame, layout) = (&self.controls.frame, self.layout);
        let mut writer = BitWriter::new();
        let w = &mut writer;
        self.begin(w);
        if layout.intra {
            self.frame_size(w);
            if layout.flag(V4L2_AV1_FRAME_FLAG_ALLOW_SCREEN_CONTENT_TOOLS) && !layout.superres() {
                w.bit(layout.flag(V4L2_AV1_FRAME_FLAG_ALLOW_INTRABC));
            }
        } else {
            self.inter(w);
        }
        if !layout.flag(V4L2_AV1_FRAME_FLAG_DISABLE_CDF_UPDATE) {
            w.bit(layout.flag(V4L2_AV1_FRAME_FLAG_DISABLE_FRAME_END_UPDATE_CDF));
        }
        tiles::tile_info(w, &frame.tile_info, layout)?;
        params::quantization(w, &frame.quantization, layout.mono_chrome);
        params::segmentation(w, &frame.segmentation, layout.primary_ref_frame)?;
        let allow_intrabc = layout.flag(V4L2_AV1_FRAME_FLAG_ALLOW_INTRABC);
        params::deltas(w, frame, allow_intrabc)?;
        let lossless = coded_lossless(frame, layout.mono_chrome);
        if !lossless && !allow_intrabc {
            params::loop_filter(w, &frame.loop_filter, layout.mono_chrome);
            if self.controls.sequence.flags & V4L2_AV1_SEQUENCE_FLAG_ENABLE_CDEF != 0 {
                params::cdef(w, &frame.cdef, layout.mono_chrome);
            }
        }
        let all_lossless = lossless && !layout.superres();
        if !all_lossless && !allow_intrabc {
            params::loop_restoration(w, &frame.loop_restoration, layout)?;
        }
        if !lossless {
            ensure(frame.tx_mode != V4L2_AV1_TX_MODE_ONLY_4X4, || {
                "tx_mode ONLY_4X4 in a lossy frame".into()
            })?;
            w.bit(frame.tx_mode == V4L2_AV1_TX_MODE_SELECT);
        }
        let motion = if layout.intra {
            w.bit(layout.flag(V4L2_AV1_FRAME_FLAG_REDUCED_TX_SET));
            [IDENTITY_MOTION; 8]
        } else {
            self.prediction(w)?
        };
        if layout.flag(V4L2_AV1_FRAME_FLAG_SHOW_FRAME)
            || layout.flag(V4L2_AV1_FRAME_FLAG_SHOWABLE_FRAME)
        {
            grain::film_grain(
                w,
                self.controls.film_grain.as_deref(),
                frame.frame_type,
                layout,
            )?;
        }
        w.byte_align();
        Ok(Written {
            header: writer.finish(),
            motion,
        })
    }

    /// From the start to the references.
    fn begin(&self, w: &mut BitWriter) {
        let (frame, layout) = (&self.controls.frame, self.layout);
        let show_frame = layout.flag(V4L2_AV1_FRAME_FLAG_SHOW_FRAME);
        let key = frame.frame_type == V4L2_AV1_KEY_FRAME;
        let switch = frame.frame_type == V4L2_AV1_SWITCH_FRAME;
        // Error resilience and refreshing all slots are implied.
        let implied = switch || (key && show_frame);
        w.bit(false); // show_existing_frame
        w.bits(frame.frame_type, 2);
        w.bit(show_frame);
        if !show_frame {
            w.bit(layout.flag(V4L2_AV1_FRAME_FLAG_SHOWABLE_FRAME));
        }
        if !implied {
            w.bit(layout.error_resilient);
        }
        w.bit(layout.flag(V4L2_AV1_FRAME_FLAG_DISABLE_CDF_UPDATE));
        let tools = layout.flag(V4L2_AV1_FRAME_FLAG_ALLOW_SCREEN_CONTENT_TOOLS);
        w.bit(tools);
        if tools {
            w.bit(layout.flag(V4L2_AV1_FRAME_FLAG_FORCE_INTEGER_MV));
        }
        if !switch {
            w.bit(true); // frame_size_override_flag
        }
        w.bits(frame.order_hint, u32::from(layout.order_hint_bits));
        if !layout.intra && !layout.error_resilient {
            w.bits(u32::from(layout.primary_ref_frame), 3);
        }
        if !implied {
            w.bits(u32::from(self.refresh), 8);
        }
        let names_hints = !layout.intra || self.refresh != 0xff;
        if names_hints && layout.error_resilient && layout.order_hint_bits > 0 {
            for slot in self.slots {
                let hint = slot.as_ref().map_or(0, |slot| slot.order_hint);
                w.bits(hint, u32::from(layout.order_hint_bits)); // ref_order_hint
            }
        }
    }

    /// References, size and motion vector syntax of an inter or switch frame.
    fn inter(&self, w: &mut BitWriter) {
        let (frame, layout) = (&self.controls.frame, self.layout);
        if layout.order_hint_bits > 0 {
            w.bit(false); // frame_refs_short_signaling
        }
        for index in self.references {
            w.bits(u32::from(index), 3);
        }
        if !layout.error_resilient {
            w.bits(0, REFS_PER_FRAME as u32); // found_ref: the size is stated
        }
        self.frame_size(w);
        if !layout.flag(V4L2_AV1_FRAME_FLAG_FORCE_INTEGER_MV) {
            w.bit(layout.flag(V4L2_AV1_FRAME_FLAG_ALLOW_HIGH_PRECISION_MV));
        }
        let switchable = frame.interpolation_filter == V4L2_AV1_INTERPOLATION_FILTER_SWITCHABLE;
        w.bit(switchable);
        if !switchable {
            w.bits(frame.interpolation_filter, 2);
        }
        w.bit(layout.flag(V4L2_AV1_FRAME_FLAG_IS_MOTION_MODE_SWITCHABLE));
        if !layout.error_resilient && layout.order_hint_bits > 0 {
            w.bit(layout.flag(V4L2_AV1_FRAME_FLAG_USE_REF_FRAME_MVS));
        }
    }

    /// `frame_size()` and `render_size()`.
    fn frame_size(&self, w: &mut BitWriter) {
        let layout = self.layout;
        w.bits(layout.upscaled_width.saturating_sub(1), 16);
        w.bits(layout.height.saturating_sub(1), 16);
        let use_superres = layout.superres_denom > 8;
        w.bit(use_superres);
        if use_superres {
            w.bits(layout.superres_denom - 9, 3);
        }
        w.bit(false); // render_and_frame_size_different
    }

    /// From `frame_reference_mode()` to `global_motion_params()` of an inter frame.
    fn prediction(&self, w: &mut BitWriter) -> Result<[[i32; 6]; 8], HeaderError> {
        let (frame, layout) = (&self.controls.frame, self.layout);
        let slot = |index: u8| self.slots.get(usize::from(index)).and_then(Option::as_ref);
        let reference_select = layout.flag(V4L2_AV1_FRAME_FLAG_REFERENCE_SELECT);
        w.bit(reference_select);
        let hints = self
            .references
            .map(|index| slot(index).map(|slot| slot.order_hint));
        let skip_mode_allowed = reference_select
            && skip_mode_frames(layout.order_hint_bits, frame.order_hint, &hints).is_some();
        let skip_mode_present = layout.flag(V4L2_AV1_FRAME_FLAG_SKIP_MODE_PRESENT);
        ensure(skip_mode_allowed || !skip_mode_present, || {
            format!(
                "skip mode with order hint {} and references {hints:?}",
                frame.order_hint
            )
        })?;
        if skip_mode_allowed {
            w.bit(skip_mode_present);
        }
        if !layout.error_resilient {
            w.bit(layout.flag(V4L2_AV1_FRAME_FLAG_ALLOW_WARPED_MOTION));
        }
        w.bit(layout.flag(V4L2_AV1_FRAME_FLAG_REDUCED_TX_SET));
        let previous = match layout.primary_ref_frame {
            PRIMARY_REF_NONE => None,
            primary => self
                .references
                .get(usize::from(primary))
                .and_then(|&index| slot(index)),
        };
        let previous = previous.map_or([IDENTITY_MOTION; 8], |slot| slot.motion);
        let high_precision = layout.flag(V4L2_AV1_FRAME_FLAG_ALLOW_HIGH_PRECISION_MV);
        motion::global_motion(w, &frame.global_motion, &previous, high_precision)
    }
}
