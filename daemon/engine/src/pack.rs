// SPDX-License-Identifier: BSD-2-Clause
//! Planar 4:2:0 (or monochrome) to NV12 and P010.
//!
//! The rows are written by kernels of `rows`, chosen per machine. Regular stores, not streaming ones: the client reads the
//! surface soon after, from a cache that it shares with this thread.
#![allow(unsafe_code)]

mod rows;

use crate::{
    error::EngineError,
    frame::{Frame, Plane},
};
use rows::Kernels;

/// Semi-planar layout of a packed image: a luma plane, and a half-size plane of interleaved Cb and Cr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// 8-bit samples.
    Nv12,
    /// 16-bit little-endian samples, the 10-bit value in the high bits, zeros below.
    P010,
}

impl Format {
    /// Bytes per sample.
    pub fn sample_bytes(self) -> usize {
        match self {
            Format::Nv12 => 1,
            Format::P010 => 2,
        }
    }

    /// The format that holds samples of `bit_depth` bits; `None` if there is none.
    pub fn of_bit_depth(bit_depth: u8) -> Option<Self> {
        match bit_depth {
            8 => Some(Format::Nv12),
            10 => Some(Format::P010),
            _ => None,
        }
    }
}

/// Destination of [`pack`]: one linear NV12 or P010 image in memory that other threads may read meanwhile (hence raw pointers).
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// First luma sample; any alignment.
    pub luma: *mut u8,
    /// Bytes from luma row to luma row, at least `width` samples.
    pub luma_pitch: usize,
    /// First Cb sample, its Cr follows; any alignment.
    pub chroma: *mut u8,
    /// Bytes from chroma row to chroma row, at least `width` rounded up to even samples.
    pub chroma_pitch: usize,
    /// Luma samples in a row.
    pub width: u32,
    /// Luma rows; there are half as many chroma rows, rounded up.
    pub height: u32,
    /// Sample layout.
    pub format: Format,
}

/// Writes `frame` into `target`, as much of it as fits: the smaller width and the smaller height of the two count, chroma
/// rounded up. What lies outside stays untouched. A monochrome frame gets neutral chroma.
///
/// # Errors
/// [`EngineError::Invalid`] if the bit depths differ, a pitch is too small, or the frame's planes are too small for its size;
/// the target's contents are then undefined.
///
/// # Safety
/// For as long as the call takes, `luma` must be writable for `height` rows of `width` samples, `luma_pitch` bytes apart, and
/// `chroma` for `height / 2` (rounded up) rows of `width` (rounded up to even) samples, `chroma_pitch` bytes apart. The
/// frame's own memory must not overlap the target.
pub unsafe fn pack(frame: &Frame, target: &Target) -> Result<(), EngineError> {
    let depth = frame.bit_depth;
    if Format::of_bit_depth(depth) != Some(target.format) {
        return Err(EngineError::Invalid(format!(
            "a {depth} bit frame cannot be packed as {:?}",
            target.format
        )));
    }
    let width = frame.width.min(target.width) as usize;
    let height = frame.height.min(target.height) as usize;
    let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
    let bytes = target.format.sample_bytes();
    if target.luma_pitch < width * bytes || target.chroma_pitch < chroma_width * 2 * bytes {
        return Err(EngineError::Invalid("pitch is smaller than a row".into()));
    }
    if width == 0 || height == 0 {
        return Ok(());
    }
    let plane = |index| frame.buffer.plane(index);
    let luma = plane(0).ok_or_else(|| EngineError::Invalid("frame without luma".into()))?;
    let luma = Rows::new(&luma, width, height, bytes)?;
    let chroma = match (plane(1), plane(2)) {
        (Some(u), Some(v)) => Some((
            Rows::new(&u, chroma_width, chroma_height, bytes)?,
            Rows::new(&v, chroma_width, chroma_height, bytes)?,
        )),
        (None, None) => None,
        _ => return Err(EngineError::Invalid("frame with one chroma plane".into())),
    };
    let kernels = Kernels::detect();
    for y in 0..height {
        // SAFETY: row `y` of the source holds `width` samples (checked by `Rows::new`); the caller vouches for the target.
        unsafe {
            let (from, to) = (luma.row(y), target.luma.add(y * target.luma_pitch));
            match target.format {
                Format::Nv12 => std::ptr::copy_nonoverlapping(from, to, width),
                Format::P010 => (kernels.shift16)(from, to, width),
            }
        }
    }
    for y in 0..chroma_height {
        // SAFETY: row `y` of both sources holds `chroma_width` samples (checked by `Rows::new`); the caller vouches for
        // the target.
        unsafe {
            let to = target.chroma.add(y * target.chroma_pitch);
            match (&chroma, target.format) {
                (Some((u, v)), Format::Nv12) => {
                    (kernels.weave8)(u.row(y), v.row(y), to, chroma_width)
                }
                (Some((u, v)), Format::P010) => {
                    (kernels.weave16)(u.row(y), v.row(y), to, chroma_width)
                }
                (None, Format::Nv12) => to.write_bytes(0x80, chroma_width * 2),
                (None, Format::P010) => rows::fill16(to, 512 << 6, chroma_width * 2),
            }
        }
    }
    Ok(())
}

