// SPDX-License-Identifier: BSD-2-Clause
//! `slice_header()` (Rec. ITU-T H.264 clause 7.3.3), with the places of what may have to be rewritten.

use super::super::CodecError;
use core::ops::Range;
use v4l2_common::bits::{BitError, BitReader, unescape_nal};
use v4l2_common::uapi::h264::*;

/// More than the longest slice header: 2 * 33 list modifications, 64 weights, 66 marking operations.
const MAX_HEADER_BYTES: usize = 4096;

/// `memory_management_control_operation`s and list modifications a slice can sensibly have.
const MAX_OPERATIONS: usize = 66;

/// What of the parameter sets the slice header's syntax depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Syntax {
    pub frame_mbs_only: bool,
    pub monochrome: bool,
    /// Bits of `frame_num`, 4..=16.
    pub frame_num_bits: u32,
    pub poc_type: u8,
    /// Bits of `pic_order_cnt_lsb`, 4..=16.
    pub poc_lsb_bits: u32,
    pub delta_pic_order_always_zero: bool,
    pub bottom_field_pic_order_in_frame_present: bool,
    pub redundant_pic_cnt_present: bool,
    pub weighted_pred: bool,
    pub weighted_bipred_idc: u8,
    pub cabac: bool,
    pub deblocking_filter_control_present: bool,
}

/// A parsed slice header. `Range`s and positions are bits from the start of the NAL unit, its header byte included,
/// emulation prevention bytes not counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SliceHeader {
    pub nal_ref_idc: u8,
    /// NAL unit type 5.
    pub idr: bool,
    pub first_mb: u32,
    /// Modulo 5: `V4L2_H264_SLICE_TYPE_*`.
    pub slice_type: u8,
    pub pps_id: u8,
    pub frame_num: u16,
    pub field_pic: bool,
    pub bottom_field: bool,
    pub idr_pic_id: u16,
    pub poc_lsb: u16,
    pub delta_poc_bottom: i32,
    pub delta_poc: [i32; 2],
    pub redundant_pic_cnt: u8,
    pub direct_spatial_mv_pred: bool,
    /// `num_ref_idx_active_override_flag`
    pub num_ref_idx_override: bool,
    /// `num_ref_idx_lX_active_minus1`; 0 for lists that the slice type has not.
    pub num_ref_idx_minus1: [u8; 2],
    pub pred_weights: Option<Box<v4l2_ctrl_h264_pred_weights>>,
    pub cabac_init_idc: u8,
    pub slice_qp_delta: i8,
    pub sp_for_switch: bool,
    pub slice_qs_delta: i8,
    pub disable_deblocking_filter_idc: u8,
    pub slice_alpha_c0_offset_div2: i8,
    pub slice_beta_offset_div2: i8,
    /// `pic_parameter_set_id`
    pub pps_id_bits: Range<usize>,
    /// All picture order count syntax elements; empty where there are none.
    pub poc_bits: Range<usize>,
    /// Bits of `dec_ref_pic_marking()`.
    pub marking_bit_size: u32,
    /// End of the header.
    pub end: usize,
}

impl SliceHeader {
    pub(super) fn is_intra(&self) -> bool {
        matches!(
            self.slice_type,
            V4L2_H264_SLICE_TYPE_I | V4L2_H264_SLICE_TYPE_SI
        )
    }

    pub(super) fn is_b(&self) -> bool {
        self.slice_type == V4L2_H264_SLICE_TYPE_B
    }

