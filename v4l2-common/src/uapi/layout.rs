// SPDX-License-Identifier: BSD-2-Clause
//! The mirrors have the kernel's layout.
//!
//! The figures come from Linux 6.12's `linux/v4l2-controls.h` (x86-64; all uAPI structs here are the same on every 64-bit
//! architecture), printed by a C program that for each struct `S` and field `f` named below does
//! `printf("%zu %zu\n", sizeof(struct S), offsetof(struct S, f))` after `#include <linux/videodev2.h>`.

use super::{av1::*, h264::*, vp9::*};
use core::mem::{offset_of, size_of};

macro_rules! layout {
    ($($name:ident $size:literal { $($field:ident $offset:literal)* })*) => {
        #[test]
        fn sizes_and_offsets_are_the_kernels() {
            $(
                assert_eq!(size_of::<$name>(), $size, stringify!($name));
                $(assert_eq!(offset_of!($name, $field), $offset, concat!(stringify!($name), ".", stringify!($field)));)*
            )*
        }
    };
}

layout! {
    v4l2_ctrl_h264_sps 1048 {
        profile_idc 0 constraint_set_flags 1 level_idc 2 seq_parameter_set_id 3 chroma_format_idc 4
        bit_depth_luma_minus8 5 bit_depth_chroma_minus8 6 log2_max_frame_num_minus4 7 pic_order_cnt_type 8
        log2_max_pic_order_cnt_lsb_minus4 9 max_num_ref_frames 10 num_ref_frames_in_pic_order_cnt_cycle 11
        offset_for_ref_frame 12 offset_for_non_ref_pic 1032 offset_for_top_to_bottom_field 1036
        pic_width_in_mbs_minus1 1040 pic_height_in_map_units_minus1 1042 flags 1044
    }
    v4l2_ctrl_h264_pps 12 {
        pic_parameter_set_id 0 seq_parameter_set_id 1 num_slice_groups_minus1 2 num_ref_idx_l0_default_active_minus1
        3 num_ref_idx_l1_default_active_minus1 4 weighted_bipred_idc 5 pic_init_qp_minus26 6 pic_init_qs_minus26 7
        chroma_qp_index_offset 8 second_chroma_qp_index_offset 9 flags 10
    }
    v4l2_ctrl_h264_scaling_matrix 480 {
        scaling_list_4x4 0 scaling_list_8x8 96
    }
    v4l2_h264_weight_factors 384 {
        luma_weight 0 luma_offset 64 chroma_weight 128 chroma_offset 256
    }
    v4l2_ctrl_h264_pred_weights 772 {
        luma_log2_weight_denom 0 chroma_log2_weight_denom 2 weight_factors 4
    }
    v4l2_h264_reference 2 {
        fields 0 index 1
    }
    v4l2_ctrl_h264_slice_params 152 {
        header_bit_size 0 first_mb_in_slice 4 slice_type 8 colour_plane_id 9 redundant_pic_cnt 10 cabac_init_idc 11
        slice_qp_delta 12 slice_qs_delta 13 disable_deblocking_filter_idc 14 slice_alpha_c0_offset_div2 15
        slice_beta_offset_div2 16 num_ref_idx_l0_active_minus1 17 num_ref_idx_l1_active_minus1 18 reserved 19
        ref_pic_list0 20 ref_pic_list1 84 flags 148
    }
    v4l2_h264_dpb_entry 32 {
        reference_ts 0 pic_num 8 frame_num 12 fields 14 reserved 15 top_field_order_cnt 20 bottom_field_order_cnt 24
        flags 28
    }
    v4l2_ctrl_h264_decode_params 560 {
        dpb 0 nal_ref_idc 512 frame_num 514 top_field_order_cnt 516 bottom_field_order_cnt 520 idr_pic_id 524
        pic_order_cnt_lsb 526 delta_pic_order_cnt_bottom 528 delta_pic_order_cnt0 532 delta_pic_order_cnt1 536
        dec_ref_pic_marking_bit_size 540 pic_order_cnt_bit_size 544 slice_group_change_cycle 548 reserved 552 flags
        556
    }
    v4l2_vp9_loop_filter 16 {
        ref_deltas 0 mode_deltas 4 level 6 sharpness 7 flags 8 reserved 9
    }
    v4l2_vp9_quantization 8 {
        base_q_idx 0 delta_q_y_dc 1 delta_q_uv_dc 2 delta_q_uv_ac 3 reserved 4
    }
    v4l2_vp9_segmentation 88 {
        feature_data 0 feature_enabled 64 tree_probs 72 pred_probs 79 flags 82 reserved 83
    }
    v4l2_ctrl_vp9_frame 168 {
        lf 0 quant 16 seg 24 flags 112 compressed_header_size 116 uncompressed_header_size 118 frame_width_minus_1
        120 frame_height_minus_1 122 render_width_minus_1 124 render_height_minus_1 126 last_frame_ts 128
        golden_frame_ts 136 alt_frame_ts 144 ref_frame_sign_bias 152 reset_frame_context 153 frame_context_idx 154
        profile 155 bit_depth 156 interpolation_filter 157 tile_cols_log2 158 tile_rows_log2 159 reference_mode 160
        reserved 161
    }
    v4l2_vp9_mv_probs 69 {
        joint 0 sign 3 classes 5 class0_bit 25 bits 27 class0_fr 47 fr 59 class0_hp 65 hp 67
    }
    v4l2_ctrl_vp9_compressed_hdr 2040 {
        tx_mode 0 tx8 1 tx16 3 tx32 7 coef 13 skip 1741 inter_mode 1744 interp_filter 1765 is_inter 1773 comp_mode
        1777 single_ref 1782 comp_ref 1792 y_mode 1797 uv_mode 1833 partition 1923 mv 1971
    }
    v4l2_ctrl_av1_sequence 12 {
        flags 0 seq_profile 4 order_hint_bits 5 bit_depth 6 reserved 7 max_frame_width_minus_1 8
        max_frame_height_minus_1 10
    }
    v4l2_ctrl_av1_tile_group_entry 16 {
        tile_offset 0 tile_size 4 tile_row 8 tile_col 12
    }
    v4l2_av1_global_motion 236 {
        flags 0 r#type 8 params 40 invalid 232 reserved 233
    }
    v4l2_av1_loop_restoration 28 {
        flags 0 lr_unit_shift 1 lr_uv_shift 2 reserved 3 frame_restoration_type 4 loop_restoration_size 16
    }
    v4l2_av1_cdef 34 {
        damping_minus_3 0 bits 1 y_pri_strength 2 y_sec_strength 10 uv_pri_strength 18 uv_sec_strength 26
    }
    v4l2_av1_segmentation 138 {
        flags 0 last_active_seg_id 1 feature_enabled 2 feature_data 10
    }
    v4l2_av1_loop_filter 17 {
        flags 0 level 1 sharpness 5 ref_deltas 6 mode_deltas 14 delta_lf_res 16
    }
    v4l2_av1_quantization 11 {
        flags 0 base_q_idx 1 delta_q_y_dc 2 delta_q_u_dc 3 delta_q_u_ac 4 delta_q_v_dc 5 delta_q_v_ac 6 qm_y 7 qm_u
        8 qm_v 9 delta_q_res 10
    }
    v4l2_av1_tile_info 1040 {
        flags 0 context_update_tile_id 1 tile_cols 2 tile_rows 3 mi_col_starts 4 mi_row_starts 264
        width_in_sbs_minus_1 524 height_in_sbs_minus_1 780 tile_size_bytes 1036 reserved 1037
    }
    v4l2_ctrl_av1_frame 1784 {
        tile_info 0 quantization 1040 superres_denom 1051 segmentation 1052 loop_filter 1190 cdef 1207
        skip_mode_frame 1241 primary_ref_frame 1243 loop_restoration 1244 global_motion 1272 flags 1508 frame_type
        1512 order_hint 1516 upscaled_width 1520 interpolation_filter 1524 tx_mode 1528 frame_width_minus_1 1532
        frame_height_minus_1 1536 render_width_minus_1 1540 render_height_minus_1 1542 current_frame_id 1544
        buffer_removal_time 1548 reserved 1676 order_hints 1680 reference_frame_ts 1712 ref_frame_idx 1776
        refresh_frame_flags 1783
    }
    v4l2_ctrl_av1_film_grain 194 {
        flags 0 cr_mult 1 grain_seed 2 film_grain_params_ref_idx 4 num_y_points 5 point_y_value 6 point_y_scaling 22
        num_cb_points 38 point_cb_value 39 point_cb_scaling 55 num_cr_points 71 point_cr_value 72 point_cr_scaling
        88 grain_scaling_minus_8 104 ar_coeff_lag 105 ar_coeffs_y_plus_128 106 ar_coeffs_cb_plus_128 131
        ar_coeffs_cr_plus_128 156 ar_coeff_shift_minus_6 181 grain_scale_shift 182 cb_mult 183 cb_luma_mult 184
        cr_luma_mult 185 cb_offset 186 cr_offset 188 reserved 190
    }
}

