// SPDX-License-Identifier: BSD-2-Clause
//! One decode operation, in the language of V4L2 stateless controls.

use crate::uapi::{av1::*, h264::*, vp9::*};

/// A coded format (the `V4L2_PIX_FMT_*` of the OUTPUT queue).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// `V4L2_PIX_FMT_H264_SLICE`
    H264,
    /// `V4L2_PIX_FMT_VP9_FRAME`
    Vp9,
    /// `V4L2_PIX_FMT_AV1_FRAME`
    Av1,
}

impl Codec {
    /// Short lower-case name for messages and file names.
    pub fn name(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::Vp9 => "vp9",
            Codec::Av1 => "av1",
        }
    }
}

/// One picture: what a V4L2 stateless client binds to one request.
///
/// A picture is one decode operation: a frame, or one field of an H.264 field pair. `timestamp` (nanoseconds, as the
/// kernel makes of an OUTPUT buffer's `timeval`) names the CAPTURE buffer for later references; both fields of a pair
/// carry the same one. References inside the controls (`reference_ts`, `last_frame_ts`, `reference_frame_ts`, ...) are
/// timestamps of earlier pictures; 0 names none.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Control payloads, complete for this picture.
    pub controls: Controls,
    /// What the OUTPUT buffer holds.
    ///
    /// * H.264: all slices of the picture, each NAL unit behind an Annex B start code (`00 00 01`).
    /// * VP9: one frame (never a superframe), from its uncompressed header on.
    /// * AV1: anything; only the bytes that the tile group entries name count.
    pub bitstream: Vec<u8>,
    /// Identity of the decoded frame, in nanoseconds, non-zero.
    pub timestamp: u64,
}

impl Picture {
    /// The coded format of this picture.
    pub fn codec(&self) -> Codec {
        match self.controls {
            Controls::H264(_) => Codec::H264,
            Controls::Vp9(_) => Codec::Vp9,
            Controls::Av1(_) => Codec::Av1,
        }
    }
}

/// The controls of one picture, by codec.
#[derive(Clone, Debug, PartialEq)]
pub enum Controls {
    /// H.264
    H264(Box<H264Controls>),
    /// VP9
    Vp9(Box<Vp9Controls>),
    /// AV1
    Av1(Box<Av1Controls>),
}

/// `V4L2_CID_STATELESS_H264_*`. A frame-based client sends no slices; the engine must not need them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct H264Controls {
    /// `V4L2_CID_STATELESS_H264_SPS`
    pub sps: v4l2_ctrl_h264_sps,
    /// `V4L2_CID_STATELESS_H264_PPS`
    pub pps: v4l2_ctrl_h264_pps,
    /// `V4L2_CID_STATELESS_H264_SCALING_MATRIX`; counts only with `V4L2_H264_PPS_FLAG_SCALING_MATRIX_PRESENT`.
    pub scaling_matrix: Option<v4l2_ctrl_h264_scaling_matrix>,
    /// `V4L2_CID_STATELESS_H264_DECODE_PARAMS`
    pub decode_params: v4l2_ctrl_h264_decode_params,
    /// One entry per slice, in bitstream order, for slice-based devices; may be empty.
    pub slices: Vec<H264Slice>,
}

/// Per-slice controls of a slice-based H.264 device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct H264Slice {
    /// Byte range of this slice in `Picture::bitstream`, start code included.
    pub offset: u32,
    /// Bytes, start code included.
    pub size: u32,
    /// `V4L2_CID_STATELESS_H264_SLICE_PARAMS`
    pub params: v4l2_ctrl_h264_slice_params,
    /// `V4L2_CID_STATELESS_H264_PRED_WEIGHTS`, where `V4L2_H264_CTRL_PRED_WEIGHTS_REQUIRED` holds.
    pub pred_weights: Option<Box<v4l2_ctrl_h264_pred_weights>>,
}

/// `V4L2_CID_STATELESS_VP9_*`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vp9Controls {
    /// `V4L2_CID_STATELESS_VP9_FRAME`
    pub frame: v4l2_ctrl_vp9_frame,
    /// `V4L2_CID_STATELESS_VP9_COMPRESSED_HDR`; a client of a device that does not need it sends none.
    pub compressed_hdr: Option<Box<v4l2_ctrl_vp9_compressed_hdr>>,
}

/// `V4L2_CID_STATELESS_AV1_*`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Av1Controls {
    /// `V4L2_CID_STATELESS_AV1_SEQUENCE`
    pub sequence: v4l2_ctrl_av1_sequence,
    /// `V4L2_CID_STATELESS_AV1_FRAME`
    pub frame: v4l2_ctrl_av1_frame,
    /// `V4L2_CID_STATELESS_AV1_TILE_GROUP_ENTRY`, one per tile, in tile order.
    pub tile_group_entries: Vec<v4l2_ctrl_av1_tile_group_entry>,
    /// `V4L2_CID_STATELESS_AV1_FILM_GRAIN`; grain is applied only with `V4L2_AV1_FILM_GRAIN_FLAG_APPLY_GRAIN`.
    pub film_grain: Option<Box<v4l2_ctrl_av1_film_grain>>,
}
