// SPDX-License-Identifier: BSD-2-Clause
//! Parameter sets read back with an independent parser (h264-reader) and by hand.

use super::*;
use h264_reader::Context;
use h264_reader::nal::{Nal, RefNal, pps::PicParameterSet, sps};
use v4l2_common::bits::{BitReader, unescape_nal};
use v4l2_common::uapi::h264::*;

/// A plain High profile 1080p stream.
fn sps() -> v4l2_ctrl_h264_sps {
    v4l2_ctrl_h264_sps {
        profile_idc: 77,
        constraint_set_flags: V4L2_H264_SPS_CONSTRAINT_SET1_FLAG,
        level_idc: 41,
        seq_parameter_set_id: 3,
        chroma_format_idc: 1,
        log2_max_frame_num_minus4: 5,
        log2_max_pic_order_cnt_lsb_minus4: 7,
        max_num_ref_frames: 4,
        pic_width_in_mbs_minus1: 119,
        pic_height_in_map_units_minus1: 67,
        flags: V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY | V4L2_H264_SPS_FLAG_DIRECT_8X8_INFERENCE,
        ..Default::default()
    }
}

fn parse_sps(nal: &[u8]) -> sps::SeqParameterSet {
    let nal = RefNal::new(&nal[4..], &[], true);
    sps::SeqParameterSet::from_bits(nal.rbsp_bits()).unwrap()
}

fn parse_pps(sps_nal: &[u8], pps_nal: &[u8]) -> PicParameterSet {
    let mut context = Context::default();
    context.put_seq_param_set(parse_sps(sps_nal));
    PicParameterSet::from_bits(&context, RefNal::new(&pps_nal[4..], &[], true).rbsp_bits()).unwrap()
}

#[test]
fn an_sps_reads_back() {
    let mut control = sps();
    control.flags |= V4L2_H264_SPS_FLAG_GAPS_IN_FRAME_NUM_VALUE_ALLOWED;
    let read = parse_sps(&sps_nal(&control).unwrap());
    assert_eq!(u8::from(read.profile_idc), 100);
    assert_eq!(read.level_idc, 41);
    assert_eq!(read.id().id(), 3);
    assert_eq!(read.log2_max_frame_num(), 9);
    assert_eq!(read.max_num_ref_frames, 4);
    assert!(read.gaps_in_frame_num_value_allowed_flag);
    assert_eq!(read.pixel_dimensions().unwrap(), (1920, 1088));
    assert!(matches!(
        read.pic_order_cnt,
        sps::PicOrderCntType::TypeZero {
            log2_max_pic_order_cnt_lsb_minus4: 7
        }
    ));
    let restriction = read.vui_parameters.unwrap().bitstream_restrictions.unwrap();
    assert_eq!(restriction.max_num_reorder_frames, 0);
    assert_eq!(restriction.max_dec_frame_buffering, 4);
}

#[test]
fn interlaced_ten_bit_and_monochrome_are_carried() {
    let mut control = sps();
    control.flags =
        V4L2_H264_SPS_FLAG_DIRECT_8X8_INFERENCE | V4L2_H264_SPS_FLAG_MB_ADAPTIVE_FRAME_FIELD;
    control.pic_height_in_map_units_minus1 = 33;
    control.chroma_format_idc = 0;
    control.bit_depth_luma_minus8 = 2;
    control.pic_order_cnt_type = 2;
    let read = parse_sps(&sps_nal(&control).unwrap());
    assert_eq!(u8::from(read.profile_idc), 110);
    assert_eq!(read.chroma_info.bit_depth_luma_minus8, 2);
    assert_eq!(
        read.chroma_info.chroma_format,
        sps::ChromaFormat::Monochrome
    );
    assert_eq!(
        read.frame_mbs_flags,
        sps::FrameMbsFlags::Fields {
            mb_adaptive_frame_field_flag: true
        }
    );
    assert_eq!(read.pixel_dimensions().unwrap(), (1920, 1088));
    assert!(matches!(read.pic_order_cnt, sps::PicOrderCntType::TypeTwo));
}

#[test]
fn a_full_picture_order_count_cycle_is_carried() {
    let mut control = sps();
    control.pic_order_cnt_type = 1;
    control.num_ref_frames_in_pic_order_cnt_cycle = 255;
    control.offset_for_non_ref_pic = -i32::MAX;
    control.offset_for_top_to_bottom_field = i32::MAX;
    for (i, offset) in control.offset_for_ref_frame.iter_mut().enumerate() {
        *offset = i as i32 - 100;
    }
    let nal = sps_nal(&control).unwrap();
    let rbsp = unescape_nal(&nal[5..], usize::MAX);
    let mut r = BitReader::new(&rbsp);
    r.skip(24).unwrap();
    // id, chroma format, both depths
    let ids: Vec<u32> = (0..4).map(|_| r.ue().unwrap()).collect();
    assert_eq!(ids, [3, 1, 0, 0]);
    r.skip(2).unwrap();
    assert_eq!((r.ue(), r.ue(), r.bit()), (Ok(5), Ok(1), Ok(false)));
    assert_eq!(
        (r.se(), r.se(), r.ue()),
        (Ok(-i32::MAX), Ok(i32::MAX), Ok(255))
    );
    for i in 0..255 {
        assert_eq!(r.se(), Ok(i - 100));
    }
    assert_eq!(r.ue(), Ok(4));
}

