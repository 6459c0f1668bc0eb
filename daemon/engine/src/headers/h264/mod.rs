// SPDX-License-Identifier: BSD-2-Clause
//! H.264 controls to SPS and PPS NAL units.
//!
//! The parameter sets written here describe the same decoding process as the controls, for a decoder that wants each
//! picture at once: no cropping, no reordering, always a High profile (the only syntax that can carry everything a
//! control can say). They are not the stream's own: what controls do not carry (cropping, VUI) is not there.
//!
//! Everything is checked before a byte is written: these functions are what stands between an arbitrary V4L2 client's
//! controls and the decoder library.

mod pps;
mod slices;
mod sps;

pub use pps::pps_nal;
pub(crate) use slices::nal_units;
pub use slices::{SliceInfo, first_slice, pps_ids};
pub use sps::sps_nal;

use crate::error::EngineError;
use v4l2_common::bits::escape_nal;
use v4l2_common::picture::H264Controls;

/// Why controls cannot be written as headers; the message names the field and its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Outside the range that the standard (Rec. ITU-T H.264 clause 7.4.2) gives.
    #[error("{field} is {value}, allowed is {allowed}")]
    OutOfRange {
        /// The control's field.
        field: &'static str,
        /// Its value.
        value: i64,
        /// The allowed range.
        allowed: &'static str,
    },
    /// Allowed by the standard, but not decodable here.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
}

impl From<HeaderError> for EngineError {
    fn from(error: HeaderError) -> Self {
        EngineError::Invalid(error.to_string())
    }
}

/// Refuses `value` outside `range`.
fn check<T>(
    field: &'static str,
    value: T,
    range: core::ops::RangeInclusive<i64>,
    allowed: &'static str,
) -> Result<(), HeaderError>
where
    T: Into<i64>,
{
    let value = value.into();
    if range.contains(&value) {
        Ok(())
    } else {
        Err(HeaderError::OutOfRange {
            field,
            value,
            allowed,
        })
    }
}

/// Wraps an RBSP into an Annex B NAL unit: start code, header with `nal_ref_idc` 3, emulation prevention.
fn nal(nal_unit_type: u8, rbsp: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rbsp.len() + 16);
    out.extend_from_slice(&[0, 0, 0, 1, 3 << 5 | nal_unit_type]);
    escape_nal(rbsp, &mut out);
    out
}

/// The SPS and the PPS (Annex B) of a picture whose slices all name the PPS id of the control.
///
/// # Errors
/// A control is out of range or asks for what the engine does not decode.
pub fn parameter_sets(controls: &H264Controls) -> Result<Vec<u8>, HeaderError> {
    parameter_sets_for(controls, &[])
}

/// The SPS and PPSs (Annex B) that `bitstream`, a picture's slices, needs.
///
/// V4L2 carries one PPS per picture, while the slices of a picture may name several ids: the PPS is written under the
/// control's id and under every other one that the slices name.
///
/// # Errors
/// As [`parameter_sets`].
pub fn parameter_sets_for(
    controls: &H264Controls,
    bitstream: &[u8],
) -> Result<Vec<u8>, HeaderError> {
    let mut out = sps_nal(&controls.sps)?;
    let matrix = controls.scaling_matrix.as_ref();
    out.extend(pps_nal(&controls.sps, &controls.pps, matrix)?);
    for id in pps_ids(bitstream) {
        if id != controls.pps.pic_parameter_set_id {
            let mut pps = controls.pps;
            pps.pic_parameter_set_id = id;
            out.extend(pps_nal(&controls.sps, &pps, matrix)?);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
