// SPDX-License-Identifier: BSD-2-Clause
//! Annex B files to H.264 pictures, with controls as a frame-based client sends them. Reference marking is the sliding
//! window alone: enough to name references that the stream has.

use super::{Area, Stream};
use h264_reader::Context;
use h264_reader::nal::pps::PicParameterSet;
use h264_reader::nal::slice::{Field, FieldPic, PicOrderCountLsb, SliceFamily, SliceHeader};
use h264_reader::nal::sps::{ChromaFormat, FrameMbsFlags, PicOrderCntType, SeqParameterSet};
use h264_reader::nal::{Nal, RefNal, UnitType};
use v4l2_common::picture::{Controls, H264Controls, Picture};
use v4l2_common::uapi::h264::*;

fn nal_units(file: &[u8]) -> Vec<&[u8]> {
    let mut starts = Vec::new();
    for i in 0..file.len().saturating_sub(2) {
        if file[i..i + 3] == [0, 0, 1] {
            starts.push(i + 3);
        }
    }
    let ends = starts
        .iter()
        .skip(1)
        .map(|start| start - 3)
        .chain([file.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| file[start..end].trim_ascii_end_zeros())
        .collect()
}

trait TrimZeros {
    fn trim_ascii_end_zeros(&self) -> &Self;
}

impl TrimZeros for [u8] {
    fn trim_ascii_end_zeros(&self) -> &[u8] {
        let zeros = self.iter().rev().take_while(|&&byte| byte == 0).count();
        &self[..self.len() - zeros]
    }
}

const ZIGZAG4: [usize; 16] = [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15];

fn zigzag8() -> [usize; 64] {
    let mut order: Vec<usize> = (0..64).collect();
    order.sort_by_key(|&i| {
        let (x, y) = (i % 8, i / 8);
        let diagonal = x + y;
        (diagonal, if diagonal % 2 == 0 { x } else { y })
    });
    order.try_into().unwrap()
}

fn sps_control(sps: &SeqParameterSet) -> v4l2_ctrl_h264_sps {
    let mut control = v4l2_ctrl_h264_sps {
        profile_idc: u8::from(sps.profile_idc),
        level_idc: sps.level_idc,
        seq_parameter_set_id: sps.seq_parameter_set_id.id(),
        chroma_format_idc: match sps.chroma_info.chroma_format {
            ChromaFormat::Monochrome => 0,
            _ => 1,
        },
        bit_depth_luma_minus8: sps.chroma_info.bit_depth_luma_minus8,
        bit_depth_chroma_minus8: sps.chroma_info.bit_depth_chroma_minus8,
        log2_max_frame_num_minus4: sps.log2_max_frame_num_minus4,
        max_num_ref_frames: sps.max_num_ref_frames as u8,
        pic_width_in_mbs_minus1: sps.pic_width_in_mbs_minus1 as u16,
        pic_height_in_map_units_minus1: sps.pic_height_in_map_units_minus1 as u16,
        ..Default::default()
    };
    match &sps.pic_order_cnt {
        PicOrderCntType::TypeZero {
            log2_max_pic_order_cnt_lsb_minus4,
        } => {
            control.log2_max_pic_order_cnt_lsb_minus4 = *log2_max_pic_order_cnt_lsb_minus4;
        }
        PicOrderCntType::TypeOne {
            delta_pic_order_always_zero_flag,
            offset_for_non_ref_pic,
            offset_for_top_to_bottom_field,
            offsets_for_ref_frame,
        } => {
            control.pic_order_cnt_type = 1;
            control.offset_for_non_ref_pic = *offset_for_non_ref_pic;
            control.offset_for_top_to_bottom_field = *offset_for_top_to_bottom_field;
            control.num_ref_frames_in_pic_order_cnt_cycle = offsets_for_ref_frame.len() as u8;
            control.offset_for_ref_frame[..offsets_for_ref_frame.len()]
                .copy_from_slice(offsets_for_ref_frame);
            if *delta_pic_order_always_zero_flag {
                control.flags |= V4L2_H264_SPS_FLAG_DELTA_PIC_ORDER_ALWAYS_ZERO;
            }
        }
        PicOrderCntType::TypeTwo => control.pic_order_cnt_type = 2,
    }
    for (set, flag) in [
        (
            sps.gaps_in_frame_num_value_allowed_flag,
            V4L2_H264_SPS_FLAG_GAPS_IN_FRAME_NUM_VALUE_ALLOWED,
        ),
        (
            sps.frame_mbs_flags == FrameMbsFlags::Frames,
            V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY,
        ),
        (
            sps.frame_mbs_flags
                == FrameMbsFlags::Fields {
                    mb_adaptive_frame_field_flag: true,
                },
            V4L2_H264_SPS_FLAG_MB_ADAPTIVE_FRAME_FIELD,
        ),
        (
            sps.direct_8x8_inference_flag,
            V4L2_H264_SPS_FLAG_DIRECT_8X8_INFERENCE,
        ),
        (
            sps.chroma_info.qpprime_y_zero_transform_bypass_flag,
            V4L2_H264_SPS_FLAG_QPPRIME_Y_ZERO_TRANSFORM_BYPASS,
        ),
    ] {
        if set {
            control.flags |= flag;
        }
    }
    control
}

fn pps_control(pps: &PicParameterSet) -> v4l2_ctrl_h264_pps {
    let extension = pps.extension.as_ref();
    let mut control = v4l2_ctrl_h264_pps {
        pic_parameter_set_id: pps.pic_parameter_set_id.id(),
        seq_parameter_set_id: pps.seq_parameter_set_id.id(),
        num_slice_groups_minus1: u8::from(pps.slice_groups.is_some()),
        num_ref_idx_l0_default_active_minus1: pps.num_ref_idx_l0_default_active_minus1 as u8,
        num_ref_idx_l1_default_active_minus1: pps.num_ref_idx_l1_default_active_minus1 as u8,
        weighted_bipred_idc: pps.weighted_bipred_idc,
        pic_init_qp_minus26: pps.pic_init_qp_minus26 as i8,
        pic_init_qs_minus26: pps.pic_init_qs_minus26 as i8,
        chroma_qp_index_offset: pps.chroma_qp_index_offset as i8,
        second_chroma_qp_index_offset: extension.map_or(pps.chroma_qp_index_offset, |e| {
            e.second_chroma_qp_index_offset
        }) as i8,
        flags: 0,
    };
    for (set, flag) in [
        (
            pps.entropy_coding_mode_flag,
            V4L2_H264_PPS_FLAG_ENTROPY_CODING_MODE,
        ),
        (
            pps.bottom_field_pic_order_in_frame_present_flag,
            V4L2_H264_PPS_FLAG_BOTTOM_FIELD_PIC_ORDER_IN_FRAME_PRESENT,
        ),
        (pps.weighted_pred_flag, V4L2_H264_PPS_FLAG_WEIGHTED_PRED),
        (
            pps.deblocking_filter_control_present_flag,
            V4L2_H264_PPS_FLAG_DEBLOCKING_FILTER_CONTROL_PRESENT,
        ),
        (
            pps.constrained_intra_pred_flag,
            V4L2_H264_PPS_FLAG_CONSTRAINED_INTRA_PRED,
        ),
        (
            pps.redundant_pic_cnt_present_flag,
            V4L2_H264_PPS_FLAG_REDUNDANT_PIC_CNT_PRESENT,
        ),
        (
            extension.is_some_and(|e| e.transform_8x8_mode_flag),
            V4L2_H264_PPS_FLAG_TRANSFORM_8X8_MODE,
        ),
    ] {
        if set {
            control.flags |= flag;
        }
    }
    control
}

/// The scaling lists in force, in raster order.
fn scaling_matrix(
    sps: &SeqParameterSet,
    pps: &PicParameterSet,
) -> Option<v4l2_ctrl_h264_scaling_matrix> {
    let own = pps
        .extension
        .as_ref()
        .and_then(|e| e.pic_scaling_matrix.as_ref());
    if own.is_none() && sps.chroma_info.scaling_matrix.is_none() {
        return None;
    }
    let (lists4, lists8) = match own {
        Some(own) => (
            own.scaling_lists_4x4(&sps.chroma_info),
            own.scaling_lists_8x8(&sps.chroma_info),
        ),
        None => (
            sps.chroma_info.scaling_lists_4x4(),
            Some(sps.chroma_info.scaling_lists_8x8()),
        ),
    };
    let mut control = v4l2_ctrl_h264_scaling_matrix::default();
    for (to, from) in control.scaling_list_4x4.iter_mut().zip(lists4) {
        for (value, at) in from.into_iter().zip(ZIGZAG4) {
            to[at] = value;
        }
    }
    control.scaling_list_8x8 = [[16; 64]; 6];
    for (to, from) in control
        .scaling_list_8x8
        .iter_mut()
        .zip(lists8.iter().flat_map(|lists| lists.as_slice()))
    {
        for (value, at) in from.iter().zip(zigzag8()) {
            to[at] = *value;
        }
    }
    Some(control)
}

/// The cropping rectangle of a 4:2:0 stream.
fn area(sps: &SeqParameterSet) -> Area {
    let (width, height) = sps.pixel_dimensions().unwrap();
    let vertical = if sps.frame_mbs_flags == FrameMbsFlags::Frames {
        2
    } else {
        4
    };
    let (x, y) = sps
        .frame_cropping
        .as_ref()
        .map_or((0, 0), |c| (2 * c.left_offset, vertical * c.top_offset));
    Area {
        x,
        y,
        width,
        height,
    }
}

/// Reads a file.
pub fn read(file: &[u8]) -> Stream {
    let mut context = Context::new();
    let mut pictures: Vec<Picture> = Vec::new();
    let mut visible = Vec::new();
    // Reference frames: timestamp, frame_num.
    let mut references: Vec<(u64, u16)> = Vec::new();
    let mut max_references = 1;
    let mut last: Option<(u16, FieldPic, bool)> = None;
    let mut timestamp = 0;
    // Its frame_num, and whether it is a bottom field.
    let mut open_field: Option<(u16, bool)> = None;
    for unit in nal_units(file) {
        let nal = RefNal::new(unit, &[], true);
        let Ok(header) = nal.header() else { continue };
        match header.nal_unit_type() {
            UnitType::SeqParameterSet => {
                if let Ok(sps) = SeqParameterSet::from_bits(nal.rbsp_bits()) {
                    context.put_seq_param_set(sps);
                }
            }
            UnitType::PicParameterSet => {
                if let Ok(pps) = PicParameterSet::from_bits(&context, nal.rbsp_bits()) {
                    context.put_pic_param_set(pps);
                }
            }
            UnitType::SliceLayerWithoutPartitioningIdr
            | UnitType::SliceLayerWithoutPartitioningNonIdr => {
                let idr = header.nal_unit_type() == UnitType::SliceLayerWithoutPartitioningIdr;
                let mut bits = nal.rbsp_bits();
                let Ok((slice, sps, pps)) =
                    SliceHeader::from_bits(&context, &mut bits, header, None)
                else {
                    continue;
                };
                let same = last.as_ref().is_some_and(|(frame_num, field, was_idr)| {
                    *frame_num == slice.frame_num && *field == slice.field_pic && *was_idr == idr
                });
                if slice.first_mb_in_slice != 0 && same {
                    let picture = pictures.last_mut().unwrap();
                    picture.bitstream.extend([0, 0, 1]);
                    picture.bitstream.extend(unit);
                    continue;
                }
                let second = match (&slice.field_pic, open_field) {
                    (FieldPic::Field(field), Some((frame_num, first))) => {
                        frame_num == slice.frame_num && (*field == Field::Bottom) != first
                    }
                    _ => false,
                };
                if !second {
                    timestamp += 1000;
                }
                let mut controls = H264Controls {
                    sps: sps_control(sps),
                    pps: pps_control(pps),
                    scaling_matrix: scaling_matrix(sps, pps),
                    ..Default::default()
                };
                if controls.scaling_matrix.is_some() {
                    controls.pps.flags |= V4L2_H264_PPS_FLAG_SCALING_MATRIX_PRESENT;
                }
                let params = &mut controls.decode_params;
                params.nal_ref_idc = u16::from(header.nal_ref_idc());
                params.frame_num = slice.frame_num;
                if let Some(PicOrderCountLsb::Frame(lsb)) = slice.pic_order_cnt_lsb {
                    params.pic_order_cnt_lsb = lsb as u16;
                }
                match slice.slice_type.family {
                    SliceFamily::P => params.flags |= V4L2_H264_DECODE_PARAM_FLAG_PFRAME,
                    SliceFamily::B => params.flags |= V4L2_H264_DECODE_PARAM_FLAG_BFRAME,
                    _ => {}
                }
                if idr {
                    params.flags |= V4L2_H264_DECODE_PARAM_FLAG_IDR_PIC;
                    if !second {
                        references.clear();
                    }
                }
                open_field = None;
                if let FieldPic::Field(field) = &slice.field_pic {
                    params.flags |= V4L2_H264_DECODE_PARAM_FLAG_FIELD_PIC;
                    if *field == Field::Bottom {
                        params.flags |= V4L2_H264_DECODE_PARAM_FLAG_BOTTOM_FIELD;
                    }
                    if !second {
                        open_field = Some((slice.frame_num, *field == Field::Bottom));
                    }
                }
                for (entry, &(reference, frame_num)) in params.dpb.iter_mut().zip(&references) {
                    entry.reference_ts = reference;
                    entry.frame_num = frame_num;
                    entry.fields = V4L2_H264_FRAME_REF;
                    entry.flags = V4L2_H264_DPB_ENTRY_FLAG_VALID | V4L2_H264_DPB_ENTRY_FLAG_ACTIVE;
                }
                max_references = max_references.max(sps.max_num_ref_frames as usize);
                if params.nal_ref_idc != 0 && !second {
                    references.push((timestamp, slice.frame_num));
                    if references.len() > max_references {
                        references.remove(0);
                    }
                }
                let mut bitstream = vec![0, 0, 1];
                bitstream.extend(unit);
                visible.push(area(sps));
                pictures.push(Picture {
                    controls: Controls::H264(Box::new(controls)),
                    bitstream,
                    timestamp,
                });
                last = Some((slice.frame_num, slice.field_pic, idr));
            }
            _ => {}
        }
    }
    Stream { pictures, visible }
}
