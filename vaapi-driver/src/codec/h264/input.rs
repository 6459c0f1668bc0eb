// SPDX-License-Identifier: BSD-2-Clause
//! Sorts a picture's VA buffers: one picture parameter buffer, an optional IQ matrix, slices in render order.

use super::super::{CodecError, RenderedBuffer};
use va_sys::*;

/// Bytes after which a picture is refused: an 8192x8192 one of 10-bit I_PCM macroblocks has fewer.
const MAX_PICTURE_BYTES: usize = 1 << 27;

/// One slice as the client gave it.
#[derive(Debug)]
pub(super) struct VaSlice {
    pub params: VASliceParameterBufferH264,
    /// The NAL unit from its header byte on, without start code and trailing zero bytes.
    pub nal: Vec<u8>,
}

/// What a client rendered for one picture.
#[derive(Debug)]
pub(super) struct VaPicture {
    pub params: VAPictureParameterBufferH264,
    pub iq_matrix: Option<VAIQMatrixBufferH264>,
    pub slices: Vec<VaSlice>,
}

/// The last picture parameter buffer rendered.
pub(super) fn picture_params(buffers: &[RenderedBuffer]) -> Option<VAPictureParameterBufferH264> {
    let buffer = buffers
        .iter()
        .rev()
        .find(|buffer| buffer.kind == VAPictureParameterBufferType)?;
    read_element(&buffer.data, buffer.element_size, 0)
}

/// Whether a client's picture structure names a surface.
pub(super) fn is_valid(picture: &VAPictureH264) -> bool {
    picture.flags & VA_PICTURE_H264_INVALID == 0 && picture.picture_id != VA_INVALID_SURFACE
}

impl VaPicture {
    /// Sorts `buffers`. Slice parameter buffers pair with slice data buffers in render order; a single data buffer
    /// serves all parameter buffers.
    ///
    /// # Errors
    /// A buffer is missing or too short, or slice parameters point outside their data.
    pub(super) fn collect(buffers: &[RenderedBuffer]) -> Result<Self, CodecError> {
        let params =
            picture_params(buffers).ok_or(CodecError::MissingBuffer("H.264 picture parameters"))?;
        let of_kind = |kind| buffers.iter().filter(move |buffer| buffer.kind == kind);
        let iq_matrix = match of_kind(VAIQMatrixBufferType).next_back() {
            None => None,
            Some(buffer) => Some(read_element(&buffer.data, buffer.element_size, 0).ok_or(
                CodecError::MissingBuffer("H.264 inverse quantisation matrix"),
            )?),
        };
        let parameter_buffers: Vec<_> = of_kind(VASliceParameterBufferType).collect();
        let data_buffers: Vec<_> = of_kind(VASliceDataBufferType).collect();
        if parameter_buffers.is_empty() || data_buffers.is_empty() {
            return Err(CodecError::MissingBuffer("slices"));
        }
        let shared = data_buffers.len() == 1;
        if !shared && data_buffers.len() != parameter_buffers.len() {
            return Err(CodecError::Invalid(format!(
                "{} slice parameter buffers for {} slice data buffers",
                parameter_buffers.len(),
                data_buffers.len()
            )));
        }
        let mut slices = Vec::new();
        let mut bytes = 0usize;
        for (buffer, data) in parameter_buffers.iter().zip(data_buffers.iter().cycle()) {
            for index in 0..buffer.elements {
                let params: VASliceParameterBufferH264 =
                    read_element(&buffer.data, buffer.element_size, index)
                        .ok_or(CodecError::MissingBuffer("H.264 slice parameters"))?;
                let part = slice_bytes(&params, &data.data)?;
                bytes = bytes.saturating_add(part.len());
                if bytes > MAX_PICTURE_BYTES {
                    return Err(CodecError::Invalid(format!(
                        "slices of more than {MAX_PICTURE_BYTES} bytes"
                    )));
                }
                add_part(&mut slices, params, part)?;
            }
        }
        for slice in &mut slices {
            trim(&mut slice.nal)?;
        }
        Ok(Self {
            params,
            iq_matrix,
            slices,
        })
    }
}

/// The bytes that one element of a slice parameter buffer names.
fn slice_bytes<'a>(
    params: &VASliceParameterBufferH264,
    data: &'a [u8],
) -> Result<&'a [u8], CodecError> {
    let start = params.slice_data_offset as usize;
    start
        .checked_add(params.slice_data_size as usize)
        .and_then(|end| data.get(start..end))
        .ok_or(CodecError::MissingBuffer(
            "slice data (offset and size reach outside the buffer)",
        ))
}

/// Adds a whole slice, or one part of a slice that spans several data buffers.
fn add_part(
    slices: &mut Vec<VaSlice>,
    params: VASliceParameterBufferH264,
    part: &[u8],
) -> Result<(), CodecError> {
    match params.slice_data_flag {
        VA_SLICE_DATA_FLAG_ALL | VA_SLICE_DATA_FLAG_BEGIN => slices.push(VaSlice {
            params,
            nal: part.to_vec(),
        }),
        VA_SLICE_DATA_FLAG_MIDDLE | VA_SLICE_DATA_FLAG_END => match slices.last_mut() {
            Some(slice) if slice.params.slice_data_flag == VA_SLICE_DATA_FLAG_BEGIN => {
                slice.nal.extend_from_slice(part);
            }
            _ => {
                return Err(CodecError::Invalid(
                    "a slice's middle or end without its beginning".into(),
                ));
            }
        },
        other => return Err(CodecError::Invalid(format!("slice_data_flag {other}"))),
    }
    Ok(())
}

/// Strips a start code that some clients leave, and trailing zero bytes, which are not part of a NAL unit.
fn trim(nal: &mut Vec<u8>) -> Result<(), CodecError> {
    let zeros = nal.iter().take_while(|&&byte| byte == 0).count();
    if zeros >= 2 && nal.get(zeros) == Some(&1) {
        nal.drain(..=zeros);
    }
    let end = nal
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    nal.truncate(end);
    if nal.len() < 2 {
        return Err(CodecError::MissingBuffer("slice data (empty)"));
    }
    Ok(())
}