#[test]
fn control_identifiers_are_the_kernels() {
    assert_eq!(super::V4L2_CID_CODEC_STATELESS_BASE, 10_750_208);
    assert_eq!(V4L2_CID_STATELESS_H264_DECODE_MODE, 10_750_208);
    assert_eq!(V4L2_CID_STATELESS_H264_START_CODE, 10_750_209);
    assert_eq!(V4L2_CID_STATELESS_H264_SPS, 10_750_210);
    assert_eq!(V4L2_CID_STATELESS_H264_PPS, 10_750_211);
    assert_eq!(V4L2_CID_STATELESS_H264_SCALING_MATRIX, 10_750_212);
    assert_eq!(V4L2_CID_STATELESS_H264_PRED_WEIGHTS, 10_750_213);
    assert_eq!(V4L2_CID_STATELESS_H264_SLICE_PARAMS, 10_750_214);
    assert_eq!(V4L2_CID_STATELESS_H264_DECODE_PARAMS, 10_750_215);
    assert_eq!(V4L2_CID_STATELESS_VP9_FRAME, 10_750_508);
    assert_eq!(V4L2_CID_STATELESS_VP9_COMPRESSED_HDR, 10_750_509);
    assert_eq!(V4L2_CID_STATELESS_AV1_SEQUENCE, 10_750_708);
    assert_eq!(V4L2_CID_STATELESS_AV1_TILE_GROUP_ENTRY, 10_750_709);
    assert_eq!(V4L2_CID_STATELESS_AV1_FRAME, 10_750_710);
    assert_eq!(V4L2_CID_STATELESS_AV1_FILM_GRAIN, 10_750_713);
}
