// SPDX-License-Identifier: BSD-2-Clause
//! A frame in libavcodec's buffers, as the engine gives it out.
#![allow(unsafe_code)]

use super::av::Buffers;
use crate::frame::{Frame, FrameBuffer, Plane};
use std::sync::Arc;

#[derive(Clone, Copy)]
struct Samples {
    data: *const u8,
    stride: usize,
    width: usize,
    height: usize,
    /// Bytes from the first sample to behind the last one.
    bytes: usize,
}

/// Planes of one frame, allocated by libavcodec. Decoder threads write to them until the picture is final; only then may
/// [`PlanarFrame::frame`] be called.
pub(super) struct PlanarFrame {
    width: u32,
    height: u32,
    bit_depth: u8,
    planes: [Option<Samples>; 3],
    // What the planes point into.
    _buffers: Buffers,
}

// SAFETY: the planes are memory that `_buffers` keeps allocated; it has no thread affinity.
unsafe impl Send for PlanarFrame {}
// SAFETY: the samples are read through shared references only once the picture is final (see `frame`), when nobody
// writes any more.
unsafe impl Sync for PlanarFrame {}

impl PlanarFrame {
    /// A 4:2:0 frame of three planes, or a monochrome one of one plane. `None`: no data, or rows longer than their stride.
    ///
    /// # Safety
    /// `buffers` must keep each of the first `planes` planes readable: `height` rows of `stride` bytes (chroma: half the
    /// height, rounded up), the last one at least up to its last sample.
    pub(super) unsafe fn new(
        width: u32,
        height: u32,
        bit_depth: u8,
        planes: usize,
        data: [*mut u8; 3],
        strides: [usize; 3],
        buffers: Buffers,
    ) -> Option<Self> {
        let bytes_per_sample = if bit_depth > 8 { 2 } else { 1 };
        let mut samples = [None; 3];
        for (index, plane) in samples.iter_mut().enumerate().take(planes) {
            let shift = u32::from(index > 0);
            let plane_width = usize::try_from(width.checked_add(shift)? >> shift).ok()?;
            let plane_height = usize::try_from(height.checked_add(shift)? >> shift).ok()?;
            let row = plane_width.checked_mul(bytes_per_sample)?;
            let stride = strides[index];
            if data[index].is_null() || plane_width == 0 || plane_height == 0 || row > stride {
                return None;
            }
            let bytes = stride.checked_mul(plane_height - 1)?.checked_add(row)?;
            *plane = Some(Samples {
                data: data[index],
                stride,
                width: plane_width,
                height: plane_height,
                bytes,
            });
        }
        Some(Self {
            width,
            height,
            bit_depth,
            planes: samples,
            _buffers: buffers,
        })
    }

    /// Gives the frame out.
    ///
    /// # Safety
    /// The picture must be final: no decoder thread may write to its planes from now on.
    pub(super) unsafe fn frame(self: Arc<Self>) -> Frame {
        Frame {
            width: self.width,
            height: self.height,
            bit_depth: self.bit_depth,
            buffer: Box::new(Final(self)),
        }
    }
}

/// A frame that nobody writes to any more.
struct Final(Arc<PlanarFrame>);

impl FrameBuffer for Final {
    fn plane(&self, index: usize) -> Option<Plane<'_>> {
        let samples = (*self.0.planes.get(index)?)?;
        // SAFETY: `PlanarFrame::new`'s caller vouched for the range, `PlanarFrame::frame`'s for nobody writing to it.
        let data = unsafe { std::slice::from_raw_parts(samples.data, samples.bytes) };
        Some(Plane {
            data,
            stride: samples.stride,
            width: samples.width,
            height: samples.height,
        })
    }
}
