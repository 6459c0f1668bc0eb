// SPDX-License-Identifier: BSD-2-Clause
//! H.264: VA buffers to pictures.
//!
//! VA carries the state of a picture after parsing; what it lacks is read from the slice headers again (NAL reference
//! idc, IDR, PPS id, order count syntax, marking) or derived (profile, level, the PPS's default reference counts: the
//! slices' own where they do not override them). The rest follows the stream: see [`poc_rewrite`] for picture order count
//! type 1 and [`init_qp`] for a client-dependent field.

mod controls;
mod init_qp;
mod input;
mod level;
mod poc_rewrite;
mod slice_header;
mod slice_params;

use super::{CodecError, PictureInput, RenderedBuffer, Submission, Translation, Translator};
use init_qp::InitQp;
use input::{VaPicture, VaSlice};
use level::Tools;
use poc_rewrite::Plan;
use slice_header::{SliceHeader, Syntax};
use std::collections::VecDeque;
use v4l2_common::picture::{Controls, H264Controls, H264Slice, Picture};
use va_sys::*;

/// Pictures whose coding (frame or field) is remembered; more than a DPB with fields can name.
const REMEMBERED: usize = 64;

const START_CODE: [u8; 3] = [0, 0, 1];

/// The picture translated last, as a possible first field.
#[derive(Clone, Copy, Debug, PartialEq)]
struct LastPicture {
    target: VASurfaceID,
    frame_num: u16,
    /// A field, and the first of its frame.
    first_field: bool,
    bottom_field: bool,
}

/// What the H.264 translation of a stream keeps from picture to picture.
#[derive(Debug, Default)]
pub struct H264Translator {
    last: Option<LastPicture>,
    /// Timestamps of pictures, and whether they were coded as fields.
    coded_as_field: VecDeque<(u64, bool)>,
    /// Last known `num_ref_idx_lX_default_active_minus1` by PPS id.
    default_counts: std::collections::HashMap<u8, [u8; 2]>,
    init_qp: InitQp,
    /// Everything that the stream has used: the profile must not fall back from picture to picture.
    tools: Tools,
}

impl H264Translator {
    /// For a new stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns the default reference counts from slices that use them, and returns those of the first slice's PPS.
    fn default_counts(&mut self, headers: &[SliceHeader]) -> Result<[u8; 2], CodecError> {
        let Some(first) = headers.first() else {
            return Ok([0; 2]);
        };
        let mut in_picture = [None; 2];
        for header in headers
            .iter()
            .filter(|header| !header.is_intra() && !header.num_ref_idx_override)
        {
            let lists = 1 + usize::from(header.is_b());
            let known = self.default_counts.entry(header.pps_id).or_default();
            for ((known, seen), count) in known
                .iter_mut()
                .zip(&mut in_picture)
                .zip(header.num_ref_idx_minus1)
                .take(lists)
            {
                // The controls hold one PPS for all slices.
                if seen.is_some_and(|seen| seen != count) {
                    return Err(CodecError::Unsupported(
                        "slices of one picture whose PPSs differ in default reference counts"
                            .into(),
                    ));
                }
                *seen = Some(count);
                *known = count;
            }
        }
        let known = self
            .default_counts
            .get(&first.pps_id)
            .copied()
            .unwrap_or_default();
        Ok([
            in_picture[0].unwrap_or(known[0]),
            in_picture[1].unwrap_or(known[1]),
        ])
    }

    fn was_field(&self, timestamp: u64) -> bool {
        self.coded_as_field
            .iter()
            .any(|&(known, field)| known == timestamp && field)
    }

    fn remember(&mut self, input: &PictureInput<'_>, header: &SliceHeader) {
        let second = self.completes_frame(
            input.target,
            header.frame_num,
            header.field_pic,
            header.bottom_field,
        );
        self.last = Some(LastPicture {
            target: input.target,
            frame_num: header.frame_num,
            first_field: header.field_pic && (!second || header.idr),
            bottom_field: header.bottom_field,
        });
        self.coded_as_field
            .retain(|&(known, _)| known != input.timestamp);
        if self.coded_as_field.len() >= REMEMBERED {
            self.coded_as_field.pop_front();
        }
        self.coded_as_field
            .push_back((input.timestamp, header.field_pic));
    }

