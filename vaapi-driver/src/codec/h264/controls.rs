// SPDX-License-Identifier: BSD-2-Clause
//! Per-picture controls: SPS, PPS, scaling matrix, decode parameters with the DPB.

use super::super::{CodecError, Surfaces};
use super::input::is_valid;
use super::level::{self, Tools};
use super::slice_header::{SliceHeader, Syntax};
use v4l2_common::uapi::h264::*;
use va_sys::*;

/// Largest picture each way, in macroblocks (8192 samples).
const MAX_SIZE_IN_MBS: u32 = 512;

/// Refuses what Daedalus cannot decode or what no stream may say, and gives the slice header syntax.
pub(super) fn check(params: &VAPictureParameterBufferH264) -> Result<Syntax, CodecError> {
    let (seq, pic) = (params.seq_bits(), params.pic_bits());
    let unsupported = |what: String| Err(CodecError::Unsupported(what));
    let invalid = |what: String| Err(CodecError::Invalid(what));
    if params.num_slice_groups_minus1 != 0 {
        return unsupported("H.264 slice groups (flexible macroblock ordering)".into());
    }
    if seq.chroma_format_idc() > 1 || seq.residual_colour_transform_flag() != 0 {
        return unsupported(format!(
            "H.264 chroma_format_idc {}: only 4:2:0 and 4:0:0",
            seq.chroma_format_idc()
        ));
    }
    let (luma, chroma) = (params.bit_depth_luma_minus8, params.bit_depth_chroma_minus8);
    if !matches!(luma, 0 | 2) || seq.chroma_format_idc() == 1 && chroma != luma {
        return unsupported(format!(
            "H.264 bit depths {} and {}",
            8 + u32::from(luma),
            8 + u32::from(chroma)
        ));
    }
    let width = u32::from(params.picture_width_in_mbs_minus1) + 1;
    let height = u32::from(params.picture_height_in_mbs_minus1) + 1;
    if width > MAX_SIZE_IN_MBS || height > MAX_SIZE_IN_MBS {
        return unsupported(format!("H.264 picture of {width}x{height} macroblocks"));
    }
    let frame_mbs_only = seq.frame_mbs_only_flag() == 1;
    if !frame_mbs_only && height % 2 != 0 {
        return invalid(format!("interlaced picture of {height} macroblock rows"));
    }
    if params.num_ref_frames > 16 {
        return invalid(format!("num_ref_frames {}", params.num_ref_frames));
    }
    if seq.log2_max_frame_num_minus4() > 12 || seq.log2_max_pic_order_cnt_lsb_minus4() > 12 {
        return invalid(
            "log2_max_frame_num_minus4 or log2_max_pic_order_cnt_lsb_minus4 above 12".into(),
        );
    }
    if seq.pic_order_cnt_type() > 2 || pic.weighted_bipred_idc() > 2 {
        return invalid("pic_order_cnt_type or weighted_bipred_idc above 2".into());
    }
    Ok(Syntax {
        frame_mbs_only,
        monochrome: seq.chroma_format_idc() == 0,
        frame_num_bits: seq.log2_max_frame_num_minus4() + 4,
        poc_type: seq.pic_order_cnt_type() as u8,
        poc_lsb_bits: seq.log2_max_pic_order_cnt_lsb_minus4() + 4,
        delta_pic_order_always_zero: seq.delta_pic_order_always_zero_flag() == 1,
        bottom_field_pic_order_in_frame_present: pic.pic_order_present_flag() == 1,
        redundant_pic_cnt_present: pic.redundant_pic_cnt_present_flag() == 1,
        weighted_pred: pic.weighted_pred_flag() == 1,
        weighted_bipred_idc: pic.weighted_bipred_idc() as u8,
        cabac: pic.entropy_coding_mode_flag() == 1,
        deblocking_filter_control_present: pic.deblocking_filter_control_present_flag() == 1,
    })
}

