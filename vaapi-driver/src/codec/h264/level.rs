// SPDX-License-Identifier: BSD-2-Clause
//! Profile and level, which VA does not carry, from what a stream uses (Annex A).

use v4l2_common::uapi::h264::*;
use va_sys::*;

/// `level_idc`, MaxFS (macroblocks), MaxDpbMbs (Table A-1), lowest first. Level 1b has the limits of level 1.1 or lower.
const LEVELS: [(u8, u32, u32); 17] = [
    (10, 99, 396),
    (11, 396, 900),
    (12, 396, 2_376),
    (20, 396, 2_376),
    (21, 792, 4_752),
    (22, 1_620, 8_100),
    (30, 1_620, 8_100),
    (31, 3_600, 18_000),
    (32, 5_120, 20_480),
    (40, 8_192, 32_768),
    (42, 8_704, 34_816),
    (50, 22_080, 110_400),
    (51, 36_864, 184_320),
    (52, 36_864, 184_320),
    (60, 139_264, 696_320),
    (61, 139_264, 696_320),
    (62, 139_264, 696_320),
];

/// The lowest `level_idc` that holds frames of `width_in_mbs` x `height_in_mbs` with `num_ref_frames` references;
/// 62 where none does.
///
/// `min_luma_bipred_size_8x8` is forced from level 3.1 on, so a stream that has it is at least that (clause A.3.3.2);
/// interlaced tools exist from level 2.1 on (Table A-4).
pub(super) fn level_idc(
    width_in_mbs: u32,
    height_in_mbs: u32,
    num_ref_frames: u8,
    frame_mbs_only: bool,
    min_luma_bipred_size_8x8: bool,
) -> u8 {
    let size = width_in_mbs.saturating_mul(height_in_mbs);
    let dpb = size.saturating_mul(u32::from(num_ref_frames));
    let side = u64::from(width_in_mbs.max(height_in_mbs));
    let lowest = match (min_luma_bipred_size_8x8, frame_mbs_only) {
        (true, _) => 31,
        (false, false) => 21,
        (false, true) => 0,
    };
    LEVELS
        .iter()
        .find(|&&(level, max_fs, max_dpb)| {
            level >= lowest
                && size <= max_fs
                && dpb <= max_dpb
                && side * side <= 8 * u64::from(max_fs)
        })
        .map_or(62, |&(level, ..)| level)
}

/// What a stream uses beyond Baseline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tools {
    /// CABAC, B slices, weighted prediction or interlaced coding: Main.
    pub main: bool,
    /// 8x8 transform, scaling lists, a second chroma offset, monochrome: High.
    pub high: bool,
    /// More than 8 bits: High 10.
    pub high10: bool,
}

impl Tools {
    /// What either uses.
    pub(super) fn union(self, other: Self) -> Self {
        Self {
            main: self.main || other.main,
            high: self.high || other.high,
            high10: self.high10 || other.high10,
        }
    }
}

/// `profile_idc` and `constraint_set_flags` for a config's profile, raised to what the stream uses: clients map
/// profiles that VA lacks onto others.
pub(super) fn profile_idc(profile: VAProfile, tools: Tools) -> (u8, u8) {
    if tools.high10 || profile == VAProfileH264High10 {
        (110, 0)
    } else if tools.high || profile == VAProfileH264High {
        (100, 0)
    } else if tools.main || profile == VAProfileH264Main {
        (77, V4L2_H264_SPS_CONSTRAINT_SET1_FLAG)
    } else {
        (
            66,
            V4L2_H264_SPS_CONSTRAINT_SET0_FLAG | V4L2_H264_SPS_CONSTRAINT_SET1_FLAG,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_hold_size_references_and_tools() {
        assert_eq!(level_idc(11, 9, 1, true, false), 10);
        assert_eq!(level_idc(11, 9, 5, true, false), 11);
        assert_eq!(level_idc(22, 18, 6, true, false), 12);
        assert_eq!(level_idc(22, 18, 6, false, false), 21);
        assert_eq!(level_idc(22, 18, 6, true, true), 31);
        assert_eq!(level_idc(120, 68, 4, true, true), 40);
        assert_eq!(level_idc(120, 68, 5, true, true), 50);
        assert_eq!(level_idc(240, 135, 5, true, true), 51);
        // A narrow picture is bound by its longer side.
        assert_eq!(level_idc(54, 1, 1, true, false), 11);
        assert_eq!(level_idc(57, 1, 1, true, false), 21);
        assert_eq!(level_idc(512, 512, 16, true, true), 62);
    }

    #[test]
    fn content_raises_the_profile() {
        let baseline = VAProfileH264ConstrainedBaseline;
        assert_eq!(profile_idc(baseline, Tools::default()).0, 66);
        assert_eq!(
            profile_idc(
                baseline,
                Tools {
                    main: true,
                    ..Tools::default()
                }
            )
            .0,
            77
        );
        assert_eq!(
            profile_idc(
                VAProfileH264Main,
                Tools {
                    high: true,
                    ..Tools::default()
                }
            )
            .0,
            100
        );
        assert_eq!(
            profile_idc(
                VAProfileH264High,
                Tools {
                    high10: true,
                    ..Tools::default()
                }
            )
            .0,
            110
        );
        assert_eq!(profile_idc(VAProfileH264High10, Tools::default()).0, 110);
    }
}
