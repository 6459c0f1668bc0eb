// SPDX-License-Identifier: BSD-2-Clause
//! The uncompressed header (VP9 specification, clause 6.2) as `v4l2_ctrl_vp9_frame`.

use crate::codec::CodecError;
use v4l2_common::{
    bits::{BitError, BitReader},
    uapi::vp9::*,
};

/// Largest width and height that Daedalus decodes.
const MAX_SIZE: u32 = 8192;

/// `color_space` of RGB, which 4:2:0 cannot carry.
const CS_RGB: u32 = 7;

/// Header state that outlives a frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    /// `BitDepth` and `color_range` of the last frame that stated them; `None` before the first.
    color: Option<Color>,
    /// Only the deltas persist.
    lf: v4l2_vp9_loop_filter,
    /// Features, `segmentation_abs_or_delta_update` and probabilities persist.
    seg: v4l2_vp9_segmentation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Color {
    bit_depth: u8,
    full_swing: bool,
}

impl Default for State {
    fn default() -> Self {
        let mut state = Self {
            color: None,
            lf: v4l2_vp9_loop_filter::default(),
            seg: v4l2_vp9_segmentation::default(),
        };
        state.setup_past_independence();
        state
    }
}

impl State {
    /// `setup_past_independence()`, clause 7.2, as far as it concerns this header.
    fn setup_past_independence(&mut self) {
        self.lf = v4l2_vp9_loop_filter {
            ref_deltas: [1, 0, -1, -1],
            ..Default::default()
        };
        self.seg = v4l2_vp9_segmentation {
            tree_probs: [255; 7],
            pred_probs: [255; 3],
            ..Default::default()
        };
    }
}

/// What an inter frame's header does not say and VA does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// Size of the frame where the header takes it from a reference.
    pub size: (u32, u32),
    /// Bit depth where no earlier header is known (a stream that is entered at an inter frame).
    pub bit_depth: u8,
}

/// A parsed uncompressed header.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    /// The V4L2 control, without reference timestamps and `reference_mode`.
    pub frame: v4l2_ctrl_vp9_frame,
    /// Slots of LAST, GOLDEN and ALTREF; `None` for key and intra-only frames.
    pub ref_frame_idx: Option<[u8; 3]>,
    /// `Lossless`
    pub lossless: bool,
    /// What later frames inherit.
    pub state: State,
}

fn truncated(error: BitError) -> CodecError {
    CodecError::Invalid(format!("VP9 uncompressed header: {error}"))
}

fn invalid<T>(message: impl std::fmt::Display) -> Result<T, CodecError> {
    Err(CodecError::Invalid(format!(
        "VP9 uncompressed header: {message}"
    )))
}

fn unsupported<T>(message: impl std::fmt::Display) -> Result<T, CodecError> {
    Err(CodecError::Unsupported(format!("VP9 {message}")))
}

/// Parses the header at the start of a frame (not of a superframe).
///
/// # Errors
/// [`CodecError::Invalid`] for what the specification forbids and for a show-existing frame, which codes no picture;
/// [`CodecError::Unsupported`] for profiles 1 and 3, 12 bits, and sizes above 8192.
pub(super) fn parse(data: &[u8], state: &State, context: &Context) -> Result<Header, CodecError> {
    let mut parser = Parser {
        r: BitReader::new(data),
        state: state.clone(),
        context,
        frame: Default::default(),
    };
    let ref_frame_idx = parser.frame_header()?;
    parser.loop_filter_params()?;
    let lossless = parser.quantization_params()?;
    parser.segmentation_params()?;
    parser.tile_info()?;
    let compressed_header_size = parser.u16()?;
    parser.r.byte_align();
    let size = parser.r.position() / 8;
    if compressed_header_size == 0 {
        return invalid("header_size_in_bytes is 0");
    }
    let mut frame = parser.frame;
    frame.compressed_header_size = compressed_header_size;
    frame.uncompressed_header_size = u16::try_from(size).unwrap_or(u16::MAX);
    if data.len() < size + usize::from(compressed_header_size) {
        return invalid(format_args!(
            "{compressed_header_size} bytes of compressed header behind {size} bytes, the frame has {}",
            data.len()
        ));
    }
    Ok(Header {
        frame,
        ref_frame_idx,
        lossless,
        state: parser.state,
    })
}

struct Parser<'a> {
    r: BitReader<'a>,
    state: State,
    context: &'a Context,
    frame: v4l2_ctrl_vp9_frame,
}