#[test]
fn a_pps_reads_back() {
    let pps = v4l2_ctrl_h264_pps {
        pic_parameter_set_id: 200,
        num_ref_idx_l0_default_active_minus1: 31,
        num_ref_idx_l1_default_active_minus1: 2,
        weighted_bipred_idc: 2,
        pic_init_qp_minus26: -26,
        pic_init_qs_minus26: 25,
        chroma_qp_index_offset: -12,
        second_chroma_qp_index_offset: 12,
        flags: V4L2_H264_PPS_FLAG_ENTROPY_CODING_MODE
            | V4L2_H264_PPS_FLAG_WEIGHTED_PRED
            | V4L2_H264_PPS_FLAG_TRANSFORM_8X8_MODE,
        ..Default::default()
    };
    let read = parse_pps(
        &sps_nal(&sps()).unwrap(),
        &pps_nal(&sps(), &pps, None).unwrap(),
    );
    assert_eq!(read.pic_parameter_set_id.id(), 200);
    assert_eq!(read.seq_parameter_set_id.id(), 3);
    assert_eq!(read.num_ref_idx_l0_default_active_minus1, 31);
    assert_eq!(read.num_ref_idx_l1_default_active_minus1, 2);
    assert_eq!(
        (read.weighted_bipred_idc, read.weighted_pred_flag),
        (2, true)
    );
    assert_eq!(
        (read.pic_init_qp_minus26, read.pic_init_qs_minus26),
        (-26, 25)
    );
    assert_eq!(read.chroma_qp_index_offset, -12);
    assert!(read.entropy_coding_mode_flag && !read.bottom_field_pic_order_in_frame_present_flag);
    assert!(!read.deblocking_filter_control_present_flag && !read.constrained_intra_pred_flag);
    assert!(!read.redundant_pic_cnt_present_flag);
    let extension = read.extension.unwrap();
    assert!(extension.transform_8x8_mode_flag);
    assert!(extension.pic_scaling_matrix.is_none());
    assert_eq!(extension.second_chroma_qp_index_offset, 12);
}

/// Reads a PPS up to its scaling matrix, and the lists in coding order.
fn coded_lists(nal: &[u8]) -> Vec<Vec<u8>> {
    let rbsp = unescape_nal(&nal[5..], usize::MAX);
    let mut r = BitReader::new(&rbsp);
    for _ in 0..2 {
        r.ue().unwrap();
    }
    r.skip(2).unwrap();
    assert_eq!(r.ue(), Ok(0));
    for _ in 0..2 {
        r.ue().unwrap();
    }
    r.skip(3).unwrap();
    for _ in 0..3 {
        r.se().unwrap();
    }
    r.skip(3).unwrap();
    let transform_8x8 = r.bit().unwrap();
    assert!(r.bit().unwrap(), "scaling matrix present");
    let lists = (0..if transform_8x8 { 8 } else { 6 })
        .map(|list| {
            assert!(r.bit().unwrap(), "list present");
            let mut last = 8i32;
            (0..if list < 6 { 16 } else { 64 })
                .map(|_| {
                    last = (last + r.se().unwrap()).rem_euclid(256);
                    last as u8
                })
                .collect()
        })
        .collect();
    assert_eq!(r.se(), Ok(-3));
    assert!(r.bit().unwrap(), "stop bit");
    lists
}

