// SPDX-License-Identifier: BSD-2-Clause
//! `V4L2_CID_STATELESS_AV1_*` control payloads (`linux/v4l2-controls.h`).
#![allow(missing_docs)] // names and meaning are the kernel header's

use super::V4L2_CID_CODEC_STATELESS_BASE as BASE;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub const V4L2_CID_STATELESS_AV1_SEQUENCE: u32 = BASE + 500;
pub const V4L2_CID_STATELESS_AV1_TILE_GROUP_ENTRY: u32 = BASE + 501;
pub const V4L2_CID_STATELESS_AV1_FRAME: u32 = BASE + 502;
pub const V4L2_CID_STATELESS_AV1_FILM_GRAIN: u32 = BASE + 505;

pub const V4L2_AV1_TOTAL_REFS_PER_FRAME: usize = 8;
pub const V4L2_AV1_CDEF_MAX: usize = 8;
pub const V4L2_AV1_NUM_PLANES_MAX: usize = 3;
pub const V4L2_AV1_MAX_SEGMENTS: usize = 8;
pub const V4L2_AV1_MAX_OPERATING_POINTS: usize = 1 << 5;
pub const V4L2_AV1_REFS_PER_FRAME: usize = 7;
pub const V4L2_AV1_MAX_NUM_Y_POINTS: usize = 1 << 4;
pub const V4L2_AV1_MAX_NUM_CB_POINTS: usize = 1 << 4;
pub const V4L2_AV1_MAX_NUM_CR_POINTS: usize = 1 << 4;
pub const V4L2_AV1_AR_COEFFS_SIZE: usize = 25;
pub const V4L2_AV1_MAX_NUM_PLANES: usize = 3;
pub const V4L2_AV1_MAX_TILE_COLS: usize = 64;
pub const V4L2_AV1_MAX_TILE_ROWS: usize = 64;
pub const V4L2_AV1_MAX_TILE_COUNT: usize = 512;

pub const V4L2_AV1_SEQUENCE_FLAG_STILL_PICTURE: u32 = 0x0000_0001;
pub const V4L2_AV1_SEQUENCE_FLAG_USE_128X128_SUPERBLOCK: u32 = 0x0000_0002;
pub const V4L2_AV1_SEQUENCE_FLAG_ENABLE_FILTER_INTRA: u32 = 0x0000_0004;
pub const V4L2_AV1_SEQUENCE_FLAG_ENABLE_INTRA_EDGE_FILTER: u32 = 0x0000_0008;
pub const V4L2_AV1_SEQUENCE_FLAG_ENABLE_INTERINTRA_COMPOUND: u32 = 0x0000_0010;
pub const V4L2_AV1_SEQUENCE_FLAG_ENABLE_MASKED_COMPOUND: u32 = 0x0000_0020;
pub const V4L2_AV1_SEQUENCE_FLAG_ENABLE_WARPED_MOTION: u32 = 0x0000_0040;
pub const V4L2_AV1_SEQUENCE_FLAG_ENABLE_DUAL_FILTER: u32 = 0x0000_0080;
pub const V4L2_AV1_SEQUENCE_FLAG_ENABLE_ORDER_HINT: u32 = 0x0000_0100;
pub const V4L2_AV1_SEQUENCE_FLAG_ENABLE_JNT_COMP: u32 = 0x0000_0200;
pub const V4L2_AV1_SEQUENCE_FLAG_ENABLE_REF_FRAME_MVS: u32 = 0x0000_0400;
pub const V4L2_AV1_SEQUENCE_FLAG_ENABLE_SUPERRES: u32 = 0x0000_0800;
pub const V4L2_AV1_SEQUENCE_FLAG_ENABLE_CDEF: u32 = 0x0000_1000;
pub const V4L2_AV1_SEQUENCE_FLAG_ENABLE_RESTORATION: u32 = 0x0000_2000;
pub const V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME: u32 = 0x0000_4000;
pub const V4L2_AV1_SEQUENCE_FLAG_COLOR_RANGE: u32 = 0x0000_8000;
pub const V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_X: u32 = 0x0001_0000;
pub const V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_Y: u32 = 0x0002_0000;
pub const V4L2_AV1_SEQUENCE_FLAG_FILM_GRAIN_PARAMS_PRESENT: u32 = 0x0004_0000;
pub const V4L2_AV1_SEQUENCE_FLAG_SEPARATE_UV_DELTA_Q: u32 = 0x0008_0000;