    /// Whether a picture is the other field of the frame that the last one began (clause 3.30; that it is no IDR picture
    /// is left to the caller). Clients give both fields one surface, so mixed pairs of a reference and a non-reference
    /// field, which the standard calls non-paired, share a frame here as they do there.
    fn completes_frame(
        &self,
        target: VASurfaceID,
        frame_num: u16,
        field: bool,
        bottom: bool,
    ) -> bool {
        self.last.is_some_and(|last| {
            field
                && last.first_field
                && last.target == target
                && last.frame_num == frame_num
                && last.bottom_field != bottom
        })
    }
}

/// A slice on its way into the picture.
struct Slice {
    params: VASliceParameterBufferH264,
    nal: Vec<u8>,
    header: SliceHeader,
}

/// Compares a header's length with what the client found. The parameters are those of the first slice's PPS: where a
/// slice names another one and its header does not fit, the PPSs differ, and VA does not say how.
fn check_length(
    params: &VASliceParameterBufferH264,
    header: &SliceHeader,
    first: Option<&Slice>,
) -> Result<(), CodecError> {
    let said = usize::from(params.slice_data_bit_offset);
    // A 16-bit field; 0 where a client leaves it out.
    if said == 0 || said == header.end & 0xffff {
        return Ok(());
    }
    if first.is_some_and(|first| first.header.pps_id != header.pps_id) {
        return Err(CodecError::Unsupported(
            "slices of one picture whose PPSs differ".into(),
        ));
    }
    tracing::debug!(
        "slice header of {} bits, the client says {said}",
        header.end
    );
    Ok(())
}

