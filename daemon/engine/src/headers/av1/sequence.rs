// SPDX-License-Identifier: BSD-2-Clause
//! The sequence header OBU (section 5.5).

use super::obu;
use v4l2_common::bits::BitWriter;
use v4l2_common::uapi::av1::*;

/// The canonical sequence header.
///
/// Constant, whatever the client's stream said: not a still picture (its frame header is written in full), one operating
/// point of the highest level, 65536 x 65536 as the largest frame (every frame states its size), no frame ids, screen content
/// tools and integer motion vectors chosen by the frame, and every tool that has a switch of its own in the frame header is
/// enabled: super-resolution, loop restoration, warped motion, motion field projection, separate chroma quantisers,
/// film grain. With such a tool off in the frame header, decoding is as if the sequence lacked it.
pub(super) fn sequence_header(sequence: &v4l2_ctrl_av1_sequence) -> Vec<u8> {
    let flag = |flag: u32| sequence.flags & flag != 0;
    let mono_chrome = flag(V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME);
    let enable_order_hint = flag(V4L2_AV1_SEQUENCE_FLAG_ENABLE_ORDER_HINT);
    let mut w = BitWriter::new();
    w.bits(0, 3); // seq_profile
    w.bit(false); // still_picture
    w.bit(false); // reduced_still_picture_header
    w.bit(false); // timing_info_present_flag
    w.bit(false); // initial_display_delay_present_flag
    w.bits(0, 5); // operating_points_cnt_minus_1
    w.bits(0, 12); // operating_point_idc
    w.bits(31, 5); // seq_level_idx: no limits
    w.bit(true); // seq_tier
    w.bits(15, 4); // frame_width_bits_minus_1
    w.bits(15, 4); // frame_height_bits_minus_1
    w.bits(0xffff, 16); // max_frame_width_minus_1
    w.bits(0xffff, 16); // max_frame_height_minus_1
    w.bit(false); // frame_id_numbers_present_flag
    w.bit(flag(V4L2_AV1_SEQUENCE_FLAG_USE_128X128_SUPERBLOCK));
    w.bit(flag(V4L2_AV1_SEQUENCE_FLAG_ENABLE_FILTER_INTRA));
    w.bit(flag(V4L2_AV1_SEQUENCE_FLAG_ENABLE_INTRA_EDGE_FILTER));
    w.bit(flag(V4L2_AV1_SEQUENCE_FLAG_ENABLE_INTERINTRA_COMPOUND));
    w.bit(flag(V4L2_AV1_SEQUENCE_FLAG_ENABLE_MASKED_COMPOUND));
    w.bit(true); // enable_warped_motion
    w.bit(flag(V4L2_AV1_SEQUENCE_FLAG_ENABLE_DUAL_FILTER));
    w.bit(enable_order_hint);
    if enable_order_hint {
        w.bit(flag(V4L2_AV1_SEQUENCE_FLAG_ENABLE_JNT_COMP));
        w.bit(true); // enable_ref_frame_mvs
    }
    w.bit(true); // seq_choose_screen_content_tools
    w.bit(true); // seq_choose_integer_mv
    if enable_order_hint {
        w.bits(u32::from(sequence.order_hint_bits).saturating_sub(1), 3);
    }
    w.bit(true); // enable_superres
    w.bit(flag(V4L2_AV1_SEQUENCE_FLAG_ENABLE_CDEF));
    w.bit(true); // enable_restoration
    w.bit(sequence.bit_depth == 10); // high_bitdepth
    w.bit(mono_chrome);
    w.bit(false); // color_description_present_flag
    w.bit(false); // color_range
    if !mono_chrome {
        w.bits(0, 2); // chroma_sample_position
        w.bit(true); // separate_uv_delta_q
    }
    w.bit(true); // film_grain_params_present
    w.trailing_bits();
    obu::whole(obu::OBU_SEQUENCE_HEADER, &w.finish())
}
