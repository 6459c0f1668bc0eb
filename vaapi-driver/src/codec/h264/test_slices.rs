// SPDX-License-Identifier: BSD-2-Clause
//! Slices and VA buffers for the tests: written from the syntax tables, without the parser's help.

use super::super::{RenderedBuffer, Surfaces};
use super::slice_header::Syntax;
use v4l2_common::bits::{BitWriter, escape_nal};
use va_sys::*;

/// Syntax of a Main profile frame stream: order count type 0 with 8 bits, CAVLC.
pub(super) fn syntax() -> Syntax {
    Syntax {
        frame_mbs_only: true,
        frame_num_bits: 4,
        poc_lsb_bits: 8,
        ..Syntax::default()
    }
}

/// What a test slice says; what a field's presence depends on comes from the syntax.
#[derive(Clone, Debug)]
pub(super) struct TestSlice {
    pub nal_ref_idc: u8,
    pub idr: bool,
    pub first_mb: u32,
    /// As coded: 0..=9.
    pub slice_type: u32,
    pub pps_id: u32,
    pub frame_num: u32,
    /// `Some(bottom_field_flag)`
    pub field: Option<bool>,
    pub idr_pic_id: u32,
    pub poc_lsb: u32,
    pub delta_poc_bottom: i32,
    pub delta_poc: [i32; 2],
    pub redundant_pic_cnt: u32,
    /// Overriding counts.
    pub num_ref_idx: Option<[u32; 2]>,
    /// Operations of each list's modification.
    pub modifications: [Vec<(u32, u32)>; 2],
    pub weights: Option<fn(&mut BitWriter)>,
    pub mmco: Vec<Vec<u32>>,
    pub qp_delta: i32,
    /// Slice data, from the header's end on (CAVLC) or from the byte boundary on (CABAC); a stop bit is added.
    pub payload: Vec<u8>,
}

impl Default for TestSlice {
    fn default() -> Self {
        Self {
            nal_ref_idc: 1,
            idr: false,
            first_mb: 0,
            slice_type: 7,
            pps_id: 0,
            frame_num: 0,
            field: None,
            idr_pic_id: 0,
            poc_lsb: 0,
            delta_poc_bottom: 0,
            delta_poc: [0; 2],
            redundant_pic_cnt: 0,
            num_ref_idx: None,
            modifications: Default::default(),
            weights: None,
            mmco: Vec::new(),
            qp_delta: 0,
            payload: vec![0xa5, 0, 0, 1, 0x5a],
        }
    }
}

impl TestSlice {
    /// The NAL unit, and where its header ends (bits, unescaped).
    pub(super) fn write(&self, syntax: &Syntax) -> (Vec<u8>, usize) {
        let mut w = BitWriter::new();
        let (p, b) = (self.slice_type % 5 == 0, self.slice_type % 5 == 1);
        w.bits(
            u32::from(self.nal_ref_idc) << 5 | if self.idr { 5 } else { 1 },
            8,
        );
        w.ue(self.first_mb);
        w.ue(self.slice_type);
        w.ue(self.pps_id);
        w.bits(self.frame_num, syntax.frame_num_bits);
        if !syntax.frame_mbs_only {
            w.bit(self.field.is_some());
            self.field.iter().for_each(|&bottom| w.bit(bottom));
        }
        if self.idr {
            w.ue(self.idr_pic_id);
        }
        let frame_deltas = syntax.bottom_field_pic_order_in_frame_present && self.field.is_none();
        if syntax.poc_type == 0 {
            w.bits(self.poc_lsb, syntax.poc_lsb_bits);
            if frame_deltas {
                w.se(self.delta_poc_bottom);
            }
        } else if syntax.poc_type == 1 && !syntax.delta_pic_order_always_zero {
            w.se(self.delta_poc[0]);
            if frame_deltas {
                w.se(self.delta_poc[1]);
            }
        }
        if syntax.redundant_pic_cnt_present {
            w.ue(self.redundant_pic_cnt);
        }
        if b {
            w.bit(true);
        }
        if p || b {
            w.bit(self.num_ref_idx.is_some());
            self.num_ref_idx
                .iter()
                .flatten()
                .take(1 + usize::from(b))
                .for_each(|&count| w.ue(count));
            for operations in self.modifications.iter().take(1 + usize::from(b)) {
                w.bit(!operations.is_empty());
                for &(operation, value) in operations {
                    w.ue(operation);
                    w.ue(value);
                }
                if !operations.is_empty() {
                    w.ue(3);
                }
            }
        }
        if let Some(weights) = self.weights {
            weights(&mut w);
        }
        if self.nal_ref_idc != 0 {
            if self.idr {
                w.bits(0, 2);
            } else {
                w.bit(!self.mmco.is_empty());
                self.mmco.iter().flatten().for_each(|&value| w.ue(value));
                if !self.mmco.is_empty() {
                    w.ue(0);
                }
            }
        }
        if syntax.cabac && (p || b) {
            w.ue(2);
        }
        w.se(self.qp_delta);
        if syntax.deblocking_filter_control_present {
            w.ue(2);
            w.se(-3);
            w.se(4);
        }
        let end = w.position();
        if syntax.cabac {
            while w.position() % 8 != 0 {
                w.bit(true);
            }
        }
        w.bytes(&self.payload);
        w.trailing_bits();
        let mut nal = Vec::new();
        escape_nal(&w.finish(), &mut nal);
        (nal, end)
    }
}