impl Parser<'_> {
    fn bit(&mut self) -> Result<bool, CodecError> {
        self.r.bit().map_err(truncated)
    }

    fn bits(&mut self, n: u32) -> Result<u32, CodecError> {
        self.r.bits(n).map_err(truncated)
    }

    fn flag(&mut self, flag: u32) -> Result<bool, CodecError> {
        let set = self.bit()?;
        if set {
            self.frame.flags |= flag;
        }
        Ok(set)
    }

    /// `u(n)` that fits 8 bits.
    fn u8(&mut self, n: u32) -> Result<u8, CodecError> {
        u8::try_from(self.bits(n.min(8))?).or_else(|_| invalid("value above 255"))
    }

    fn u16(&mut self) -> Result<u16, CodecError> {
        u16::try_from(self.bits(16)?).or_else(|_| invalid("value above 65535"))
    }

    /// `s(n)`: magnitude of `n` bits, at most 7, then the sign (clause 4.10.6).
    fn signed(&mut self, n: u32) -> Result<i8, CodecError> {
        let value = (self.u8(n.min(7))? & 0x7f) as i8;
        Ok(if self.bit()? { -value } else { value })
    }

    /// `uncompressed_header()` up to `frame_context_idx`.
    fn frame_header(&mut self) -> Result<Option<[u8; 3]>, CodecError> {
        if self.bits(2)? != 2 {
            return invalid("frame_marker is not 2");
        }
        let profile = u8::from(self.bit()?) | u8::from(self.bit()?) << 1;
        if profile != 0 && profile != 2 {
            return unsupported(format_args!("profile {profile}"));
        }
        self.frame.profile = profile;
        if self.bit()? {
            return invalid("show_existing_frame codes no picture");
        }
        let key_frame = !self.bit()?;
        if key_frame {
            self.frame.flags |= V4L2_VP9_FRAME_FLAG_KEY_FRAME;
        }
        let show_frame = self.flag(V4L2_VP9_FRAME_FLAG_SHOW_FRAME)?;
        let error_resilient = self.flag(V4L2_VP9_FRAME_FLAG_ERROR_RESILIENT)?;
        let mut intra_only = false;
        let mut ref_frame_idx = None;
        if key_frame {
            self.sync_code()?;
            self.color_config()?;
            self.frame_size()?;
            self.render_size()?;
        } else {
            intra_only = !show_frame && self.flag(V4L2_VP9_FRAME_FLAG_INTRA_ONLY)?;
            self.frame.reset_frame_context = match if error_resilient { 0 } else { self.bits(2)? } {
                2 => V4L2_VP9_RESET_FRAME_CTX_SPEC,
                3 => V4L2_VP9_RESET_FRAME_CTX_ALL,
                _ => V4L2_VP9_RESET_FRAME_CTX_NONE,
            };
            if intra_only {
                self.sync_code()?;
                if profile > 0 {
                    self.color_config()?;
                } else {
                    self.set_color(Color {
                        bit_depth: 8,
                        full_swing: false,
                    });
                }
                self.bits(8)?; // refresh_frame_flags: the client's reference_frames show their effect
                self.frame_size()?;
                self.render_size()?;
            } else {
                ref_frame_idx = Some(self.inter_header()?);
            }
        }
        if error_resilient {
            self.frame.flags |= V4L2_VP9_FRAME_FLAG_PARALLEL_DEC_MODE;
        } else {
            self.flag(V4L2_VP9_FRAME_FLAG_REFRESH_FRAME_CTX)?;
            self.flag(V4L2_VP9_FRAME_FLAG_PARALLEL_DEC_MODE)?;
        }
        // V4L2 wants the coded index, not the 0 that takes its place after a reset (v4l2_vp9_reset_frame_ctx()).
        self.frame.frame_context_idx = self.u8(2)?;
        if key_frame || intra_only || error_resilient {
            self.state.setup_past_independence();
        }
        Ok(ref_frame_idx)
    }

    fn inter_header(&mut self) -> Result<[u8; 3], CodecError> {
        self.inherit_color()?;
        self.bits(8)?; // refresh_frame_flags
        let mut slots = [0; 3];
        for (slot, bias) in slots.iter_mut().zip([
            V4L2_VP9_SIGN_BIAS_LAST,
            V4L2_VP9_SIGN_BIAS_GOLDEN,
            V4L2_VP9_SIGN_BIAS_ALT,
        ]) {
            *slot = self.u8(3)?;
            if self.bit()? {
                self.frame.ref_frame_sign_bias |= bias;
            }
        }
        // frame_size_with_refs(): a found reference ends the search.
        let found = self.bit()? || self.bit()? || self.bit()?;
        if found {
            let (width, height) = self.context.size;
            self.set_frame_size(width, height)?;
        } else {
            self.frame_size()?;
        }
        self.render_size()?;
        self.flag(V4L2_VP9_FRAME_FLAG_ALLOW_HIGH_PREC_MV)?;
        self.frame.interpolation_filter = if self.bit()? {
            V4L2_VP9_INTERP_FILTER_SWITCHABLE
        } else {
            match self.bits(2)? {
                0 => V4L2_VP9_INTERP_FILTER_EIGHTTAP_SMOOTH,
                1 => V4L2_VP9_INTERP_FILTER_EIGHTTAP,
                2 => V4L2_VP9_INTERP_FILTER_EIGHTTAP_SHARP,
                _ => V4L2_VP9_INTERP_FILTER_BILINEAR,
            }
        };
        Ok(slots)
    }

    fn sync_code(&mut self) -> Result<(), CodecError> {
        match self.bits(24)? {
            0x49_83_42 => Ok(()),
            code => invalid(format_args!("frame_sync_code is {code:#08x}")),
        }
    }

    /// `color_config()` of profiles 0 and 2, which are 4:2:0.
    fn color_config(&mut self) -> Result<(), CodecError> {
        let bit_depth = match (self.frame.profile, self.frame.profile >= 2 && self.bit()?) {
            (0, _) => 8,
            (_, false) => 10,
            (_, true) => return unsupported("with 12 bits per sample"),
        };
        if self.bits(3)? == CS_RGB {
            return invalid("RGB in a 4:2:0 profile");
        }
        let full_swing = self.bit()?;
        self.set_color(Color {
            bit_depth,
            full_swing,
        });
        Ok(())
    }

    fn set_color(&mut self, color: Color) {
        self.state.color = Some(color);
        self.frame.bit_depth = color.bit_depth;
        self.frame.flags |= V4L2_VP9_FRAME_FLAG_X_SUBSAMPLING | V4L2_VP9_FRAME_FLAG_Y_SUBSAMPLING;
        if color.full_swing {
            self.frame.flags |= V4L2_VP9_FRAME_FLAG_COLOR_RANGE_FULL_SWING;
        }
    }

    fn inherit_color(&mut self) -> Result<(), CodecError> {
        let color = self.state.color.unwrap_or(Color {
            bit_depth: self.context.bit_depth,
            full_swing: false,
        });
        match (self.frame.profile, color.bit_depth) {
            (0, 8) | (2, 10) => {
                self.set_color(color);
                Ok(())
            }
            (2, 12) => unsupported("with 12 bits per sample"),
            (profile, depth) => invalid(format_args!(
                "profile {profile} with {depth} bits per sample"
            )),
        }
    }

    fn frame_size(&mut self) -> Result<(), CodecError> {
        let (width, height) = (self.bits(16)? + 1, self.bits(16)? + 1);
        self.set_frame_size(width, height)
    }

    fn set_frame_size(&mut self, width: u32, height: u32) -> Result<(), CodecError> {
        if width > MAX_SIZE || height > MAX_SIZE {
            return unsupported(format_args!(
                "frame of {width}x{height}, above {MAX_SIZE}x{MAX_SIZE}"
            ));
        }
        let minus_1 = |size: u32| {
            size.checked_sub(1)
                .and_then(|size| u16::try_from(size).ok())
        };
        let (Some(width), Some(height)) = (minus_1(width), minus_1(height)) else {
            return invalid(format_args!("frame of {width}x{height}"));
        };
        (
            self.frame.frame_width_minus_1,
            self.frame.frame_height_minus_1,
        ) = (width, height);
        Ok(())
    }

    fn render_size(&mut self) -> Result<(), CodecError> {
        (
            self.frame.render_width_minus_1,
            self.frame.render_height_minus_1,
        ) = if self.bit()? {
            (self.u16()?, self.u16()?)
        } else {
            (
                self.frame.frame_width_minus_1,
                self.frame.frame_height_minus_1,
            )
        };
        Ok(())
    }

    /// `loop_filter_params()`, clause 6.2.8.
    fn loop_filter_params(&mut self) -> Result<(), CodecError> {
        let mut lf = v4l2_vp9_loop_filter {
            level: self.u8(6)?,
            sharpness: self.u8(3)?,
            ..self.state.lf
        };
        if self.bit()? {
            lf.flags |= V4L2_VP9_LOOP_FILTER_FLAG_DELTA_ENABLED;
            if self.bit()? {
                lf.flags |= V4L2_VP9_LOOP_FILTER_FLAG_DELTA_UPDATE;
                for delta in lf.ref_deltas.iter_mut().chain(&mut lf.mode_deltas) {
                    if self.bit()? {
                        *delta = self.signed(6)?;
                    }
                }
            }
        }
        self.state.lf.ref_deltas = lf.ref_deltas;
        self.state.lf.mode_deltas = lf.mode_deltas;
        self.frame.lf = lf;
        Ok(())
    }

    /// `quantization_params()`, clause 6.2.9; true: lossless.
    fn quantization_params(&mut self) -> Result<bool, CodecError> {
        let base_q_idx = self.u8(8)?;
        let mut deltas = [0i8; 3];
        for delta in &mut deltas {
            if self.bit()? {
                *delta = self.signed(4)?;
            }
        }
        let [delta_q_y_dc, delta_q_uv_dc, delta_q_uv_ac] = deltas;
        self.frame.quant = v4l2_vp9_quantization {
            base_q_idx,
            delta_q_y_dc,
            delta_q_uv_dc,
            delta_q_uv_ac,
            ..Default::default()
        };
        Ok(base_q_idx == 0 && deltas == [0; 3])
    }

    /// `segmentation_params()`, clause 6.2.11.
    fn segmentation_params(&mut self) -> Result<(), CodecError> {
        let mut seg = self.state.seg;
        let mut flags = 0;
        if self.bit()? {
            flags |= V4L2_VP9_SEGMENTATION_FLAG_ENABLED;
            if self.bit()? {
                flags |= V4L2_VP9_SEGMENTATION_FLAG_UPDATE_MAP;
                for prob in &mut seg.tree_probs {
                    *prob = if self.bit()? { self.u8(8)? } else { 255 };
                }
                let temporal_update = self.bit()?;
                if temporal_update {
                    flags |= V4L2_VP9_SEGMENTATION_FLAG_TEMPORAL_UPDATE;
                }
                for prob in &mut seg.pred_probs {
                    *prob = if temporal_update && self.bit()? {
                        self.u8(8)?
                    } else {
                        255
                    };
                }
            }
            if self.bit()? {
                flags |= V4L2_VP9_SEGMENTATION_FLAG_UPDATE_DATA;
                self.segmentation_data(&mut seg)?;
            }
        }
        self.state.seg = seg;
        // The state's flags hold nothing but the persistent one.
        seg.flags |= flags;
        self.frame.seg = seg;
        Ok(())
    }

    fn segmentation_data(&mut self, seg: &mut v4l2_vp9_segmentation) -> Result<(), CodecError> {
        seg.flags = if self.bit()? {
            V4L2_VP9_SEGMENTATION_FLAG_ABS_OR_DELTA_UPDATE
        } else {
            0
        };
        for (data, enabled) in seg.feature_data.iter_mut().zip(&mut seg.feature_enabled) {
            *enabled = 0;
            // Bits of the value, and whether a sign follows: ALT_Q, ALT_L, REF_FRAME, SKIP.
            for (feature, (bits, sign)) in [(8, true), (6, true), (2, false), (0, false)]
                .into_iter()
                .enumerate()
            {
                let mut value = 0;
                if self.bit()? {
                    *enabled |= 1 << feature;
                    value = i16::from(self.u8(bits)?);
                    if sign && self.bit()? {
                        value = -value;
                    }
                }
                if let Some(data) = data.get_mut(feature) {
                    *data = value;
                }
            }
        }
        Ok(())
    }

    /// `tile_info()`, clause 6.2.13.
    fn tile_info(&mut self) -> Result<(), CodecError> {
        let sb64_cols = (u32::from(self.frame.frame_width_minus_1) + 64) / 64;
        let mut min_log2 = 0;
        while (64 << min_log2) < sb64_cols {
            min_log2 += 1;
        }
        let mut max_log2 = 1;
        while (sb64_cols >> max_log2) >= 4 {
            max_log2 += 1;
        }
        max_log2 -= 1;
        let mut cols = min_log2;
        while cols < max_log2 && self.bit()? {
            cols += 1;
        }
        self.frame.tile_cols_log2 = cols;
        self.frame.tile_rows_log2 = if self.bit()? {
            1 + u8::from(self.bit()?)
        } else {
            0
        };
        Ok(())
    }
}