/// `struct v4l2_ctrl_av1_sequence`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_ctrl_av1_sequence {
    pub flags: u32,
    pub seq_profile: u8,
    pub order_hint_bits: u8,
    pub bit_depth: u8,
    pub reserved: u8,
    pub max_frame_width_minus_1: u16,
    pub max_frame_height_minus_1: u16,
}

/// `struct v4l2_ctrl_av1_tile_group_entry`: offset from the start of the OUTPUT buffer's data, size in bytes.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_ctrl_av1_tile_group_entry {
    pub tile_offset: u32,
    pub tile_size: u32,
    pub tile_row: u32,
    pub tile_col: u32,
}

pub const V4L2_AV1_WARP_MODEL_IDENTITY: u32 = 0;
pub const V4L2_AV1_WARP_MODEL_TRANSLATION: u32 = 1;
pub const V4L2_AV1_WARP_MODEL_ROTZOOM: u32 = 2;
pub const V4L2_AV1_WARP_MODEL_AFFINE: u32 = 3;

/// `enum v4l2_av1_reference_frame`
pub const V4L2_AV1_REF_INTRA_FRAME: u8 = 0;
pub const V4L2_AV1_REF_LAST_FRAME: u8 = 1;
pub const V4L2_AV1_REF_LAST2_FRAME: u8 = 2;
pub const V4L2_AV1_REF_LAST3_FRAME: u8 = 3;
pub const V4L2_AV1_REF_GOLDEN_FRAME: u8 = 4;
pub const V4L2_AV1_REF_BWDREF_FRAME: u8 = 5;
pub const V4L2_AV1_REF_ALTREF2_FRAME: u8 = 6;
pub const V4L2_AV1_REF_ALTREF_FRAME: u8 = 7;

pub const V4L2_AV1_GLOBAL_MOTION_FLAG_IS_GLOBAL: u8 = 0x1;
pub const V4L2_AV1_GLOBAL_MOTION_FLAG_IS_ROT_ZOOM: u8 = 0x2;
pub const V4L2_AV1_GLOBAL_MOTION_FLAG_IS_TRANSLATION: u8 = 0x4;

/// `struct v4l2_av1_global_motion`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_av1_global_motion {
    pub flags: [u8; 8],
    pub r#type: [u32; 8],
    pub params: [[i32; 6]; 8],
    pub invalid: u8,
    pub reserved: [u8; 3],
}

pub const V4L2_AV1_FRAME_RESTORE_NONE: u32 = 0;
pub const V4L2_AV1_FRAME_RESTORE_WIENER: u32 = 1;
pub const V4L2_AV1_FRAME_RESTORE_SGRPROJ: u32 = 2;
pub const V4L2_AV1_FRAME_RESTORE_SWITCHABLE: u32 = 3;

pub const V4L2_AV1_LOOP_RESTORATION_FLAG_USES_LR: u8 = 0x1;
pub const V4L2_AV1_LOOP_RESTORATION_FLAG_USES_CHROMA_LR: u8 = 0x2;

/// `struct v4l2_av1_loop_restoration`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_av1_loop_restoration {
    pub flags: u8,
    pub lr_unit_shift: u8,
    pub lr_uv_shift: u8,
    pub reserved: u8,
    pub frame_restoration_type: [u32; 3],
    pub loop_restoration_size: [u32; 3],
}

/// `struct v4l2_av1_cdef`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_av1_cdef {
    pub damping_minus_3: u8,
    pub bits: u8,
    pub y_pri_strength: [u8; 8],
    pub y_sec_strength: [u8; 8],
    pub uv_pri_strength: [u8; 8],
    pub uv_sec_strength: [u8; 8],
}

pub const V4L2_AV1_SEGMENTATION_FLAG_ENABLED: u8 = 0x1;
pub const V4L2_AV1_SEGMENTATION_FLAG_UPDATE_MAP: u8 = 0x2;
pub const V4L2_AV1_SEGMENTATION_FLAG_TEMPORAL_UPDATE: u8 = 0x4;
pub const V4L2_AV1_SEGMENTATION_FLAG_UPDATE_DATA: u8 = 0x8;
pub const V4L2_AV1_SEGMENTATION_FLAG_SEG_ID_PRE_SKIP: u8 = 0x10;

/// `struct v4l2_av1_segmentation`: `feature_enabled[i]` has bit `1 << j` for feature `j` of segment `i`.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_av1_segmentation {
    pub flags: u8,
    pub last_active_seg_id: u8,
    pub feature_enabled: [u8; 8],
    pub feature_data: [[i16; 8]; 8],
}