/// Parses the slices' headers, and puts the slices into the order that decoding needs: by address (Baseline's arbitrary
/// slice order), without redundant ones. A slice with a damaged header is left out while there are others.
fn parse_slices(slices: Vec<VaSlice>, syntax: &Syntax) -> Result<Vec<Slice>, CodecError> {
    let mut parsed = Vec::with_capacity(slices.len());
    let mut damage = None;
    for VaSlice { params, nal } in slices {
        let counts = [
            params.num_ref_idx_l0_active_minus1,
            params.num_ref_idx_l1_active_minus1,
        ];
        match SliceHeader::parse(&nal, syntax, counts) {
            Ok(header) => {
                check_length(&params, &header, parsed.first())?;
                parsed.push(Slice {
                    params,
                    nal,
                    header,
                });
            }
            Err(error @ CodecError::Invalid(_)) => {
                tracing::warn!("slice left out: {error}");
                damage = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    if parsed
        .iter()
        .any(|slice| slice.header.redundant_pic_cnt == 0)
    {
        parsed.retain(|slice| slice.header.redundant_pic_cnt == 0);
    }
    parsed.sort_by_key(|slice| slice.header.first_mb);
    match damage {
        Some(error) if parsed.is_empty() => Err(error),
        _ => Ok(parsed),
    }
}

/// Rewrites the slices of a picture with order count type 1; returns the syntax they are in afterwards.
fn rewrite_poc(
    slices: &mut [Slice],
    syntax: &Syntax,
    params: &VAPictureParameterBufferH264,
) -> Result<Syntax, CodecError> {
    let Some(first) = slices.first() else {
        return Ok(*syntax);
    };
    let current = &params.CurrPic;
    let plan = Plan::new(
        &first.header,
        syntax,
        current.TopFieldOrderCnt,
        current.BottomFieldOrderCnt,
    );
    let rewritten = plan.syntax(syntax);
    for slice in slices {
        slice.nal = plan.rewrite(&slice.nal, &slice.header);
        let counts = [
            slice.params.num_ref_idx_l0_active_minus1,
            slice.params.num_ref_idx_l1_active_minus1,
        ];
        slice.header = SliceHeader::parse(&slice.nal, &rewritten, counts)?;
    }
    Ok(rewritten)
}

impl Translator for H264Translator {
    fn translate(&mut self, input: &PictureInput<'_>) -> Result<Translation, CodecError> {
        let VaPicture {
            params,
            iq_matrix,
            slices,
        } = VaPicture::collect(input.buffers)?;
        let syntax = controls::check(&params)?;
        let mut slices = parse_slices(slices, &syntax)?;
        let headers: Vec<SliceHeader> = slices.iter().map(|slice| slice.header.clone()).collect();
        let counts = self.default_counts(&headers)?;
        let init_qp = self.init_qp.resolve(
            &params,
            slices.iter().map(|slice| (&slice.params, &slice.header)),
        );
        let tools = controls::tools(&params, iq_matrix.as_ref(), &syntax, &headers);
        self.tools = self.tools.union(tools);
        let syntax = if syntax.poc_type == 1 {
            rewrite_poc(&mut slices, &syntax, &params)?
        } else {
            syntax
        };
        let first = slices
            .first()
            .ok_or(CodecError::MissingBuffer("slices"))?
            .header
            .clone();
        let dpb = controls::Dpb::new(&params, &first, &syntax, input.surfaces, |timestamp| {
            timestamp == input.timestamp && first.field_pic || self.was_field(timestamp)
        });

        let mut pps = controls::pps(&params, &syntax, iq_matrix.is_some(), init_qp);
        pps.pic_parameter_set_id = first.pps_id;
        [
            pps.num_ref_idx_l0_default_active_minus1,
            pps.num_ref_idx_l1_default_active_minus1,
        ] = counts;
        let mut bitstream =
            Vec::with_capacity(slices.iter().map(|slice| slice.nal.len() + 3).sum());
        let mut slice_controls = Vec::with_capacity(slices.len());
        for slice in &slices {
            // Within 32 bits: the input is bounded.
            let offset = bitstream.len() as u32;
            bitstream.extend_from_slice(&START_CODE);
            bitstream.extend_from_slice(&slice.nal);
            slice_controls.push(H264Slice {
                offset,
                size: bitstream.len() as u32 - offset,
                params: slice_params::slice_params(&slice.params, &slice.header, &dpb),
                pred_weights: slice.header.pred_weights.clone(),
            });
        }
        let picture = Picture {
            controls: Controls::H264(Box::new(H264Controls {
                sps: controls::sps(&params, input.profile, self.tools, &syntax),
                pps,
                scaling_matrix: iq_matrix.as_ref().map(controls::scaling_matrix),
                decode_params: controls::decode_params(&params, &headers, &first, &dpb),
                slices: slice_controls,
            })),
            bitstream,
            timestamp: input.timestamp,
        };
        self.remember(input, &first);
        Ok(Translation {
            submissions: vec![Submission {
                picture,
                output: true,
            }],
            display: None,
        })
    }

    fn is_second_field(&self, target: VASurfaceID, buffers: &[RenderedBuffer]) -> bool {
        let Some(params) = input::picture_params(buffers) else {
            return false;
        };
        let field = params.pic_bits().field_pic_flag() == 1;
        let bottom = params.CurrPic.flags & VA_PICTURE_H264_BOTTOM_FIELD != 0;
        // Cheap first: the slices are looked at only where everything else says field pair.
        self.completes_frame(target, params.frame_num, field, bottom)
            && VaPicture::collect(buffers).is_ok_and(|picture| {
                picture
                    .slices
                    .first()
                    .and_then(|slice| slice.nal.first())
                    .is_some_and(|header| header & 0x1f != 5)
            })
    }

    fn references(&self, buffers: &[RenderedBuffer]) -> Vec<VASurfaceID> {
        let Some(params) = input::picture_params(buffers) else {
            return Vec::new();
        };
        let mut surfaces: Vec<VASurfaceID> = params
            .ReferenceFrames
            .iter()
            .filter(|picture| input::is_valid(picture))
            .map(|p| p.picture_id)
            .collect();
        surfaces.dedup();
        surfaces
    }
}

#[cfg(test)]
mod test_slices;
#[cfg(test)]
mod tests;
