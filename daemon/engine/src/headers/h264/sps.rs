// SPDX-License-Identifier: BSD-2-Clause
//! `v4l2_ctrl_h264_sps` to a sequence parameter set (clause 7.3.2.1.1).

use super::{HeaderError, check, nal};
use v4l2_common::bits::BitWriter;
use v4l2_common::uapi::h264::*;

/// Largest picture, in macroblocks each way (8192 samples).
const MAX_SIZE_IN_MBS: i64 = 512;

/// `level_idc` values of Annex A (9 is level 1b).
const LEVELS: [u8; 20] = [
    9, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62,
];

fn validate(sps: &v4l2_ctrl_h264_sps) -> Result<(), HeaderError> {
    check(
        "seq_parameter_set_id",
        sps.seq_parameter_set_id,
        0..=31,
        "0..=31",
    )?;
    if sps.chroma_format_idc > 1 {
        return Err(HeaderError::Unsupported(
            "H.264 chroma formats other than 4:2:0 and 4:0:0",
        ));
    }
    if !matches!(sps.bit_depth_luma_minus8, 0 | 2) {
        return Err(HeaderError::Unsupported(
            "H.264 bit depths other than 8 and 10",
        ));
    }
    if sps.chroma_format_idc != 0 && sps.bit_depth_chroma_minus8 != sps.bit_depth_luma_minus8 {
        return Err(HeaderError::Unsupported(
            "H.264 chroma bit depth different from luma",
        ));
    }
    check(
        "log2_max_frame_num_minus4",
        sps.log2_max_frame_num_minus4,
        0..=12,
        "0..=12",
    )?;
    check("pic_order_cnt_type", sps.pic_order_cnt_type, 0..=2, "0..=2")?;
    if sps.pic_order_cnt_type == 0 {
        check(
            "log2_max_pic_order_cnt_lsb_minus4",
            sps.log2_max_pic_order_cnt_lsb_minus4,
            0..=12,
            "0..=12",
        )?;
    }
    check(
        "max_num_ref_frames",
        sps.max_num_ref_frames,
        0..=16,
        "0..=16",
    )?;
    check(
        "pic_width_in_mbs_minus1",
        sps.pic_width_in_mbs_minus1,
        0..=MAX_SIZE_IN_MBS - 1,
        "0..=511",
    )?;
    let height_in_mbs = (i64::from(sps.pic_height_in_map_units_minus1) + 1) * map_unit_height(sps);
    check(
        "picture height in macroblocks",
        height_in_mbs,
        1..=MAX_SIZE_IN_MBS,
        "1..=512",
    )?;
    for offset in offsets(sps) {
        // The standard's lower bound is -2^31 + 1; se(v) cannot code -2^31.
        check(
            "picture order count offset",
            offset,
            -(i64::from(i32::MAX))..=i64::from(i32::MAX),
            "above -2^31",
        )?;
    }
    if !flag(sps, V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY)
        && !flag(sps, V4L2_H264_SPS_FLAG_DIRECT_8X8_INFERENCE)
    {
        return Err(HeaderError::Unsupported(
            "interlaced H.264 without direct_8x8_inference_flag",
        ));
    }
    Ok(())
}

fn flag(sps: &v4l2_ctrl_h264_sps, flag: u32) -> bool {
    sps.flags & flag != 0
}

/// Macroblock rows of a frame per map unit.
fn map_unit_height(sps: &v4l2_ctrl_h264_sps) -> i64 {
    if flag(sps, V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY) {
        1
    } else {
        2
    }
}

/// All offsets of picture order count type 1.
fn offsets(sps: &v4l2_ctrl_h264_sps) -> impl Iterator<Item = i32> + '_ {
    let cycle = usize::from(sps.num_ref_frames_in_pic_order_cnt_cycle);
    [
        sps.offset_for_non_ref_pic,
        sps.offset_for_top_to_bottom_field,
    ]
    .into_iter()
    .chain(sps.offset_for_ref_frame.iter().copied().take(cycle))
    .filter(move |_| sps.pic_order_cnt_type == 1)
}

/// The lowest High profile whose syntax carries the SPS. High is a superset of what Baseline (without slice groups),
/// Main and the Intra profiles decode, and the same for the whole stream whatever a PPS asks for later.
fn profile_idc(sps: &v4l2_ctrl_h264_sps) -> u8 {
    match sps.profile_idc {
        // The lossless tools of this profile change what transform bypass means.
        244 => 244,
        122 => 122,
        _ if sps.bit_depth_luma_minus8 > 0 || sps.profile_idc == 110 => 110,
        _ => 100,
    }
}