pub const V4L2_AV1_LOOP_FILTER_FLAG_DELTA_ENABLED: u8 = 0x1;
pub const V4L2_AV1_LOOP_FILTER_FLAG_DELTA_UPDATE: u8 = 0x2;
pub const V4L2_AV1_LOOP_FILTER_FLAG_DELTA_LF_PRESENT: u8 = 0x4;
pub const V4L2_AV1_LOOP_FILTER_FLAG_DELTA_LF_MULTI: u8 = 0x8;

/// `struct v4l2_av1_loop_filter`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_av1_loop_filter {
    pub flags: u8,
    pub level: [u8; 4],
    pub sharpness: u8,
    pub ref_deltas: [i8; 8],
    pub mode_deltas: [i8; 2],
    pub delta_lf_res: u8,
}

pub const V4L2_AV1_QUANTIZATION_FLAG_DIFF_UV_DELTA: u8 = 0x1;
pub const V4L2_AV1_QUANTIZATION_FLAG_USING_QMATRIX: u8 = 0x2;
pub const V4L2_AV1_QUANTIZATION_FLAG_DELTA_Q_PRESENT: u8 = 0x4;

/// `struct v4l2_av1_quantization`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_av1_quantization {
    pub flags: u8,
    pub base_q_idx: u8,
    pub delta_q_y_dc: i8,
    pub delta_q_u_dc: i8,
    pub delta_q_u_ac: i8,
    pub delta_q_v_dc: i8,
    pub delta_q_v_ac: i8,
    pub qm_y: u8,
    pub qm_u: u8,
    pub qm_v: u8,
    pub delta_q_res: u8,
}

pub const V4L2_AV1_TILE_INFO_FLAG_UNIFORM_TILE_SPACING: u8 = 0x1;

/// `struct v4l2_av1_tile_info`
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct v4l2_av1_tile_info {
    pub flags: u8,
    pub context_update_tile_id: u8,
    pub tile_cols: u8,
    pub tile_rows: u8,
    pub mi_col_starts: [u32; 65],
    pub mi_row_starts: [u32; 65],
    pub width_in_sbs_minus_1: [u32; 64],
    pub height_in_sbs_minus_1: [u32; 64],
    pub tile_size_bytes: u8,
    pub reserved: [u8; 3],
}

pub const V4L2_AV1_KEY_FRAME: u32 = 0;
pub const V4L2_AV1_INTER_FRAME: u32 = 1;
pub const V4L2_AV1_INTRA_ONLY_FRAME: u32 = 2;
pub const V4L2_AV1_SWITCH_FRAME: u32 = 3;

pub const V4L2_AV1_INTERPOLATION_FILTER_EIGHTTAP: u32 = 0;
pub const V4L2_AV1_INTERPOLATION_FILTER_EIGHTTAP_SMOOTH: u32 = 1;
pub const V4L2_AV1_INTERPOLATION_FILTER_EIGHTTAP_SHARP: u32 = 2;
pub const V4L2_AV1_INTERPOLATION_FILTER_BILINEAR: u32 = 3;
pub const V4L2_AV1_INTERPOLATION_FILTER_SWITCHABLE: u32 = 4;

pub const V4L2_AV1_TX_MODE_ONLY_4X4: u32 = 0;
pub const V4L2_AV1_TX_MODE_LARGEST: u32 = 1;
pub const V4L2_AV1_TX_MODE_SELECT: u32 = 2;

