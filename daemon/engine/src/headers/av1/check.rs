// SPDX-License-Identifier: BSD-2-Clause
//! What must hold before a header is written: every value fits its syntax element, every tile lies in the data.

use super::HeaderError;
use v4l2_common::av1::{SUPERRES_NUM, TileLimits, coded_width};
use v4l2_common::picture::Av1Controls;
use v4l2_common::uapi::av1::*;

/// Largest frame width and height that the engine decodes, in samples.
pub(super) const MAX_FRAME_SIZE: u32 = 8192;

pub(super) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), HeaderError> {
    if holds {
        Ok(())
    } else {
        Err(HeaderError::Invalid(what()))
    }
}

/// A checked frame: sizes, tiles and the flags that the writers share.
pub(super) struct Layout<'a> {
    controls: &'a Av1Controls,
    /// `UpscaledWidth`
    pub upscaled_width: u32,
    /// `FrameHeight`
    pub height: u32,
    /// `SuperresDenom`; 8 without super-resolution.
    pub superres_denom: u32,
    pub limits: TileLimits,
    /// `FrameIsIntra`
    pub intra: bool,
    pub mono_chrome: bool,
    /// `OrderHintBits`; 0 without order hints.
    pub order_hint_bits: u8,
    /// `error_resilient_mode`, implied or coded.
    pub error_resilient: bool,
    /// `PRIMARY_REF_NONE` where it is implied.
    pub primary_ref_frame: u8,
    /// Byte ranges in the bitstream, in tile order.
    pub tiles: Vec<(usize, usize)>,
}

impl<'a> Layout<'a> {
    pub fn new(controls: &'a Av1Controls, bitstream: &[u8]) -> Result<Self, HeaderError> {
        let (sequence, frame) = (&controls.sequence, &controls.frame);
        let flag = |flag: u32| frame.flags & flag != 0;
        let sequence_flag = |flag: u32| sequence.flags & flag != 0;
        let mono_chrome = sequence_flag(V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME);
        ensure(sequence.seq_profile == 0, || {
            format!("seq_profile {}", sequence.seq_profile)
        })?;
        ensure(matches!(sequence.bit_depth, 8 | 10), || {
            format!("bit_depth {}", sequence.bit_depth)
        })?;
        let subsampling =
            V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_X | V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_Y;
        ensure(
            mono_chrome || sequence.flags & subsampling == subsampling,
            || "chroma is not 4:2:0".into(),
        )?;
        let order_hint_bits = match sequence_flag(V4L2_AV1_SEQUENCE_FLAG_ENABLE_ORDER_HINT) {
            false => 0,
            true => sequence.order_hint_bits,
        };
        ensure(order_hint_bits <= 8, || {
            format!("order_hint_bits {order_hint_bits}")
        })?;
        ensure(
            order_hint_bits > 0 || !sequence_flag(V4L2_AV1_SEQUENCE_FLAG_ENABLE_ORDER_HINT),
            || "order hints of 0 bits".into(),
        )?;
        ensure(frame.order_hint >> order_hint_bits == 0, || {
            format!("order_hint {} of {order_hint_bits} bits", frame.order_hint)
        })?;
        ensure(frame.frame_type <= V4L2_AV1_SWITCH_FRAME, || {
            format!("frame_type {}", frame.frame_type)
        })?;
        let intra = matches!(
            frame.frame_type,
            V4L2_AV1_KEY_FRAME | V4L2_AV1_INTRA_ONLY_FRAME
        );
        let shown_key =
            frame.frame_type == V4L2_AV1_KEY_FRAME && flag(V4L2_AV1_FRAME_FLAG_SHOW_FRAME);
        let error_resilient = shown_key
            || frame.frame_type == V4L2_AV1_SWITCH_FRAME
            || flag(V4L2_AV1_FRAME_FLAG_ERROR_RESILIENT_MODE);
        let primary_ref_frame = if intra || error_resilient {
            7
        } else {
            frame.primary_ref_frame
        };
        ensure(primary_ref_frame <= 7, || {
            format!("primary_ref_frame {primary_ref_frame}")
        })?;

        let superres_denom = match flag(V4L2_AV1_FRAME_FLAG_USE_SUPERRES) {
            false => SUPERRES_NUM,
            true => u32::from(frame.superres_denom),
        };
        ensure((SUPERRES_NUM..=16).contains(&superres_denom), || {
            format!("superres_denom {superres_denom}")
        })?;
        // A client that leaves upscaled_width zero means it with frame_width_minus_1.
        let upscaled_width = match frame.upscaled_width {
            0 => frame.frame_width_minus_1.saturating_add(1),
            width => width,
        };
        let height = frame.frame_height_minus_1.saturating_add(1);
        ensure(
            upscaled_width <= MAX_FRAME_SIZE && height <= MAX_FRAME_SIZE,
            || {
                format!(
                    "frame of {upscaled_width}x{height}, the limit is {MAX_FRAME_SIZE}x{MAX_FRAME_SIZE}"
                )
            },
        )?;
        let width = coded_width(upscaled_width, superres_denom);
        let limits = TileLimits::new(
            width,
            height,
            sequence_flag(V4L2_AV1_SEQUENCE_FLAG_USE_128X128_SUPERBLOCK),
        );
        let layout = Self {
            controls,
            upscaled_width,
            height,
            superres_denom,
            limits,
            intra,
            mono_chrome,
            order_hint_bits,
            error_resilient,
            primary_ref_frame,
            tiles: tiles(controls, bitstream)?,
        };
        layout.flags_agree()?;
        layout.ranges()?;
        Ok(layout)
    }

