// SPDX-License-Identifier: BSD-2-Clause
//! `V4L2_CID_STATELESS_VP9_*` control payloads (`linux/v4l2-controls.h`).
#![allow(missing_docs)] // names and meaning are the kernel header's

use super::V4L2_CID_CODEC_STATELESS_BASE as BASE;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub const V4L2_CID_STATELESS_VP9_FRAME: u32 = BASE + 300;
pub const V4L2_CID_STATELESS_VP9_COMPRESSED_HDR: u32 = BASE + 301;

pub const V4L2_VP9_LOOP_FILTER_FLAG_DELTA_ENABLED: u8 = 0x1;
pub const V4L2_VP9_LOOP_FILTER_FLAG_DELTA_UPDATE: u8 = 0x2;

/// `struct v4l2_vp9_loop_filter`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_vp9_loop_filter {
    pub ref_deltas: [i8; 4],
    pub mode_deltas: [i8; 2],
    pub level: u8,
    pub sharpness: u8,
    pub flags: u8,
    pub reserved: [u8; 7],
}

/// `struct v4l2_vp9_quantization`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_vp9_quantization {
    pub base_q_idx: u8,
    pub delta_q_y_dc: i8,
    pub delta_q_uv_dc: i8,
    pub delta_q_uv_ac: i8,
    pub reserved: [u8; 4],
}

pub const V4L2_VP9_SEGMENTATION_FLAG_ENABLED: u8 = 0x01;
pub const V4L2_VP9_SEGMENTATION_FLAG_UPDATE_MAP: u8 = 0x02;
pub const V4L2_VP9_SEGMENTATION_FLAG_TEMPORAL_UPDATE: u8 = 0x04;
pub const V4L2_VP9_SEGMENTATION_FLAG_UPDATE_DATA: u8 = 0x08;
pub const V4L2_VP9_SEGMENTATION_FLAG_ABS_OR_DELTA_UPDATE: u8 = 0x10;

pub const V4L2_VP9_SEG_LVL_ALT_Q: usize = 0;
pub const V4L2_VP9_SEG_LVL_ALT_L: usize = 1;
pub const V4L2_VP9_SEG_LVL_REF_FRAME: usize = 2;
pub const V4L2_VP9_SEG_LVL_SKIP: usize = 3;
pub const V4L2_VP9_SEG_LVL_MAX: usize = 4;

/// `struct v4l2_vp9_segmentation`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_vp9_segmentation {
    pub feature_data: [[i16; 4]; 8],
    pub feature_enabled: [u8; 8],
    pub tree_probs: [u8; 7],
    pub pred_probs: [u8; 3],
    pub flags: u8,
    pub reserved: [u8; 5],
}

pub const V4L2_VP9_FRAME_FLAG_KEY_FRAME: u32 = 0x001;
pub const V4L2_VP9_FRAME_FLAG_SHOW_FRAME: u32 = 0x002;
pub const V4L2_VP9_FRAME_FLAG_ERROR_RESILIENT: u32 = 0x004;
pub const V4L2_VP9_FRAME_FLAG_INTRA_ONLY: u32 = 0x008;
pub const V4L2_VP9_FRAME_FLAG_ALLOW_HIGH_PREC_MV: u32 = 0x010;
pub const V4L2_VP9_FRAME_FLAG_REFRESH_FRAME_CTX: u32 = 0x020;
pub const V4L2_VP9_FRAME_FLAG_PARALLEL_DEC_MODE: u32 = 0x040;
pub const V4L2_VP9_FRAME_FLAG_X_SUBSAMPLING: u32 = 0x080;
pub const V4L2_VP9_FRAME_FLAG_Y_SUBSAMPLING: u32 = 0x100;
pub const V4L2_VP9_FRAME_FLAG_COLOR_RANGE_FULL_SWING: u32 = 0x200;

pub const V4L2_VP9_SIGN_BIAS_LAST: u8 = 0x1;
pub const V4L2_VP9_SIGN_BIAS_GOLDEN: u8 = 0x2;
pub const V4L2_VP9_SIGN_BIAS_ALT: u8 = 0x4;