/// Sequence parameter set for `sps`, an Annex B NAL unit.
///
/// `level_idc` 0 or unknown becomes 6.2. The VUI says: no reordering, a DPB of `max_num_ref_frames` (at least 1).
///
/// # Errors
/// A field is out of range; chroma format, bit depth or size is not decodable.
pub fn sps_nal(sps: &v4l2_ctrl_h264_sps) -> Result<Vec<u8>, HeaderError> {
    validate(sps)?;
    let mut w = BitWriter::new();
    let profile = profile_idc(sps);
    let level = if LEVELS.contains(&sps.level_idc) {
        sps.level_idc
    } else {
        62
    };
    w.bits(u32::from(profile), 8);
    // The constraint flags restrict Baseline, Main or Intra subsets; none is claimed.
    w.bits(0, 8);
    w.bits(u32::from(level), 8);
    w.ue(u32::from(sps.seq_parameter_set_id));
    w.ue(u32::from(sps.chroma_format_idc));
    w.ue(u32::from(sps.bit_depth_luma_minus8));
    // Without chroma the field means nothing, but decoders want it equal.
    w.ue(u32::from(sps.bit_depth_luma_minus8));
    w.bit(flag(
        sps,
        V4L2_H264_SPS_FLAG_QPPRIME_Y_ZERO_TRANSFORM_BYPASS,
    ));
    // seq_scaling_matrix_present_flag: the PPS carries the lists
    w.bit(false);
    w.ue(u32::from(sps.log2_max_frame_num_minus4));
    w.ue(u32::from(sps.pic_order_cnt_type));
    match sps.pic_order_cnt_type {
        0 => w.ue(u32::from(sps.log2_max_pic_order_cnt_lsb_minus4)),
        1 => {
            w.bit(flag(sps, V4L2_H264_SPS_FLAG_DELTA_PIC_ORDER_ALWAYS_ZERO));
            w.se(sps.offset_for_non_ref_pic);
            w.se(sps.offset_for_top_to_bottom_field);
            w.ue(u32::from(sps.num_ref_frames_in_pic_order_cnt_cycle));
            let cycle = usize::from(sps.num_ref_frames_in_pic_order_cnt_cycle);
            sps.offset_for_ref_frame
                .iter()
                .take(cycle)
                .for_each(|&offset| w.se(offset));
        }
        _ => {}
    }
    w.ue(u32::from(sps.max_num_ref_frames));
    w.bit(flag(
        sps,
        V4L2_H264_SPS_FLAG_GAPS_IN_FRAME_NUM_VALUE_ALLOWED,
    ));
    w.ue(u32::from(sps.pic_width_in_mbs_minus1));
    w.ue(u32::from(sps.pic_height_in_map_units_minus1));
    let frame_mbs_only = flag(sps, V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY);
    w.bit(frame_mbs_only);
    if !frame_mbs_only {
        w.bit(flag(sps, V4L2_H264_SPS_FLAG_MB_ADAPTIVE_FRAME_FIELD));
    }
    w.bit(flag(sps, V4L2_H264_SPS_FLAG_DIRECT_8X8_INFERENCE));
    // frame_cropping_flag
    w.bit(false);
    // vui_parameters_present_flag
    w.bit(true);
    vui(&mut w, sps.max_num_ref_frames.max(1));
    w.trailing_bits();
    Ok(nal(7, &w.finish()))
}

/// `vui_parameters()` (clause E.1.1) with nothing but the bitstream restriction.
fn vui(w: &mut BitWriter, max_dec_frame_buffering: u8) {
    // aspect ratio, overscan, video signal, chroma location, timing, NAL HRD, VCL HRD, pic_struct
    for _ in 0..8 {
        w.bit(false);
    }
    // bitstream_restriction_flag
    w.bit(true);
    // motion_vectors_over_pic_boundaries_flag
    w.bit(true);
    // max_bytes_per_pic_denom, max_bits_per_mb_denom: no limit
    w.ue(0);
    w.ue(0);
    // log2_max_mv_length_horizontal, _vertical: the largest
    w.ue(15);
    w.ue(15);
    // max_num_reorder_frames
    w.ue(0);
    w.ue(u32::from(max_dec_frame_buffering));
}