/// What this picture uses beyond Baseline.
pub(super) fn tools(
    params: &VAPictureParameterBufferH264,
    iq_matrix: Option<&VAIQMatrixBufferH264>,
    syntax: &Syntax,
    headers: &[SliceHeader],
) -> Tools {
    let scaled = iq_matrix.is_some_and(|iq| {
        let (small, large) = (
            iq.ScalingList4x4.as_flattened(),
            iq.ScalingList8x8.as_flattened(),
        );
        small.iter().chain(large).any(|&scale| scale != 16)
    });
    Tools {
        main: syntax.cabac
            || syntax.weighted_pred
            || syntax.weighted_bipred_idc != 0
            || !syntax.frame_mbs_only
            || headers.iter().any(SliceHeader::is_b),
        high: params.pic_bits().transform_8x8_mode_flag() == 1
            || params.chroma_qp_index_offset != params.second_chroma_qp_index_offset
            || syntax.monochrome
            || scaled,
        high10: params.bit_depth_luma_minus8 > 0,
    }
}

/// The SPS control; `syntax` is that of the slices as they will be submitted.
pub(super) fn sps(
    params: &VAPictureParameterBufferH264,
    profile: VAProfile,
    tools: Tools,
    syntax: &Syntax,
) -> v4l2_ctrl_h264_sps {
    let seq = params.seq_bits();
    let width = u32::from(params.picture_width_in_mbs_minus1) + 1;
    let height = u32::from(params.picture_height_in_mbs_minus1) + 1;
    let map_units = if syntax.frame_mbs_only {
        height
    } else {
        height / 2
    };
    let (profile_idc, constraint_set_flags) = level::profile_idc(profile, tools);
    let mut flags = 0;
    for (set, flag) in [
        (
            syntax.delta_pic_order_always_zero,
            V4L2_H264_SPS_FLAG_DELTA_PIC_ORDER_ALWAYS_ZERO,
        ),
        (
            seq.gaps_in_frame_num_value_allowed_flag() == 1,
            V4L2_H264_SPS_FLAG_GAPS_IN_FRAME_NUM_VALUE_ALLOWED,
        ),
        (syntax.frame_mbs_only, V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY),
        (
            seq.mb_adaptive_frame_field_flag() == 1,
            V4L2_H264_SPS_FLAG_MB_ADAPTIVE_FRAME_FIELD,
        ),
        (
            seq.direct_8x8_inference_flag() == 1,
            V4L2_H264_SPS_FLAG_DIRECT_8X8_INFERENCE,
        ),
    ] {
        flags |= if set { flag } else { 0 };
    }
    v4l2_ctrl_h264_sps {
        profile_idc,
        constraint_set_flags,
        level_idc: level::level_idc(
            width,
            height,
            params.num_ref_frames,
            syntax.frame_mbs_only,
            seq.MinLumaBiPredSize8x8() == 1,
        ),
        chroma_format_idc: seq.chroma_format_idc() as u8,
        bit_depth_luma_minus8: params.bit_depth_luma_minus8,
        bit_depth_chroma_minus8: params.bit_depth_luma_minus8,
        log2_max_frame_num_minus4: (syntax.frame_num_bits - 4) as u8,
        pic_order_cnt_type: syntax.poc_type,
        log2_max_pic_order_cnt_lsb_minus4: (syntax.poc_lsb_bits - 4) as u8,
        max_num_ref_frames: params.num_ref_frames,
        pic_width_in_mbs_minus1: params.picture_width_in_mbs_minus1,
        pic_height_in_map_units_minus1: (map_units - 1) as u16,
        flags,
        ..Default::default()
    }
}