/// A VA buffer of one element.
pub(super) fn buffer<T: Plain>(kind: VABufferType, value: &T) -> RenderedBuffer {
    let data = to_bytes(value);
    RenderedBuffer {
        kind,
        element_size: data.len(),
        elements: 1,
        data,
    }
}

/// A slice data buffer.
pub(super) fn data(bytes: &[u8]) -> RenderedBuffer {
    RenderedBuffer {
        kind: VASliceDataBufferType,
        element_size: bytes.len(),
        elements: 1,
        data: bytes.to_vec(),
    }
}

/// Parameters of a slice that is its data buffer's only content.
pub(super) fn slice_params(nal: &[u8]) -> VASliceParameterBufferH264 {
    let mut params = VASliceParameterBufferH264 {
        slice_data_size: nal.len() as u32,
        ..Default::default()
    };
    for picture in params.RefPicList0.iter_mut().chain(&mut params.RefPicList1) {
        *picture = invalid();
    }
    params
}

/// What clients put where there is no picture.
pub(super) fn invalid() -> VAPictureH264 {
    VAPictureH264 {
        picture_id: VA_INVALID_SURFACE,
        flags: VA_PICTURE_H264_INVALID,
        ..Default::default()
    }
}

/// A reference: surface, `frame_num` or long-term index, both order counts, flags.
pub(super) fn reference(
    picture_id: VASurfaceID,
    frame_idx: u32,
    poc: [i32; 2],
    flags: u32,
) -> VAPictureH264 {
    VAPictureH264 {
        picture_id,
        frame_idx,
        flags,
        TopFieldOrderCnt: poc[0],
        BottomFieldOrderCnt: poc[1],
        ..Default::default()
    }
}

/// Picture parameters of a 4:2:0 stream of 2x2 macroblocks in `syntax`, without references.
pub(super) fn picture_params(syntax: &Syntax) -> VAPictureParameterBufferH264 {
    let mut params = VAPictureParameterBufferH264 {
        picture_width_in_mbs_minus1: 1,
        picture_height_in_mbs_minus1: 1,
        num_ref_frames: 4,
        ReferenceFrames: [invalid(); 16],
        ..Default::default()
    };
    let mut seq = params.seq_bits();
    seq.set_chroma_format_idc(u32::from(!syntax.monochrome));
    seq.set_frame_mbs_only_flag(u32::from(syntax.frame_mbs_only));
    seq.set_direct_8x8_inference_flag(1);
    seq.set_log2_max_frame_num_minus4(syntax.frame_num_bits - 4);
    seq.set_pic_order_cnt_type(u32::from(syntax.poc_type));
    seq.set_log2_max_pic_order_cnt_lsb_minus4(syntax.poc_lsb_bits - 4);
    seq.set_delta_pic_order_always_zero_flag(u32::from(syntax.delta_pic_order_always_zero));
    params.seq_fields.bits = seq;
    let mut pic = params.pic_bits();
    pic.set_entropy_coding_mode_flag(u32::from(syntax.cabac));
    pic.set_weighted_pred_flag(u32::from(syntax.weighted_pred));
    pic.set_weighted_bipred_idc(u32::from(syntax.weighted_bipred_idc));
    pic.set_pic_order_present_flag(u32::from(syntax.bottom_field_pic_order_in_frame_present));
    pic.set_deblocking_filter_control_present_flag(u32::from(
        syntax.deblocking_filter_control_present,
    ));
    pic.set_redundant_pic_cnt_present_flag(u32::from(syntax.redundant_pic_cnt_present));
    params.pic_fields.bits = pic;
    params
}

/// Surfaces whose timestamps are a thousand times their ids; those from 100 on were never decoded into.
pub(super) struct TestSurfaces;

impl Surfaces for TestSurfaces {
    fn timestamp(&self, surface: VASurfaceID) -> Option<u64> {
        (surface < 100).then_some(u64::from(surface) * 1000)
    }
}
