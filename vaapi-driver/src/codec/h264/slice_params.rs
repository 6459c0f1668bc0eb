// SPDX-License-Identifier: BSD-2-Clause
//! Per-slice controls.

use super::controls::{Dpb, fields};
use super::input::is_valid;
use super::slice_header::SliceHeader;
use v4l2_common::uapi::h264::*;
use va_sys::*;

/// Index of a list entry that names nothing.
const HOLE: v4l2_h264_reference = v4l2_h264_reference {
    fields: 0,
    index: 0xff,
};

/// One reference list: the surfaces that VA names, as indices into the DPB. Entries beyond the active ones, and those
/// that the client has no surface for, are holes.
fn list(
    pictures: &[VAPictureH264; V4L2_H264_REF_LIST_LEN],
    active: usize,
    dpb: &Dpb,
) -> [v4l2_h264_reference; V4L2_H264_REF_LIST_LEN] {
    let mut list = [HOLE; V4L2_H264_REF_LIST_LEN];
    for (reference, picture) in list.iter_mut().zip(pictures).take(active) {
        if is_valid(picture) {
            if let Some(index) = dpb.index(picture.picture_id) {
                *reference = v4l2_h264_reference {
                    fields: fields(picture),
                    index,
                };
            }
        }
    }
    list
}

/// Slice parameters: all from the slice header but the final reference lists.
pub(super) fn slice_params(
    va: &VASliceParameterBufferH264,
    header: &SliceHeader,
    dpb: &Dpb,
) -> v4l2_ctrl_h264_slice_params {
    let active = |list: usize| match (header.is_intra(), header.is_b(), list) {
        (false, _, 0) | (_, true, 1) => usize::from(header.num_ref_idx_minus1[list]) + 1,
        _ => 0,
    };
    let mut flags = 0;
    if header.direct_spatial_mv_pred {
        flags |= V4L2_H264_SLICE_FLAG_DIRECT_SPATIAL_MV_PRED;
    }
    if header.sp_for_switch {
        flags |= V4L2_H264_SLICE_FLAG_SP_FOR_SWITCH;
    }
    v4l2_ctrl_h264_slice_params {
        header_bit_size: header.end as u32,
        first_mb_in_slice: header.first_mb,
        slice_type: header.slice_type,
        redundant_pic_cnt: header.redundant_pic_cnt,
        cabac_init_idc: header.cabac_init_idc,
        slice_qp_delta: header.slice_qp_delta,
        slice_qs_delta: header.slice_qs_delta,
        disable_deblocking_filter_idc: header.disable_deblocking_filter_idc,
        slice_alpha_c0_offset_div2: header.slice_alpha_c0_offset_div2,
        slice_beta_offset_div2: header.slice_beta_offset_div2,
        num_ref_idx_l0_active_minus1: header.num_ref_idx_minus1[0],
        num_ref_idx_l1_active_minus1: header.num_ref_idx_minus1[1],
        ref_pic_list0: list(&va.RefPicList0, active(0), dpb),
        ref_pic_list1: list(&va.RefPicList1, active(1), dpb),
        flags,
        ..Default::default()
    }
}
