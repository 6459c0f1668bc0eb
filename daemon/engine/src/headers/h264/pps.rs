// SPDX-License-Identifier: BSD-2-Clause
//! `v4l2_ctrl_h264_pps` and `v4l2_ctrl_h264_scaling_matrix` to a picture parameter set (clause 7.3.2.2).

use super::{HeaderError, check, nal};
use v4l2_common::bits::BitWriter;
use v4l2_common::uapi::h264::*;

/// Raster position of the coefficient at each zig-zag position of a 4x4 block (Table 8-2, frame scan).
const ZIGZAG_4X4: [u8; 16] = [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15];

/// The same for an 8x8 block (Table 8-3, frame scan).
const ZIGZAG_8X8: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

fn validate(sps: &v4l2_ctrl_h264_sps, pps: &v4l2_ctrl_h264_pps) -> Result<(), HeaderError> {
    if pps.num_slice_groups_minus1 != 0 {
        return Err(HeaderError::Unsupported(
            "H.264 slice groups (flexible macroblock ordering)",
        ));
    }
    let l0 = pps.num_ref_idx_l0_default_active_minus1;
    check("num_ref_idx_l0_default_active_minus1", l0, 0..=31, "0..=31")?;
    let l1 = pps.num_ref_idx_l1_default_active_minus1;
    check("num_ref_idx_l1_default_active_minus1", l1, 0..=31, "0..=31")?;
    check(
        "weighted_bipred_idc",
        pps.weighted_bipred_idc,
        0..=2,
        "0..=2",
    )?;
    let lowest = -26 - 6 * i64::from(sps.bit_depth_luma_minus8);
    check(
        "pic_init_qp_minus26",
        pps.pic_init_qp_minus26,
        lowest..=25,
        "-(26 + 6 * bit_depth_luma_minus8)..=25",
    )?;
    check(
        "pic_init_qs_minus26",
        pps.pic_init_qs_minus26,
        -26..=25,
        "-26..=25",
    )?;
    check(
        "chroma_qp_index_offset",
        pps.chroma_qp_index_offset,
        -12..=12,
        "-12..=12",
    )?;
    check(
        "second_chroma_qp_index_offset",
        pps.second_chroma_qp_index_offset,
        -12..=12,
        "-12..=12",
    )
}

/// Picture parameter set for `pps`, an Annex B NAL unit that refers to the SPS which
/// [`sps_nal`](super::sps_nal) makes of `sps`.
///
/// `matrix` (raster order, as the control has it) counts only with `V4L2_H264_PPS_FLAG_SCALING_MATRIX_PRESENT`; its
/// lists are then explicit. Lists are coded in zig-zag order for frames and fields alike (clause 8.5.6).
///
/// # Errors
/// A field is out of range, a scaling list holds a zero, or there is more than one slice group.
pub fn pps_nal(
    sps: &v4l2_ctrl_h264_sps,
    pps: &v4l2_ctrl_h264_pps,
    matrix: Option<&v4l2_ctrl_h264_scaling_matrix>,
) -> Result<Vec<u8>, HeaderError> {
    validate(sps, pps)?;
    let flag = |flag: u16| pps.flags & flag != 0;
    let mut w = BitWriter::new();
    w.ue(u32::from(pps.pic_parameter_set_id));
    w.ue(u32::from(sps.seq_parameter_set_id));
    w.bit(flag(V4L2_H264_PPS_FLAG_ENTROPY_CODING_MODE));
    w.bit(flag(
        V4L2_H264_PPS_FLAG_BOTTOM_FIELD_PIC_ORDER_IN_FRAME_PRESENT,
    ));
    w.ue(0);
    w.ue(u32::from(pps.num_ref_idx_l0_default_active_minus1));
    w.ue(u32::from(pps.num_ref_idx_l1_default_active_minus1));
    w.bit(flag(V4L2_H264_PPS_FLAG_WEIGHTED_PRED));
    w.bits(u32::from(pps.weighted_bipred_idc), 2);
    w.se(i32::from(pps.pic_init_qp_minus26));
    w.se(i32::from(pps.pic_init_qs_minus26));
    w.se(i32::from(pps.chroma_qp_index_offset));
    w.bit(flag(V4L2_H264_PPS_FLAG_DEBLOCKING_FILTER_CONTROL_PRESENT));
    w.bit(flag(V4L2_H264_PPS_FLAG_CONSTRAINED_INTRA_PRED));
    w.bit(flag(V4L2_H264_PPS_FLAG_REDUNDANT_PIC_CNT_PRESENT));
    let transform_8x8 = flag(V4L2_H264_PPS_FLAG_TRANSFORM_8X8_MODE);
    w.bit(transform_8x8);
    let matrix = matrix.filter(|_| flag(V4L2_H264_PPS_FLAG_SCALING_MATRIX_PRESENT));
    w.bit(matrix.is_some());
    if let Some(matrix) = matrix {
        for list in &matrix.scaling_list_4x4 {
            scaling_list(&mut w, list, &ZIGZAG_4X4)?;
        }
        if transform_8x8 {
            // 4:2:0 and 4:0:0 have Intra Y and Inter Y only.
            for list in matrix.scaling_list_8x8.iter().take(2) {
                scaling_list(&mut w, list, &ZIGZAG_8X8)?;
            }
        }
    }
    w.se(i32::from(pps.second_chroma_qp_index_offset));
    w.trailing_bits();
    Ok(nal(8, &w.finish()))
}

/// One present list: its flag, then `scaling_list()` (clause 7.3.2.1.1.1) of a list in raster order.
fn scaling_list(w: &mut BitWriter, raster: &[u8], scan: &[u8]) -> Result<(), HeaderError> {
    w.bit(true);
    let mut last = 8u8;
    for &position in scan {
        let scale = raster.get(usize::from(position)).copied().unwrap_or(0);
        // A zero would end the list (or ask for the default one).
        check("scaling list entry", scale, 1..=255, "1..=255")?;
        // delta_scale is taken modulo 256.
        w.se(i32::from(scale.wrapping_sub(last) as i8));
        last = scale;
    }
    Ok(())
}
