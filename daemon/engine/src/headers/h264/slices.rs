// SPDX-License-Identifier: BSD-2-Clause
//! What the engine reads of slice headers itself: the fields in front of everything that needs a parameter set.

use v4l2_common::bits::{BitReader, unescape_nal};

/// Bytes that surely hold `first_mb_in_slice`, `slice_type` and `pic_parameter_set_id`: three ue(v) of at most 63 bits.
const HEADER_BYTES: usize = 32;

/// The start of a slice header (clause 7.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceInfo {
    /// 1: non-IDR slice, 5: IDR slice.
    pub nal_unit_type: u8,
    /// 0: no reference picture.
    pub nal_ref_idc: u8,
    /// Macroblock address (of the pair, in MBAFF frames).
    pub first_mb_in_slice: u32,
    /// Modulo 5: `V4L2_H264_SLICE_TYPE_*`.
    pub slice_type: u8,
    /// 0..=255
    pub pic_parameter_set_id: u8,
}

/// Payloads of the NAL units of an Annex B byte stream, NAL unit header included.
pub(crate) fn nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start_code(stream).and_then(|at| stream.get(at + 3..));
    core::iter::from_fn(move || {
        let nal = rest?;
        let end = start_code(nal);
        rest = end.and_then(|end| nal.get(end + 3..));
        nal.get(..end.unwrap_or(nal.len()))
    })
}

/// Position of the first `00 00 01`. Looks at every third byte where it can: pictures of megabytes pass here.
fn start_code(stream: &[u8]) -> Option<usize> {
    let mut i = 0;
    while let Some(&third) = stream.get(i + 2) {
        match third {
            1 if stream.get(i..i + 2) == Some(&[0, 0]) => return Some(i),
            0 => i += 1,
            _ => i += 3,
        }
    }
    None
}

fn slice_info(nal: &[u8]) -> Option<SliceInfo> {
    let header = *nal.first()?;
    let nal_unit_type = header & 0x1f;
    if !matches!(nal_unit_type, 1 | 5) {
        return None;
    }
    let rbsp = unescape_nal(nal.get(1..)?, HEADER_BYTES);
    let mut r = BitReader::new(&rbsp);
    let first_mb_in_slice = r.ue().ok()?;
    let slice_type = r.ue().ok()?;
    let pic_parameter_set_id = u8::try_from(r.ue().ok()?).ok()?;
    if slice_type > 9 {
        return None;
    }
    Some(SliceInfo {
        nal_unit_type,
        nal_ref_idc: header >> 5 & 3,
        first_mb_in_slice,
        slice_type: (slice_type % 5) as u8,
        pic_parameter_set_id,
    })
}

/// The first slice of an Annex B byte stream; `None` if it has no readable one.
pub fn first_slice(bitstream: &[u8]) -> Option<SliceInfo> {
    nal_units(bitstream).find_map(slice_info)
}

/// Distinct PPS ids of the slices of an Annex B byte stream, in order of appearance.
pub fn pps_ids(bitstream: &[u8]) -> Vec<u8> {
    let mut ids = Vec::new();
    for id in nal_units(bitstream)
        .filter_map(slice_info)
        .map(|slice| slice.pic_parameter_set_id)
    {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}