    /// Parses the header of the slice in `nal` (no start code).
    ///
    /// `default_num_ref_idx_minus1` are the PPS's counts of list 0 and 1, which count where the slice does not override
    /// them.
    ///
    /// # Errors
    /// The NAL unit is no slice that a picture can be decoded from, or its header is damaged.
    pub(super) fn parse(
        nal: &[u8],
        syntax: &Syntax,
        default_num_ref_idx_minus1: [u8; 2],
    ) -> Result<Self, CodecError> {
        let first = *nal.first().ok_or(CodecError::MissingBuffer("slice data"))?;
        let nal_unit_type = first & 0x1f;
        match nal_unit_type {
            1 | 5 => {}
            2..=4 => return Err(CodecError::Unsupported("H.264 data partitioning".into())),
            14 | 20 | 21 => {
                return Err(CodecError::Unsupported(
                    "H.264 scalable or multiview slices".into(),
                ));
            }
            other => {
                return Err(CodecError::Invalid(format!(
                    "slice data holds NAL unit type {other}"
                )));
            }
        }
        let head = unescape_nal(nal, MAX_HEADER_BYTES);
        let mut reader = BitReader::new(&head);
        let mut header = SliceHeader {
            nal_ref_idc: first >> 5 & 3,
            idr: nal_unit_type == 5,
            ..Default::default()
        };
        header
            .read(&mut reader, syntax, default_num_ref_idx_minus1)
            .map_err(|BitError| CodecError::Invalid("damaged slice header".into()))?;
        Ok(header)
    }

    fn read(
        &mut self,
        r: &mut BitReader<'_>,
        syntax: &Syntax,
        defaults: [u8; 2],
    ) -> Result<(), BitError> {
        r.skip(8)?;
        self.first_mb = r.ue()?;
        self.slice_type = (up_to(r.ue()?, 9)? % 5) as u8;
        let start = r.position();
        self.pps_id = up_to(r.ue()?, 255)? as u8;
        self.pps_id_bits = start..r.position();
        self.frame_num = r.bits(syntax.frame_num_bits)? as u16;
        if !syntax.frame_mbs_only {
            self.field_pic = r.bit()?;
            self.bottom_field = self.field_pic && r.bit()?;
        }
        if self.idr {
            self.idr_pic_id = up_to(r.ue()?, 65_535)? as u16;
        }
        self.read_poc(r, syntax)?;
        if syntax.redundant_pic_cnt_present {
            self.redundant_pic_cnt = up_to(r.ue()?, 127)? as u8;
        }
        if self.is_b() {
            self.direct_spatial_mv_pred = r.bit()?;
        }
        self.read_lists(r, defaults)?;
        let explicit = if self.is_b() {
            syntax.weighted_bipred_idc == 1
        } else {
            syntax.weighted_pred
        };
        if explicit && !self.is_intra() {
            self.pred_weights = Some(Box::new(self.read_pred_weights(r, syntax)?));
        }
        if self.nal_ref_idc != 0 {
            let start = r.position();
            self.read_marking(r)?;
            self.marking_bit_size = (r.position() - start) as u32;
        }
        if syntax.cabac && !self.is_intra() {
            self.cabac_init_idc = up_to(r.ue()?, 2)? as u8;
        }
        self.slice_qp_delta = small(r.se()?, 127)?;
        if matches!(
            self.slice_type,
            V4L2_H264_SLICE_TYPE_SP | V4L2_H264_SLICE_TYPE_SI
        ) {
            self.sp_for_switch = self.slice_type == V4L2_H264_SLICE_TYPE_SP && r.bit()?;
            self.slice_qs_delta = small(r.se()?, 127)?;
        }
        if syntax.deblocking_filter_control_present {
            self.disable_deblocking_filter_idc = up_to(r.ue()?, 2)? as u8;
            if self.disable_deblocking_filter_idc != 1 {
                self.slice_alpha_c0_offset_div2 = small(r.se()?, 6)?;
                self.slice_beta_offset_div2 = small(r.se()?, 6)?;
            }
        }
        self.end = r.position();
        Ok(())
    }

    fn read_poc(&mut self, r: &mut BitReader<'_>, syntax: &Syntax) -> Result<(), BitError> {
        let start = r.position();
        let bottom = syntax.bottom_field_pic_order_in_frame_present && !self.field_pic;
        match syntax.poc_type {
            0 => {
                self.poc_lsb = r.bits(syntax.poc_lsb_bits)? as u16;
                if bottom {
                    self.delta_poc_bottom = r.se()?;
                }
            }
            1 if !syntax.delta_pic_order_always_zero => {
                let second = if bottom { 2 } else { 1 };
                for delta in self.delta_poc.iter_mut().take(second) {
                    *delta = r.se()?;
                }
            }
            _ => {}
        }
        self.poc_bits = start..r.position();
        Ok(())
    }

