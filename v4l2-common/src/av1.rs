// SPDX-License-Identifier: BSD-2-Clause
//! AV1 values that follow from others, for those who make controls and those who read them.
//!
//! Section numbers are those of the AV1 Bitstream & Decoding Process Specification (version 1.0.0, errata 1).

use crate::uapi::av1::*;

/// `NUM_REF_FRAMES`: reference slots.
pub const NUM_REF_FRAMES: usize = 8;
/// `REFS_PER_FRAME`: references that an inter frame names.
pub const REFS_PER_FRAME: usize = 7;
/// `PRIMARY_REF_NONE`
pub const PRIMARY_REF_NONE: u8 = 7;
/// `SUPERRES_NUM`
pub const SUPERRES_NUM: u32 = 8;
/// `SEG_LVL_REF_FRAME`: features from this one on must be known before the skip flag is read.
pub const SEG_LVL_REF_FRAME: usize = 5;
/// `loop_filter_ref_deltas` of `setup_past_independence()` (section 6.8.2), from `INTRA_FRAME` to `ALTREF_FRAME`.
pub const DEFAULT_REF_DELTAS: [i8; 8] = [1, 0, 0, 0, -1, 0, -1, -1];
/// `gm_params` of a reference without global motion: the identity, in units of 1/65536.
pub const IDENTITY_MOTION: [i32; 6] = [0, 0, 1 << 16, 0, 0, 1 << 16];

/// `Segmentation_Feature_Bits` (section 5.9.14).
pub const SEGMENTATION_FEATURE_BITS: [u32; 8] = [8, 6, 6, 6, 6, 3, 0, 0];
/// `Segmentation_Feature_Max`
pub const SEGMENTATION_FEATURE_MAX: [i16; 8] = [255, 63, 63, 63, 63, 7, 0, 0];
/// `Segmentation_Feature_Signed`
pub const SEGMENTATION_FEATURE_SIGNED: [bool; 8] =
    [true, true, true, true, true, false, false, false];

/// `get_relative_dist()` (section 5.9.3): how far hint `a` lies behind hint `b` in output order; 0 without order hints.
pub fn relative_dist(order_hint_bits: u8, a: u32, b: u32) -> i32 {
    if !(1..=8).contains(&order_hint_bits) {
        return 0;
    }
    let m = 1i32 << (order_hint_bits - 1);
    let diff = (a as i32).wrapping_sub(b as i32);
    (diff & (m - 1)) - (diff & m)
}

/// `SkipModeFrame` (section 5.9.22): the two references of skip mode, as `LAST_FRAME`..`ALTREF_FRAME`; `None` where skip
/// mode is not allowed. The caller has checked that the frame is an inter frame with `reference_select`.
///
/// `hints[i]` is the order hint of reference `LAST_FRAME + i`; a missing reference counts as not there.
pub fn skip_mode_frames(
    order_hint_bits: u8,
    order_hint: u32,
    hints: &[Option<u32>; REFS_PER_FRAME],
) -> Option<[u8; 2]> {
    if order_hint_bits == 0 {
        return None;
    }
    let dist = |a, b| relative_dist(order_hint_bits, a, b);
    let present = || {
        hints
            .iter()
            .enumerate()
            .filter_map(|(i, hint)| hint.map(|hint| (i, hint)))
    };
    let mut forward: Option<(usize, u32)> = None;
    let mut backward: Option<(usize, u32)> = None;
    for (i, hint) in present() {
        if dist(hint, order_hint) < 0 {
            if forward.is_none_or(|(_, best)| dist(hint, best) > 0) {
                forward = Some((i, hint));
            }
        } else if dist(hint, order_hint) > 0
            && backward.is_none_or(|(_, best)| dist(hint, best) < 0)
        {
            backward = Some((i, hint));
        }
    }
    let (first, first_hint) = forward?;
    let second = match backward {
        Some((i, _)) => i,
        None => {
            let mut second: Option<(usize, u32)> = None;
            for (i, hint) in present() {
                if dist(hint, first_hint) < 0 && second.is_none_or(|(_, best)| dist(hint, best) > 0)
                {
                    second = Some((i, hint));
                }
            }
            second?.0
        }
    };
    Some([1 + first.min(second) as u8, 1 + first.max(second) as u8])
}