/// Packs a whole frame tightly: `width` luma samples per row, then chroma rows of `width` rounded up to even samples.
///
/// # Errors
/// [`EngineError::Invalid`] as [`pack`].
pub fn pack_to_vec(frame: &Frame, format: Format) -> Result<Vec<u8>, EngineError> {
    let too_large = || EngineError::Invalid("frame too large to pack".into());
    let (width, height) = (frame.width as usize, frame.height as usize);
    let luma_pitch = width
        .checked_mul(format.sample_bytes())
        .ok_or_else(too_large)?;
    let chroma_pitch = width
        .div_ceil(2)
        .checked_mul(2 * format.sample_bytes())
        .ok_or_else(too_large)?;
    let luma_size = luma_pitch.checked_mul(height).ok_or_else(too_large)?;
    let chroma_size = chroma_pitch
        .checked_mul(height.div_ceil(2))
        .ok_or_else(too_large)?;
    let mut image = vec![0; luma_size.checked_add(chroma_size).ok_or_else(too_large)?];
    let (luma, chroma) = image.split_at_mut(luma_size);
    let target = Target {
        luma: luma.as_mut_ptr(),
        luma_pitch,
        chroma: chroma.as_mut_ptr(),
        chroma_pitch,
        width: frame.width,
        height: frame.height,
        format,
    };
    // SAFETY: both parts of `image` have exactly the stated rows and are borrowed exclusively.
    unsafe { pack(frame, &target)? };
    Ok(image)
}

/// Rows of a source plane, proven to lie inside its memory.
struct Rows {
    data: *const u8,
    stride: usize,
}

impl Rows {
    /// The first `width` samples of the first `height` rows (neither zero) of `plane`.
    fn new(
        plane: &Plane<'_>,
        width: usize,
        height: usize,
        sample_bytes: usize,
    ) -> Result<Self, EngineError> {
        let row = width * sample_bytes;
        let size = plane
            .stride
            .checked_mul(height - 1)
            .and_then(|size| size.checked_add(row));
        let fits = size.is_some_and(|size| size <= plane.data.len());
        if !fits || plane.stride < row || plane.width < width || plane.height < height {
            return Err(EngineError::Invalid(
                "plane is smaller than its frame".into(),
            ));
        }
        Ok(Self {
            data: plane.data.as_ptr(),
            stride: plane.stride,
        })
    }

    /// # Safety
    /// `y` must be below the `height` given to [`Rows::new`], and the plane still borrowed.
    unsafe fn row(&self, y: usize) -> *const u8 {
        // SAFETY: `new` checked that the offset lies inside the plane's data.
        unsafe { self.data.add(y * self.stride) }
    }
}

#[cfg(test)]
mod tests;