    /// Reference counts and `ref_pic_list_modification()`.
    fn read_lists(&mut self, r: &mut BitReader<'_>, defaults: [u8; 2]) -> Result<(), BitError> {
        let lists = if self.is_intra() {
            0
        } else {
            1 + usize::from(self.is_b())
        };
        if lists == 0 {
            return Ok(());
        }
        self.num_ref_idx_override = r.bit()?;
        for (count, default) in self.num_ref_idx_minus1.iter_mut().zip(defaults).take(lists) {
            *count = if self.num_ref_idx_override {
                up_to(r.ue()?, 31)? as u8
            } else {
                default.min(31)
            };
        }
        for _ in 0..lists {
            if !r.bit()? {
                continue;
            }
            for operation in 0.. {
                match r.ue()? {
                    3 => break,
                    0..=2 if operation < MAX_OPERATIONS => r.ue()?,
                    _ => return Err(BitError),
                };
            }
        }
        Ok(())
    }

    /// `pred_weight_table()` with the inferred values filled in.
    fn read_pred_weights(
        &self,
        r: &mut BitReader<'_>,
        syntax: &Syntax,
    ) -> Result<v4l2_ctrl_h264_pred_weights, BitError> {
        let mut table = v4l2_ctrl_h264_pred_weights {
            luma_log2_weight_denom: up_to(r.ue()?, 7)? as u16,
            ..Default::default()
        };
        if !syntax.monochrome {
            table.chroma_log2_weight_denom = up_to(r.ue()?, 7)? as u16;
        }
        let lists = 1 + usize::from(self.is_b());
        let (luma, chroma) = (
            1i16 << table.luma_log2_weight_denom,
            1i16 << table.chroma_log2_weight_denom,
        );
        for (factors, count) in table
            .weight_factors
            .iter_mut()
            .zip(self.num_ref_idx_minus1)
            .take(lists)
        {
            for i in 0..=usize::from(count.min(31)) {
                let explicit = r.bit()?;
                factors.luma_weight[i] = if explicit {
                    i16::from(small(r.se()?, 128)?)
                } else {
                    luma
                };
                factors.luma_offset[i] = if explicit {
                    i16::from(small(r.se()?, 128)?)
                } else {
                    0
                };
                let explicit = !syntax.monochrome && r.bit()?;
                for plane in 0..2 {
                    factors.chroma_weight[i][plane] = if explicit {
                        i16::from(small(r.se()?, 128)?)
                    } else {
                        chroma
                    };
                    factors.chroma_offset[i][plane] = if explicit {
                        i16::from(small(r.se()?, 128)?)
                    } else {
                        0
                    };
                }
            }
        }
        Ok(table)
    }

    /// `dec_ref_pic_marking()`
    fn read_marking(&self, r: &mut BitReader<'_>) -> Result<(), BitError> {
        if self.idr {
            return r.skip(2);
        }
        if !r.bit()? {
            return Ok(());
        }
        for _ in 0..=MAX_OPERATIONS {
            match r.ue()? {
                0 => return Ok(()),
                3 => {
                    r.ue()?;
                    r.ue()?;
                }
                1 | 2 | 4 | 6 => {
                    r.ue()?;
                }
                5 => {}
                _ => break,
            }
        }
        Err(BitError)
    }
}

fn up_to(value: u32, max: u32) -> Result<u32, BitError> {
    if value <= max {
        Ok(value)
    } else {
        Err(BitError)
    }
}

/// A value between `-max` and `max` (-128 and 127 at most).
fn small(value: i32, max: i32) -> Result<i8, BitError> {
    if value < -max || value > max {
        return Err(BitError);
    }
    i8::try_from(value).map_err(|_| BitError)
}