/// `FrameWidth` after `superres_params()` (section 5.9.8): samples in a row as coded.
pub fn coded_width(upscaled_width: u32, superres_denom: u32) -> u32 {
    match superres_denom {
        0 => upscaled_width,
        denom => {
            upscaled_width
                .saturating_mul(SUPERRES_NUM)
                .saturating_add(denom / 2)
                / denom
        }
    }
}

/// `MiCols` or `MiRows` (section 5.9.9) of a coded width or height.
pub fn mode_info_units(samples: u32) -> u32 {
    2 * (samples.saturating_add(7) >> 3)
}

/// `tile_log2()` (section 5.9.16).
pub fn tile_log2(block: u32, target: u32) -> u32 {
    (0..31)
        .find(|&k| u64::from(block) << k >= u64::from(target))
        .unwrap_or(31)
}

/// `CodedLossless` (section 5.9.2): no segment has any quantisation.
pub fn coded_lossless(frame: &v4l2_ctrl_av1_frame, mono_chrome: bool) -> bool {
    let q = &frame.quantization;
    let chroma = [
        q.delta_q_u_dc,
        q.delta_q_u_ac,
        q.delta_q_v_dc,
        q.delta_q_v_ac,
    ];
    if q.delta_q_y_dc != 0 || (!mono_chrome && chroma != [0; 4]) {
        return false;
    }
    let segmented = frame.segmentation.flags & V4L2_AV1_SEGMENTATION_FLAG_ENABLED != 0;
    let segments = frame
        .segmentation
        .feature_enabled
        .iter()
        .zip(&frame.segmentation.feature_data);
    let mut indices = segments.map(|(&mask, data)| match segmented && mask & 1 == 1 {
        true => (i32::from(q.base_q_idx) + i32::from(data[0])).clamp(0, 255),
        false => i32::from(q.base_q_idx),
    });
    indices.all(|index| index == 0)
}

/// What the size of a frame allows for its tiles: the variables of `tile_info()` (section 5.9.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileLimits {
    /// `sbCols`
    pub sb_cols: u32,
    /// `sbRows`
    pub sb_rows: u32,
    /// `sbShift`: log2 of mode info units in a superblock.
    pub sb_shift: u32,
    /// `maxTileWidthSb`
    pub max_tile_width_sb: u32,
    /// `minLog2TileCols`
    pub min_log2_tile_cols: u32,
    /// `maxLog2TileCols`
    pub max_log2_tile_cols: u32,
    /// `maxLog2TileRows`
    pub max_log2_tile_rows: u32,
    /// `minLog2Tiles`
    pub min_log2_tiles: u32,
}

impl TileLimits {
    /// Limits for a frame of `width` x `height` samples as coded (before super-resolution), at least 1 x 1.
    pub fn new(width: u32, height: u32, use_128x128_superblock: bool) -> Self {
        let sb_shift = if use_128x128_superblock { 5 } else { 4 };
        let sb_size = sb_shift + 2;
        let round = (1 << sb_shift) - 1;
        let sb_cols = (mode_info_units(width) + round) >> sb_shift;
        let sb_rows = (mode_info_units(height) + round) >> sb_shift;
        let max_tile_width_sb = 4096 >> sb_size;
        let max_tile_area_sb = (4096 * 2304) >> (2 * sb_size);
        let min_log2_tile_cols = tile_log2(max_tile_width_sb, sb_cols);
        Self {
            sb_cols,
            sb_rows,
            sb_shift,
            max_tile_width_sb,
            min_log2_tile_cols,
            max_log2_tile_cols: tile_log2(1, sb_cols.min(V4L2_AV1_MAX_TILE_COLS as u32)),
            max_log2_tile_rows: tile_log2(1, sb_rows.min(V4L2_AV1_MAX_TILE_ROWS as u32)),
            min_log2_tiles: min_log2_tile_cols
                .max(tile_log2(max_tile_area_sb, sb_rows.saturating_mul(sb_cols))),
        }
    }

    /// `TileColsLog2` of uniform spacing that gives `tile_cols` columns, and the width of a column in superblocks.
    ///
    /// At most one layout has that many columns: halving a width of two superblocks or more changes the count.
    pub fn uniform_cols(&self, tile_cols: u32) -> Option<(u32, u32)> {
        uniform(
            self.sb_cols,
            tile_cols,
            self.min_log2_tile_cols,
            self.max_log2_tile_cols,
        )
    }

