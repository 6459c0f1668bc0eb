// SPDX-License-Identifier: BSD-2-Clause
//! `V4L2_CID_STATELESS_H264_*` control payloads (`linux/v4l2-controls.h`).
#![allow(missing_docs)] // names and meaning are the kernel header's

use super::V4L2_CID_CODEC_STATELESS_BASE as BASE;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub const V4L2_CID_STATELESS_H264_DECODE_MODE: u32 = BASE;
pub const V4L2_CID_STATELESS_H264_START_CODE: u32 = BASE + 1;
pub const V4L2_CID_STATELESS_H264_SPS: u32 = BASE + 2;
pub const V4L2_CID_STATELESS_H264_PPS: u32 = BASE + 3;
pub const V4L2_CID_STATELESS_H264_SCALING_MATRIX: u32 = BASE + 4;
pub const V4L2_CID_STATELESS_H264_PRED_WEIGHTS: u32 = BASE + 5;
pub const V4L2_CID_STATELESS_H264_SLICE_PARAMS: u32 = BASE + 6;
pub const V4L2_CID_STATELESS_H264_DECODE_PARAMS: u32 = BASE + 7;

pub const V4L2_STATELESS_H264_DECODE_MODE_SLICE_BASED: u32 = 0;
pub const V4L2_STATELESS_H264_DECODE_MODE_FRAME_BASED: u32 = 1;
pub const V4L2_STATELESS_H264_START_CODE_NONE: u32 = 0;
pub const V4L2_STATELESS_H264_START_CODE_ANNEX_B: u32 = 1;

pub const V4L2_H264_NUM_DPB_ENTRIES: usize = 16;
pub const V4L2_H264_REF_LIST_LEN: usize = 2 * V4L2_H264_NUM_DPB_ENTRIES;

pub const V4L2_H264_SPS_CONSTRAINT_SET0_FLAG: u8 = 0x01;
pub const V4L2_H264_SPS_CONSTRAINT_SET1_FLAG: u8 = 0x02;
pub const V4L2_H264_SPS_CONSTRAINT_SET2_FLAG: u8 = 0x04;
pub const V4L2_H264_SPS_CONSTRAINT_SET3_FLAG: u8 = 0x08;
pub const V4L2_H264_SPS_CONSTRAINT_SET4_FLAG: u8 = 0x10;
pub const V4L2_H264_SPS_CONSTRAINT_SET5_FLAG: u8 = 0x20;

pub const V4L2_H264_SPS_FLAG_SEPARATE_COLOUR_PLANE: u32 = 0x01;
pub const V4L2_H264_SPS_FLAG_QPPRIME_Y_ZERO_TRANSFORM_BYPASS: u32 = 0x02;
pub const V4L2_H264_SPS_FLAG_DELTA_PIC_ORDER_ALWAYS_ZERO: u32 = 0x04;
pub const V4L2_H264_SPS_FLAG_GAPS_IN_FRAME_NUM_VALUE_ALLOWED: u32 = 0x08;
pub const V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY: u32 = 0x10;
pub const V4L2_H264_SPS_FLAG_MB_ADAPTIVE_FRAME_FIELD: u32 = 0x20;
pub const V4L2_H264_SPS_FLAG_DIRECT_8X8_INFERENCE: u32 = 0x40;

/// `struct v4l2_ctrl_h264_sps`
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct v4l2_ctrl_h264_sps {
    pub profile_idc: u8,
    pub constraint_set_flags: u8,
    pub level_idc: u8,
    pub seq_parameter_set_id: u8,
    pub chroma_format_idc: u8,
    pub bit_depth_luma_minus8: u8,
    pub bit_depth_chroma_minus8: u8,
    pub log2_max_frame_num_minus4: u8,
    pub pic_order_cnt_type: u8,
    pub log2_max_pic_order_cnt_lsb_minus4: u8,
    pub max_num_ref_frames: u8,
    pub num_ref_frames_in_pic_order_cnt_cycle: u8,
    pub offset_for_ref_frame: [i32; 255],
    pub offset_for_non_ref_pic: i32,
    pub offset_for_top_to_bottom_field: i32,
    pub pic_width_in_mbs_minus1: u16,
    pub pic_height_in_map_units_minus1: u16,
    pub flags: u32,
}

pub const V4L2_H264_PPS_FLAG_ENTROPY_CODING_MODE: u16 = 0x0001;
pub const V4L2_H264_PPS_FLAG_BOTTOM_FIELD_PIC_ORDER_IN_FRAME_PRESENT: u16 = 0x0002;
pub const V4L2_H264_PPS_FLAG_WEIGHTED_PRED: u16 = 0x0004;
pub const V4L2_H264_PPS_FLAG_DEBLOCKING_FILTER_CONTROL_PRESENT: u16 = 0x0008;
pub const V4L2_H264_PPS_FLAG_CONSTRAINED_INTRA_PRED: u16 = 0x0010;
pub const V4L2_H264_PPS_FLAG_REDUNDANT_PIC_CNT_PRESENT: u16 = 0x0020;
pub const V4L2_H264_PPS_FLAG_TRANSFORM_8X8_MODE: u16 = 0x0040;
pub const V4L2_H264_PPS_FLAG_SCALING_MATRIX_PRESENT: u16 = 0x0080;

/// `struct v4l2_ctrl_h264_pps`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_ctrl_h264_pps {
    pub pic_parameter_set_id: u8,
    pub seq_parameter_set_id: u8,
    pub num_slice_groups_minus1: u8,
    pub num_ref_idx_l0_default_active_minus1: u8,
    pub num_ref_idx_l1_default_active_minus1: u8,
    pub weighted_bipred_idc: u8,
    pub pic_init_qp_minus26: i8,
    pub pic_init_qs_minus26: i8,
    pub chroma_qp_index_offset: i8,
    pub second_chroma_qp_index_offset: i8,
    pub flags: u16,
}

