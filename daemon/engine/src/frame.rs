// SPDX-License-Identifier: BSD-2-Clause
//! A decoded frame, planar, as the software decoders make it.

use std::any::Any;

/// One plane of a frame: samples of 8 bits, or of 16 bits (native endian, value in the low bits).
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// Rows of `stride` bytes; the last row may end with its last sample.
    pub data: &'a [u8],
    /// Bytes from row to row.
    pub stride: usize,
    /// Samples in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// What owns a decoded frame's memory (an `AVFrame`, a `Dav1dPicture`, a test's vectors).
pub trait FrameBuffer: Any + Send + Sync {
    /// Plane `index` (0 Y, 1 U, 2 V); `None` where the frame has no such plane (monochrome).
    fn plane(&self, index: usize) -> Option<Plane<'_>>;
}

/// A decoded frame. Cheap to hold: it references the decoder's own buffer, which stays unchanged while held.
pub struct Frame {
    /// Luma samples in a row.
    pub width: u32,
    /// Luma rows.
    pub height: u32,
    /// Bits per sample: 8 or 10.
    pub bit_depth: u8,
    /// Where the samples are.
    pub buffer: Box<dyn FrameBuffer>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Frame({}x{}, {} bit)",
            self.width, self.height, self.bit_depth
        )
    }
}