    /// `V4L2_AV1_FRAME_FLAG_*`
    pub fn flag(&self, flag: u32) -> bool {
        self.controls.frame.flags & flag != 0
    }

    /// `FrameWidth != UpscaledWidth`
    pub fn superres(&self) -> bool {
        coded_width(self.upscaled_width, self.superres_denom) != self.upscaled_width
    }

    /// Flags that have no syntax here would silently be lost.
    fn flags_agree(&self) -> Result<(), HeaderError> {
        let tools = self.flag(V4L2_AV1_FRAME_FLAG_ALLOW_SCREEN_CONTENT_TOOLS);
        let integer = self.flag(V4L2_AV1_FRAME_FLAG_FORCE_INTEGER_MV);
        let disagree = [
            (
                V4L2_AV1_FRAME_FLAG_ALLOW_INTRABC,
                self.intra && tools && !self.superres(),
            ),
            (V4L2_AV1_FRAME_FLAG_FORCE_INTEGER_MV, self.intra || tools),
            (
                V4L2_AV1_FRAME_FLAG_ALLOW_HIGH_PRECISION_MV,
                self.intra || !integer,
            ),
            (
                V4L2_AV1_FRAME_FLAG_USE_REF_FRAME_MVS,
                !self.intra && !self.error_resilient && self.order_hint_bits > 0,
            ),
            (
                V4L2_AV1_FRAME_FLAG_ALLOW_WARPED_MOTION,
                self.intra || !self.error_resilient,
            ),
        ]
        .into_iter()
        .find(|&(flag, allowed)| self.flag(flag) && !allowed);
        match disagree {
            None => Ok(()),
            Some((flag, _)) => Err(HeaderError::Invalid(format!(
                "frame flag {flag:#x} is set where the syntax has no place for it (flags {:#x}, frame_type {})",
                self.controls.frame.flags, self.controls.frame.frame_type
            ))),
        }
    }