    /// `TileRowsLog2` of uniform spacing that gives `tile_rows` rows, and the height of a row in superblocks.
    pub fn uniform_rows(&self, tile_cols_log2: u32, tile_rows: u32) -> Option<(u32, u32)> {
        uniform(
            self.sb_rows,
            tile_rows,
            self.min_log2_tile_rows(tile_cols_log2),
            self.max_log2_tile_rows,
        )
    }

    /// `minLog2TileRows`
    pub fn min_log2_tile_rows(&self, tile_cols_log2: u32) -> u32 {
        self.min_log2_tiles.saturating_sub(tile_cols_log2)
    }

    /// `maxTileHeightSb` where the widest tile is `widest_tile_sb` superblocks wide (not uniform spacing).
    pub fn max_tile_height_sb(&self, widest_tile_sb: u32) -> u32 {
        let area = self.sb_rows.saturating_mul(self.sb_cols);
        let area = if self.min_log2_tiles > 0 {
            area >> (self.min_log2_tiles + 1)
        } else {
            area
        };
        (area / widest_tile_sb.max(1)).max(1)
    }
}

fn uniform(superblocks: u32, tiles: u32, min_log2: u32, max_log2: u32) -> Option<(u32, u32)> {
    (min_log2..=max_log2.max(min_log2)).find_map(|log2| {
        let size = (superblocks + (1 << log2) - 1) >> log2;
        (size > 0 && superblocks.div_ceil(size) == tiles).then_some((log2, size))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_hints_wrap() {
        assert_eq!(relative_dist(7, 2, 127), 3);
        assert_eq!(relative_dist(7, 127, 2), -3);
        assert_eq!(relative_dist(1, 1, 0), -1);
        assert_eq!(relative_dist(0, 9, 3), 0);
    }

    #[test]
    fn skip_mode_takes_the_nearest_on_each_side() {
        let hints = |h: [u32; 7]| h.map(Some);
        assert_eq!(
            skip_mode_frames(7, 10, &hints([8, 6, 4, 2, 12, 14, 16])),
            Some([1, 5])
        );
        assert_eq!(
            skip_mode_frames(7, 10, &hints([6, 8, 6, 2, 14, 12, 16])),
            Some([2, 6])
        );
        assert_eq!(
            skip_mode_frames(7, 10, &hints([8, 6, 4, 2, 8, 8, 8])),
            Some([1, 2]),
            "two forward"
        );
        assert_eq!(
            skip_mode_frames(7, 10, &hints([8; 7])),
            None,
            "one forward reference only"
        );
        assert_eq!(
            skip_mode_frames(7, 10, &hints([12; 7])),
            None,
            "backward only"
        );
        assert_eq!(
            skip_mode_frames(0, 10, &hints([8, 6, 4, 2, 12, 14, 16])),
            None
        );
    }

    #[test]
    fn a_count_of_tiles_has_one_uniform_layout() {
        for superblocks in 1..=300u32 {
            let max = tile_log2(1, superblocks.min(64));
            for log2 in 0..=max {
                let size = (superblocks + (1 << log2) - 1) >> log2;
                let tiles = superblocks.div_ceil(size);
                let (_, found) = uniform(superblocks, tiles, 0, max).unwrap();
                assert_eq!(found, size, "{superblocks} superblocks, log2 {log2}");
            }
        }
    }

    #[test]
    fn tile_limits_of_a_wide_frame() {
        let limits = TileLimits::new(8192, 4352, false);
        assert_eq!((limits.sb_cols, limits.sb_rows), (128, 68));
        assert_eq!(
            (limits.min_log2_tile_cols, limits.max_log2_tile_cols),
            (1, 6)
        );
        assert_eq!(limits.min_log2_tiles, 2);
        assert_eq!(
            limits.uniform_cols(1),
            None,
            "a tile may not be wider than 4096"
        );
        assert_eq!(limits.uniform_cols(2), Some((1, 64)));
        assert_eq!(limits.uniform_rows(1, 2), Some((1, 34)));
    }

    #[test]
    fn superres_rounds_to_the_nearest() {
        assert_eq!(coded_width(352, 8), 352);
        assert_eq!(coded_width(352, 13), 217);
        assert_eq!(coded_width(1, 16), 1);
    }
}