#[test]
fn scaling_lists_are_coded_in_zig_zag_order() {
    let mut matrix = v4l2_ctrl_h264_scaling_matrix::default();
    for (list, values) in matrix.scaling_list_4x4.iter_mut().enumerate() {
        for (i, value) in values.iter_mut().enumerate() {
            *value = (1 + 16 * list + i) as u8;
        }
    }
    for (list, values) in matrix.scaling_list_8x8.iter_mut().take(2).enumerate() {
        for (i, value) in values.iter_mut().enumerate() {
            *value = (255 - 64 * list - i) as u8;
        }
    }
    let mut pps = v4l2_ctrl_h264_pps {
        second_chroma_qp_index_offset: -3,
        flags: V4L2_H264_PPS_FLAG_SCALING_MATRIX_PRESENT | V4L2_H264_PPS_FLAG_TRANSFORM_8X8_MODE,
        ..Default::default()
    };
    let lists = coded_lists(&pps_nal(&sps(), &pps, Some(&matrix)).unwrap());
    assert_eq!(lists.len(), 8);
    // Figure 8-8 (a): right, down-left, down, up-right, ...
    assert_eq!(
        lists[0],
        [1, 2, 5, 9, 6, 3, 4, 7, 10, 13, 14, 11, 8, 12, 15, 16]
    );
    assert_eq!(lists[5][..3], [81, 82, 85]);
    // The 8x8 scan, walked along its diagonals.
    let mut walk: Vec<(usize, usize)> = (0..8).flat_map(|y| (0..8).map(move |x| (x, y))).collect();
    walk.sort_by_key(|&(x, y)| (x + y, if (x + y) % 2 == 0 { x } else { y }));
    let expected: Vec<u8> = walk
        .iter()
        .map(|&(x, y)| matrix.scaling_list_8x8[1][8 * y + x])
        .collect();
    assert_eq!(lists[7], expected);

    pps.flags &= !V4L2_H264_PPS_FLAG_TRANSFORM_8X8_MODE;
    assert_eq!(
        coded_lists(&pps_nal(&sps(), &pps, Some(&matrix)).unwrap()).len(),
        6
    );
    matrix.scaling_list_4x4[2][7] = 0;
    assert!(pps_nal(&sps(), &pps, Some(&matrix)).is_err());
    pps.flags = 0;
    assert!(
        pps_nal(&sps(), &pps, Some(&matrix)).is_ok(),
        "a matrix that is not present does not count"
    );
}

#[test]
fn every_pps_id_of_the_slices_is_served() {
    let controls = H264Controls {
        sps: sps(),
        ..Default::default()
    };
    // IDR slices with first_mb_in_slice 0 and 1, slice_type 7, PPS ids 0, 2 and 0 again, then a SEI.
    let slices = [
        0,
        0,
        1,
        0x65,
        0b1_0001000,
        0b1_0000000, // id 0
        0,
        0,
        0,
        1,
        0x65,
        0b010_00010,
        0b00_011_000, // id 2
        0,
        0,
        1,
        0x65,
        0b1_0001000,
        0b1_0000000, //
        0,
        0,
        1,
        0x06,
        0xff,
    ];
    assert_eq!(pps_ids(&slices), [0, 2]);
    let first = first_slice(&slices).unwrap();
    assert_eq!((first.nal_unit_type, first.nal_ref_idc), (5, 3));
    assert_eq!(
        (first.slice_type, first.pic_parameter_set_id),
        (V4L2_H264_SLICE_TYPE_I, 0)
    );
    let sets = parameter_sets_for(&controls, &slices).unwrap();
    let types: Vec<u8> = sets
        .windows(4)
        .filter(|w| w[..3] == [0, 0, 1])
        .map(|w| w[3] & 31)
        .collect();
    assert_eq!(types, [7, 8, 8]);
    assert!(sets.starts_with(&parameter_sets(&controls).unwrap()));
    assert_eq!(first_slice(&[0, 0, 1, 0x65]), None);
    assert_eq!(first_slice(&[]), None);
}

#[test]
fn what_cannot_be_decoded_is_named() {
    let refused = |change: &dyn Fn(&mut v4l2_ctrl_h264_sps)| {
        let mut control = sps();
        change(&mut control);
        sps_nal(&control).unwrap_err().to_string()
    };
    assert!(refused(&|s| s.max_num_ref_frames = 17).contains("max_num_ref_frames is 17"));
    assert!(refused(&|s| s.pic_width_in_mbs_minus1 = 512).contains("pic_width_in_mbs_minus1"));
    assert!(refused(&|s| s.pic_height_in_map_units_minus1 = u16::MAX).contains("height"));
    assert!(refused(&|s| s.chroma_format_idc = 2).contains("4:2:0"));
    assert!(refused(&|s| s.bit_depth_luma_minus8 = 6).contains("bit depths"));
    assert!(refused(&|s| s.bit_depth_luma_minus8 = 2).contains("chroma bit depth"));
    assert!(refused(&|s| s.log2_max_frame_num_minus4 = 13).contains("log2_max_frame_num"));
    assert!(refused(&|s| s.pic_order_cnt_type = 3).contains("pic_order_cnt_type"));
    assert!(refused(&|s| s.seq_parameter_set_id = 32).contains("seq_parameter_set_id"));
    assert!(refused(&|s| s.flags = 0).contains("direct_8x8_inference"));
    let refused = |change: &dyn Fn(&mut v4l2_ctrl_h264_pps)| {
        let mut control = v4l2_ctrl_h264_pps::default();
        change(&mut control);
        pps_nal(&sps(), &control, None).unwrap_err().to_string()
    };
    assert!(refused(&|p| p.num_slice_groups_minus1 = 1).contains("slice groups"));
    assert!(refused(&|p| p.num_ref_idx_l1_default_active_minus1 = 32).contains("num_ref_idx_l1"));
    assert!(refused(&|p| p.pic_init_qp_minus26 = -27).contains("pic_init_qp_minus26"));
    assert!(refused(&|p| p.weighted_bipred_idc = 3).contains("weighted_bipred_idc"));
}