    fn ranges(&self) -> Result<(), HeaderError> {
        let frame = &self.controls.frame;
        let range = |name: &str, value: i64, low: i64, high: i64| {
            ensure((low..=high).contains(&value), || format!("{name} {value}"))
        };
        range(
            "interpolation_filter",
            frame.interpolation_filter.into(),
            0,
            4,
        )?;
        range("tx_mode", frame.tx_mode.into(), 0, 2)?;
        let q = &frame.quantization;
        for delta in [
            q.delta_q_y_dc,
            q.delta_q_u_dc,
            q.delta_q_u_ac,
            q.delta_q_v_dc,
            q.delta_q_v_ac,
        ] {
            range("delta_q", delta.into(), -64, 63)?;
        }
        if q.flags & V4L2_AV1_QUANTIZATION_FLAG_USING_QMATRIX != 0 {
            [q.qm_y, q.qm_u, q.qm_v]
                .iter()
                .try_for_each(|&qm| range("qm", qm.into(), 0, 15))?;
        }
        range("delta_q_res", q.delta_q_res.into(), 0, 3)?;
        let lf = &frame.loop_filter;
        lf.level
            .iter()
            .try_for_each(|&level| range("loop_filter_level", level.into(), 0, 63))?;
        range("loop_filter_sharpness", lf.sharpness.into(), 0, 7)?;
        range("delta_lf_res", lf.delta_lf_res.into(), 0, 3)?;
        if lf.flags & V4L2_AV1_LOOP_FILTER_FLAG_DELTA_ENABLED != 0 {
            for &delta in lf.ref_deltas.iter().chain(&lf.mode_deltas) {
                range("loop filter delta", delta.into(), -64, 63)?;
            }
        }
        let cdef = &frame.cdef;
        range("cdef_damping_minus_3", cdef.damping_minus_3.into(), 0, 3)?;
        range("cdef_bits", cdef.bits.into(), 0, 3)?;
        for &strength in cdef.y_pri_strength.iter().chain(&cdef.uv_pri_strength) {
            range("cdef primary strength", strength.into(), 0, 15)?;
        }
        for &strength in cdef.y_sec_strength.iter().chain(&cdef.uv_sec_strength) {
            range("cdef secondary strength", strength.into(), 0, 4)?;
        }
        for restoration in frame.loop_restoration.frame_restoration_type {
            range("frame_restoration_type", restoration.into(), 0, 3)?;
        }
        for kind in frame.global_motion.r#type {
            range("global motion type", kind.into(), 0, 3)?;
        }
        Ok(())
    }
}

/// Byte ranges of the tiles in tile order; every tile exactly once.
fn tiles(controls: &Av1Controls, bitstream: &[u8]) -> Result<Vec<(usize, usize)>, HeaderError> {
    let info = &controls.frame.tile_info;
    let (cols, rows) = (usize::from(info.tile_cols), usize::from(info.tile_rows));
    ensure(
        (1..=V4L2_AV1_MAX_TILE_COLS).contains(&cols)
            && (1..=V4L2_AV1_MAX_TILE_ROWS).contains(&rows),
        || format!("{cols} x {rows} tiles"),
    )?;
    let entries = &controls.tile_group_entries;
    ensure(entries.len() == cols * rows, || {
        format!("{} tile entries for {cols} x {rows} tiles", entries.len())
    })?;
    let mut tiles = vec![(0usize, 0usize); cols * rows];
    let mut total = 0usize;
    for entry in entries {
        let (row, col) = (entry.tile_row as usize, entry.tile_col as usize);
        ensure(row < rows && col < cols, || {
            format!("tile ({row}, {col}) of {rows} rows, {cols} columns")
        })?;
        let (start, size) = (entry.tile_offset as usize, entry.tile_size as usize);
        let end = start
            .checked_add(size)
            .filter(|&end| end <= bitstream.len() && size > 0);
        let Some(end) = end else {
            return Err(HeaderError::Invalid(format!(
                "tile ({row}, {col}): {size} bytes at {start} of {} bytes",
                bitstream.len()
            )));
        };
        let Some(tile) = tiles.get_mut(row * cols + col).filter(|tile| tile.1 == 0) else {
            return Err(HeaderError::Invalid(format!(
                "tile ({row}, {col}) is there twice"
            )));
        };
        *tile = (start, end);
        total = total.saturating_add(size);
    }
    // Overlapping tiles would let a small buffer grow by the number of tiles.
    ensure(total <= bitstream.len(), || {
        format!("{total} bytes of tiles in {} bytes", bitstream.len())
    })?;
    Ok(tiles)
}

/// A reference may be at most twice as large and a sixteenth as small as the frame (section 7.9.3, 7.11.3.3).
pub(super) fn scaling(
    layout: &Layout<'_>,
    name: &str,
    width: u32,
    height: u32,
) -> Result<(), HeaderError> {
    let frame_width = coded_width(layout.upscaled_width, layout.superres_denom);
    let fits = |frame: u32, reference: u32| 2 * frame >= reference && frame <= 16 * reference;
    ensure(
        fits(frame_width, width) && fits(layout.height, height),
        || {
            format!(
                "{name}_FRAME of {width}x{height} cannot be scaled to {frame_width}x{}",
                layout.height
            )
        },
    )
}