/// `struct v4l2_ctrl_h264_scaling_matrix`: raster order; 8x8 order is Intra Y, Inter Y, Intra Cb, Inter Cb, Intra Cr,
/// Inter Cr.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct v4l2_ctrl_h264_scaling_matrix {
    pub scaling_list_4x4: [[u8; 16]; 6],
    pub scaling_list_8x8: [[u8; 64]; 6],
}

/// `struct v4l2_h264_weight_factors`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_h264_weight_factors {
    pub luma_weight: [i16; 32],
    pub luma_offset: [i16; 32],
    pub chroma_weight: [[i16; 2]; 32],
    pub chroma_offset: [[i16; 2]; 32],
}

/// `struct v4l2_ctrl_h264_pred_weights`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_ctrl_h264_pred_weights {
    pub luma_log2_weight_denom: u16,
    pub chroma_log2_weight_denom: u16,
    pub weight_factors: [v4l2_h264_weight_factors; 2],
}

pub const V4L2_H264_SLICE_TYPE_P: u8 = 0;
pub const V4L2_H264_SLICE_TYPE_B: u8 = 1;
pub const V4L2_H264_SLICE_TYPE_I: u8 = 2;
pub const V4L2_H264_SLICE_TYPE_SP: u8 = 3;
pub const V4L2_H264_SLICE_TYPE_SI: u8 = 4;

pub const V4L2_H264_SLICE_FLAG_DIRECT_SPATIAL_MV_PRED: u32 = 0x01;
pub const V4L2_H264_SLICE_FLAG_SP_FOR_SWITCH: u32 = 0x02;

pub const V4L2_H264_TOP_FIELD_REF: u8 = 0x1;
pub const V4L2_H264_BOTTOM_FIELD_REF: u8 = 0x2;
pub const V4L2_H264_FRAME_REF: u8 = 0x3;

/// `struct v4l2_h264_reference`: `fields` is `V4L2_H264_*_REF`, `index` an index into `dpb` (0xff: a hole).
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_h264_reference {
    pub fields: u8,
    pub index: u8,
}

/// `struct v4l2_ctrl_h264_slice_params`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_ctrl_h264_slice_params {
    pub header_bit_size: u32,
    pub first_mb_in_slice: u32,
    pub slice_type: u8,
    pub colour_plane_id: u8,
    pub redundant_pic_cnt: u8,
    pub cabac_init_idc: u8,
    pub slice_qp_delta: i8,
    pub slice_qs_delta: i8,
    pub disable_deblocking_filter_idc: u8,
    pub slice_alpha_c0_offset_div2: i8,
    pub slice_beta_offset_div2: i8,
    pub num_ref_idx_l0_active_minus1: u8,
    pub num_ref_idx_l1_active_minus1: u8,
    pub reserved: u8,
    pub ref_pic_list0: [v4l2_h264_reference; V4L2_H264_REF_LIST_LEN],
    pub ref_pic_list1: [v4l2_h264_reference; V4L2_H264_REF_LIST_LEN],
    pub flags: u32,
}

pub const V4L2_H264_DPB_ENTRY_FLAG_VALID: u32 = 0x01;
pub const V4L2_H264_DPB_ENTRY_FLAG_ACTIVE: u32 = 0x02;
pub const V4L2_H264_DPB_ENTRY_FLAG_LONG_TERM: u32 = 0x04;
pub const V4L2_H264_DPB_ENTRY_FLAG_FIELD: u32 = 0x08;

/// `struct v4l2_h264_dpb_entry`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_h264_dpb_entry {
    pub reference_ts: u64,
    pub pic_num: u32,
    pub frame_num: u16,
    pub fields: u8,
    pub reserved: [u8; 5],
    pub top_field_order_cnt: i32,
    pub bottom_field_order_cnt: i32,
    pub flags: u32,
}

pub const V4L2_H264_DECODE_PARAM_FLAG_IDR_PIC: u32 = 0x01;
pub const V4L2_H264_DECODE_PARAM_FLAG_FIELD_PIC: u32 = 0x02;
pub const V4L2_H264_DECODE_PARAM_FLAG_BOTTOM_FIELD: u32 = 0x04;
pub const V4L2_H264_DECODE_PARAM_FLAG_PFRAME: u32 = 0x08;
pub const V4L2_H264_DECODE_PARAM_FLAG_BFRAME: u32 = 0x10;

/// `struct v4l2_ctrl_h264_decode_params`
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct v4l2_ctrl_h264_decode_params {
    pub dpb: [v4l2_h264_dpb_entry; V4L2_H264_NUM_DPB_ENTRIES],
    pub nal_ref_idc: u16,
    pub frame_num: u16,
    pub top_field_order_cnt: i32,
    pub bottom_field_order_cnt: i32,
    pub idr_pic_id: u16,
    pub pic_order_cnt_lsb: u16,
    pub delta_pic_order_cnt_bottom: i32,
    pub delta_pic_order_cnt0: i32,
    pub delta_pic_order_cnt1: i32,
    pub dec_ref_pic_marking_bit_size: u32,
    pub pic_order_cnt_bit_size: u32,
    pub slice_group_change_cycle: u32,
    pub reserved: u32,
    pub flags: u32,
}

zeroed_default!(v4l2_ctrl_h264_sps, v4l2_ctrl_h264_scaling_matrix);