/// The PPS control, without id and default reference counts, which the slices tell.
pub(super) fn pps(
    params: &VAPictureParameterBufferH264,
    syntax: &Syntax,
    scaling_matrix: bool,
    (pic_init_qp_minus26, pic_init_qs_minus26): (i8, i8),
) -> v4l2_ctrl_h264_pps {
    let pic = params.pic_bits();
    let mut flags = 0;
    for (set, flag) in [
        (syntax.cabac, V4L2_H264_PPS_FLAG_ENTROPY_CODING_MODE),
        (
            syntax.bottom_field_pic_order_in_frame_present,
            V4L2_H264_PPS_FLAG_BOTTOM_FIELD_PIC_ORDER_IN_FRAME_PRESENT,
        ),
        (syntax.weighted_pred, V4L2_H264_PPS_FLAG_WEIGHTED_PRED),
        (
            syntax.deblocking_filter_control_present,
            V4L2_H264_PPS_FLAG_DEBLOCKING_FILTER_CONTROL_PRESENT,
        ),
        (
            pic.constrained_intra_pred_flag() == 1,
            V4L2_H264_PPS_FLAG_CONSTRAINED_INTRA_PRED,
        ),
        (
            syntax.redundant_pic_cnt_present,
            V4L2_H264_PPS_FLAG_REDUNDANT_PIC_CNT_PRESENT,
        ),
        (
            pic.transform_8x8_mode_flag() == 1,
            V4L2_H264_PPS_FLAG_TRANSFORM_8X8_MODE,
        ),
        (scaling_matrix, V4L2_H264_PPS_FLAG_SCALING_MATRIX_PRESENT),
    ] {
        flags |= if set { flag } else { 0 };
    }
    v4l2_ctrl_h264_pps {
        weighted_bipred_idc: syntax.weighted_bipred_idc,
        pic_init_qp_minus26,
        pic_init_qs_minus26,
        chroma_qp_index_offset: params.chroma_qp_index_offset,
        second_chroma_qp_index_offset: params.second_chroma_qp_index_offset,
        flags,
        ..Default::default()
    }
}

/// Both sides are in raster order; VA has the luma 8x8 lists only, which chroma inherits (fall-back rule of Table 7-2).
pub(super) fn scaling_matrix(iq_matrix: &VAIQMatrixBufferH264) -> v4l2_ctrl_h264_scaling_matrix {
    let [intra, inter] = iq_matrix.ScalingList8x8;
    v4l2_ctrl_h264_scaling_matrix {
        scaling_list_4x4: iq_matrix.ScalingList4x4,
        scaling_list_8x8: [intra, inter, intra, inter, intra, inter],
    }
}

/// `V4L2_H264_*_REF` of a VA picture: no flag means both fields.
pub(super) fn fields(picture: &VAPictureH264) -> u8 {
    match picture.flags & (VA_PICTURE_H264_TOP_FIELD | VA_PICTURE_H264_BOTTOM_FIELD) {
        VA_PICTURE_H264_TOP_FIELD => V4L2_H264_TOP_FIELD_REF,
        VA_PICTURE_H264_BOTTOM_FIELD => V4L2_H264_BOTTOM_FIELD_REF,
        _ => V4L2_H264_FRAME_REF,
    }
}

/// The DPB, and which surface each entry is.
pub(super) struct Dpb {
    pub entries: [v4l2_h264_dpb_entry; V4L2_H264_NUM_DPB_ENTRIES],
    pub surfaces: [Option<VASurfaceID>; V4L2_H264_NUM_DPB_ENTRIES],
}

impl Dpb {
    /// From `ReferenceFrames`, entry for entry. `is_field` tells whether the picture of a timestamp was coded as fields.
    /// A surface that nothing was decoded into has timestamp 0 (a frame that a client made up for a `frame_num` gap).
    pub(super) fn new(
        params: &VAPictureParameterBufferH264,
        header: &SliceHeader,
        syntax: &Syntax,
        surfaces: &dyn Surfaces,
        is_field: impl Fn(u64) -> bool,
    ) -> Self {
        let mut dpb = Self {
            entries: Default::default(),
            surfaces: Default::default(),
        };
        for (slot, picture) in params.ReferenceFrames.iter().enumerate() {
            if !is_valid(picture) {
                continue;
            }
            let known = dpb
                .surfaces
                .iter()
                .position(|surface| *surface == Some(picture.picture_id));
            // A client may list the fields of a frame one by one.
            let (slot, merge) = known.map_or((slot, false), |known| (known, true));
            let (Some(entry), Some(surface)) =
                (dpb.entries.get_mut(slot), dpb.surfaces.get_mut(slot))
            else {
                continue;
            };
            let fields = fields(picture);
            if !merge || fields & V4L2_H264_TOP_FIELD_REF != 0 {
                entry.top_field_order_cnt = picture.TopFieldOrderCnt;
            }
            if !merge || fields & V4L2_H264_BOTTOM_FIELD_REF != 0 {
                entry.bottom_field_order_cnt = picture.BottomFieldOrderCnt;
            }
            entry.fields |= fields;
            *surface = Some(picture.picture_id);
            if merge {
                continue;
            }
            entry.reference_ts = surfaces.timestamp(picture.picture_id).unwrap_or(0);
            entry.frame_num = picture.frame_idx as u16;
            entry.flags = V4L2_H264_DPB_ENTRY_FLAG_VALID | V4L2_H264_DPB_ENTRY_FLAG_ACTIVE;
            if picture.flags & VA_PICTURE_H264_LONG_TERM_REFERENCE != 0 {
                entry.flags |= V4L2_H264_DPB_ENTRY_FLAG_LONG_TERM;
            }
            if fields != V4L2_H264_FRAME_REF || is_field(entry.reference_ts) {
                entry.flags |= V4L2_H264_DPB_ENTRY_FLAG_FIELD;
            }
        }
        for entry in &mut dpb.entries {
            if entry.flags & V4L2_H264_DPB_ENTRY_FLAG_VALID != 0 {
                entry.pic_num = pic_num(entry, header, syntax);
            }
        }
        dpb
    }