pub const V4L2_VP9_RESET_FRAME_CTX_NONE: u8 = 0;
pub const V4L2_VP9_RESET_FRAME_CTX_SPEC: u8 = 1;
pub const V4L2_VP9_RESET_FRAME_CTX_ALL: u8 = 2;

pub const V4L2_VP9_INTERP_FILTER_EIGHTTAP: u8 = 0;
pub const V4L2_VP9_INTERP_FILTER_EIGHTTAP_SMOOTH: u8 = 1;
pub const V4L2_VP9_INTERP_FILTER_EIGHTTAP_SHARP: u8 = 2;
pub const V4L2_VP9_INTERP_FILTER_BILINEAR: u8 = 3;
pub const V4L2_VP9_INTERP_FILTER_SWITCHABLE: u8 = 4;

pub const V4L2_VP9_REFERENCE_MODE_SINGLE_REFERENCE: u8 = 0;
pub const V4L2_VP9_REFERENCE_MODE_COMPOUND_REFERENCE: u8 = 1;
pub const V4L2_VP9_REFERENCE_MODE_SELECT: u8 = 2;

/// `struct v4l2_ctrl_vp9_frame`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_ctrl_vp9_frame {
    pub lf: v4l2_vp9_loop_filter,
    pub quant: v4l2_vp9_quantization,
    pub seg: v4l2_vp9_segmentation,
    pub flags: u32,
    pub compressed_header_size: u16,
    pub uncompressed_header_size: u16,
    pub frame_width_minus_1: u16,
    pub frame_height_minus_1: u16,
    pub render_width_minus_1: u16,
    pub render_height_minus_1: u16,
    pub last_frame_ts: u64,
    pub golden_frame_ts: u64,
    pub alt_frame_ts: u64,
    pub ref_frame_sign_bias: u8,
    pub reset_frame_context: u8,
    pub frame_context_idx: u8,
    pub profile: u8,
    pub bit_depth: u8,
    pub interpolation_filter: u8,
    pub tile_cols_log2: u8,
    pub tile_rows_log2: u8,
    pub reference_mode: u8,
    pub reserved: [u8; 7],
}

/// `struct v4l2_vp9_mv_probs`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_vp9_mv_probs {
    pub joint: [u8; 3],
    pub sign: [u8; 2],
    pub classes: [[u8; 10]; 2],
    pub class0_bit: [u8; 2],
    pub bits: [[u8; 10]; 2],
    pub class0_fr: [[[u8; 3]; 2]; 2],
    pub fr: [[u8; 3]; 2],
    pub class0_hp: [u8; 2],
    pub hp: [u8; 2],
}

pub const V4L2_VP9_TX_MODE_ONLY_4X4: u8 = 0;
pub const V4L2_VP9_TX_MODE_ALLOW_8X8: u8 = 1;
pub const V4L2_VP9_TX_MODE_ALLOW_16X16: u8 = 2;
pub const V4L2_VP9_TX_MODE_ALLOW_32X32: u8 = 3;
pub const V4L2_VP9_TX_MODE_SELECT: u8 = 4;

/// `struct v4l2_ctrl_vp9_compressed_hdr`: delta probabilities as read from the compressed header (0: no update).
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_ctrl_vp9_compressed_hdr {
    pub tx_mode: u8,
    pub tx8: [[u8; 1]; 2],
    pub tx16: [[u8; 2]; 2],
    pub tx32: [[u8; 3]; 2],
    #[allow(clippy::type_complexity)] // the kernel's array
    pub coef: [[[[[[u8; 3]; 6]; 6]; 2]; 2]; 4],
    pub skip: [u8; 3],
    pub inter_mode: [[u8; 3]; 7],
    pub interp_filter: [[u8; 2]; 4],
    pub is_inter: [u8; 4],
    pub comp_mode: [u8; 5],
    pub single_ref: [[u8; 2]; 5],
    pub comp_ref: [u8; 5],
    pub y_mode: [[u8; 9]; 4],
    pub uv_mode: [[u8; 9]; 10],
    pub partition: [[u8; 3]; 16],
    pub mv: v4l2_vp9_mv_probs,
}