pub const V4L2_AV1_FRAME_FLAG_SHOW_FRAME: u32 = 0x0000_0001;
pub const V4L2_AV1_FRAME_FLAG_SHOWABLE_FRAME: u32 = 0x0000_0002;
pub const V4L2_AV1_FRAME_FLAG_ERROR_RESILIENT_MODE: u32 = 0x0000_0004;
pub const V4L2_AV1_FRAME_FLAG_DISABLE_CDF_UPDATE: u32 = 0x0000_0008;
pub const V4L2_AV1_FRAME_FLAG_ALLOW_SCREEN_CONTENT_TOOLS: u32 = 0x0000_0010;
pub const V4L2_AV1_FRAME_FLAG_FORCE_INTEGER_MV: u32 = 0x0000_0020;
pub const V4L2_AV1_FRAME_FLAG_ALLOW_INTRABC: u32 = 0x0000_0040;
pub const V4L2_AV1_FRAME_FLAG_USE_SUPERRES: u32 = 0x0000_0080;
pub const V4L2_AV1_FRAME_FLAG_ALLOW_HIGH_PRECISION_MV: u32 = 0x0000_0100;
pub const V4L2_AV1_FRAME_FLAG_IS_MOTION_MODE_SWITCHABLE: u32 = 0x0000_0200;
pub const V4L2_AV1_FRAME_FLAG_USE_REF_FRAME_MVS: u32 = 0x0000_0400;
pub const V4L2_AV1_FRAME_FLAG_DISABLE_FRAME_END_UPDATE_CDF: u32 = 0x0000_0800;
pub const V4L2_AV1_FRAME_FLAG_ALLOW_WARPED_MOTION: u32 = 0x0000_1000;
pub const V4L2_AV1_FRAME_FLAG_REFERENCE_SELECT: u32 = 0x0000_2000;
pub const V4L2_AV1_FRAME_FLAG_REDUCED_TX_SET: u32 = 0x0000_4000;
pub const V4L2_AV1_FRAME_FLAG_SKIP_MODE_ALLOWED: u32 = 0x0000_8000;
pub const V4L2_AV1_FRAME_FLAG_SKIP_MODE_PRESENT: u32 = 0x0001_0000;
pub const V4L2_AV1_FRAME_FLAG_FRAME_SIZE_OVERRIDE: u32 = 0x0002_0000;
pub const V4L2_AV1_FRAME_FLAG_BUFFER_REMOVAL_TIME_PRESENT: u32 = 0x0004_0000;
pub const V4L2_AV1_FRAME_FLAG_FRAME_REFS_SHORT_SIGNALING: u32 = 0x0008_0000;

/// `struct v4l2_ctrl_av1_frame`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_ctrl_av1_frame {
    pub tile_info: v4l2_av1_tile_info,
    pub quantization: v4l2_av1_quantization,
    pub superres_denom: u8,
    pub segmentation: v4l2_av1_segmentation,
    pub loop_filter: v4l2_av1_loop_filter,
    pub cdef: v4l2_av1_cdef,
    pub skip_mode_frame: [u8; 2],
    pub primary_ref_frame: u8,
    pub loop_restoration: v4l2_av1_loop_restoration,
    pub global_motion: v4l2_av1_global_motion,
    pub flags: u32,
    pub frame_type: u32,
    pub order_hint: u32,
    pub upscaled_width: u32,
    pub interpolation_filter: u32,
    pub tx_mode: u32,
    pub frame_width_minus_1: u32,
    pub frame_height_minus_1: u32,
    pub render_width_minus_1: u16,
    pub render_height_minus_1: u16,
    pub current_frame_id: u32,
    pub buffer_removal_time: [u32; 32],
    pub reserved: [u8; 4],
    pub order_hints: [u32; 8],
    pub reference_frame_ts: [u64; 8],
    pub ref_frame_idx: [i8; 7],
    pub refresh_frame_flags: u8,
}

pub const V4L2_AV1_FILM_GRAIN_FLAG_APPLY_GRAIN: u8 = 0x1;
pub const V4L2_AV1_FILM_GRAIN_FLAG_UPDATE_GRAIN: u8 = 0x2;
pub const V4L2_AV1_FILM_GRAIN_FLAG_CHROMA_SCALING_FROM_LUMA: u8 = 0x4;
pub const V4L2_AV1_FILM_GRAIN_FLAG_OVERLAP: u8 = 0x8;
pub const V4L2_AV1_FILM_GRAIN_FLAG_CLIP_TO_RESTRICTED_RANGE: u8 = 0x10;

/// `struct v4l2_ctrl_av1_film_grain`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_ctrl_av1_film_grain {
    pub flags: u8,
    pub cr_mult: u8,
    pub grain_seed: u16,
    pub film_grain_params_ref_idx: u8,
    pub num_y_points: u8,
    pub point_y_value: [u8; 16],
    pub point_y_scaling: [u8; 16],
    pub num_cb_points: u8,
    pub point_cb_value: [u8; 16],
    pub point_cb_scaling: [u8; 16],
    pub num_cr_points: u8,
    pub point_cr_value: [u8; 16],
    pub point_cr_scaling: [u8; 16],
    pub grain_scaling_minus_8: u8,
    pub ar_coeff_lag: u8,
    pub ar_coeffs_y_plus_128: [u8; 25],
    pub ar_coeffs_cb_plus_128: [u8; 25],
    pub ar_coeffs_cr_plus_128: [u8; 25],
    pub ar_coeff_shift_minus_6: u8,
    pub grain_scale_shift: u8,
    pub cb_mult: u8,
    pub cb_luma_mult: u8,
    pub cr_luma_mult: u8,
    pub cb_offset: u16,
    pub cr_offset: u16,
    pub reserved: [u8; 4],
}

zeroed_default!(v4l2_av1_tile_info);