    /// Index of the entry that is `surface`.
    pub(super) fn index(&self, surface: VASurfaceID) -> Option<u8> {
        let index = self
            .surfaces
            .iter()
            .position(|entry| *entry == Some(surface))?;
        u8::try_from(index).ok()
    }
}

/// PicNum or LongTermPicNum (clause 8.2.4.1). Of an entry that is two fields: that of the field of the current parity.
fn pic_num(entry: &v4l2_h264_dpb_entry, header: &SliceHeader, syntax: &Syntax) -> u32 {
    let mut number = i32::from(entry.frame_num);
    if entry.flags & V4L2_H264_DPB_ENTRY_FLAG_LONG_TERM == 0 && entry.frame_num > header.frame_num {
        number -= 1 << syntax.frame_num_bits;
    }
    if header.field_pic {
        let parity = if header.bottom_field {
            V4L2_H264_BOTTOM_FIELD_REF
        } else {
            V4L2_H264_TOP_FIELD_REF
        };
        number = 2 * number + i32::from(entry.fields & parity != 0);
    }
    // A negative PicNum keeps its two's complement bits, as the kernel's other users do it.
    number as u32
}

/// Decode parameters; `header` is the first slice's, as it will be submitted.
pub(super) fn decode_params(
    params: &VAPictureParameterBufferH264,
    headers: &[SliceHeader],
    header: &SliceHeader,
    dpb: &Dpb,
) -> v4l2_ctrl_h264_decode_params {
    let has_b = headers.iter().any(SliceHeader::is_b);
    let has_p = headers.iter().any(|header| !header.is_intra());
    let mut flags = 0;
    for (set, flag) in [
        (header.idr, V4L2_H264_DECODE_PARAM_FLAG_IDR_PIC),
        (header.field_pic, V4L2_H264_DECODE_PARAM_FLAG_FIELD_PIC),
        (
            header.bottom_field,
            V4L2_H264_DECODE_PARAM_FLAG_BOTTOM_FIELD,
        ),
        (has_p && !has_b, V4L2_H264_DECODE_PARAM_FLAG_PFRAME),
        (has_b, V4L2_H264_DECODE_PARAM_FLAG_BFRAME),
    ] {
        flags |= if set { flag } else { 0 };
    }
    v4l2_ctrl_h264_decode_params {
        dpb: dpb.entries,
        nal_ref_idc: u16::from(header.nal_ref_idc),
        frame_num: header.frame_num,
        top_field_order_cnt: params.CurrPic.TopFieldOrderCnt,
        bottom_field_order_cnt: params.CurrPic.BottomFieldOrderCnt,
        idr_pic_id: header.idr_pic_id,
        pic_order_cnt_lsb: header.poc_lsb,
        delta_pic_order_cnt_bottom: header.delta_poc_bottom,
        delta_pic_order_cnt0: header.delta_poc[0],
        delta_pic_order_cnt1: header.delta_poc[1],
        dec_ref_pic_marking_bit_size: header.marking_bit_size,
        pic_order_cnt_bit_size: header.poc_bits.len() as u32,
        flags,
        ..Default::default()
    }
}
