// SPDX-License-Identifier: BSD-2-Clause
//! One linear NV12 or P010 object: its layout and its memory. Surfaces and images are made of these.

use crate::error::{Error, Result};
use crate::lock::{self, lock};
use crate::memory::Memory;
use engine::frame::Frame;
use engine::pack::{Format, Target, pack};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use va_sys::{VA_FOURCC_NV12, VA_FOURCC_P010};

/// Largest width and height of a surface or an image, in pixels (`VAImage` has 16 bits; four bytes per pixel fit `u32`).
pub const MAX_SIZE: u32 = 16384;
/// Rows start at multiples of this many bytes: a cache line, and what the strictest importers of linear buffers want.
const PITCH_ALIGNMENT: usize = 64;
/// The luma plane has a multiple of this many rows: whole macroblocks.
const HEIGHT_ALIGNMENT: usize = 16;

/// `VA_FOURCC_*` of a format.
pub fn fourcc(format: Format) -> u32 {
    match format {
        Format::Nv12 => VA_FOURCC_NV12,
        Format::P010 => VA_FOURCC_P010,
    }
}

/// The format of a `VA_FOURCC_*`; `None` if it is not offered.
pub fn format_of(fourcc: u32) -> Option<Format> {
    match fourcc {
        VA_FOURCC_NV12 => Some(Format::Nv12),
        VA_FOURCC_P010 => Some(Format::P010),
        _ => None,
    }
}

/// One plane of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneLayout {
    /// Bytes from the object's start.
    pub offset: usize,
    /// Bytes from row to row.
    pub pitch: usize,
    /// Visible bytes in a row.
    pub row_bytes: usize,
    /// Visible rows.
    pub rows: usize,
}

/// Where the samples of a picture lie in its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Sample layout.
    pub format: Format,
    /// Luma samples in a row.
    pub width: u32,
    /// Luma rows.
    pub height: u32,
    /// Luma, then interleaved chroma.
    pub planes: [PlaneLayout; 2],
    /// Bytes of the whole object.
    pub size: usize,
}

/// A rectangle of luma samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Left column.
    pub x: u32,
    /// Top row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Layout {
    /// # Errors
    /// [`Error::Resolution`] outside 1x1 to [`MAX_SIZE`] squared.
    pub fn new(format: Format, width: u32, height: u32) -> Result<Self> {
        if !(1..=MAX_SIZE).contains(&width) || !(1..=MAX_SIZE).contains(&height) {
            return Err(Error::Resolution(width.into(), height.into()));
        }
        let (columns, rows) = (width as usize, height as usize);
        let (chroma_columns, chroma_rows) = (columns.div_ceil(2) * 2, rows.div_ceil(2));
        let pitch = (chroma_columns * format.sample_bytes()).next_multiple_of(PITCH_ALIGNMENT);
        let luma_rows = rows.next_multiple_of(HEIGHT_ALIGNMENT);
        let offset = pitch * luma_rows;
        let luma = PlaneLayout {
            offset: 0,
            pitch,
            row_bytes: columns * format.sample_bytes(),
            rows,
        };
        let chroma = PlaneLayout {
            offset,
            pitch,
            row_bytes: chroma_columns * format.sample_bytes(),
            rows: chroma_rows,
        };
        Ok(Self {
            format,
            width,
            height,
            planes: [luma, chroma],
            size: offset + pitch * luma_rows / 2,
        })
    }

    fn holds(&self, rect: &Rect) -> bool {
        let fits = |start: u32, len: u32, limit: u32| {
            start.checked_add(len).is_some_and(|end| end <= limit)
        };
        fits(rect.x, rect.width, self.width) && fits(rect.y, rect.height, self.height)
    }
}

/// Memory of images that are gone, for the next ones: FFmpeg makes an image for each frame that it downloads, and new
/// pages cost more than the copy into them.
#[derive(Default)]
pub struct Pool {
    spare: Mutex<Vec<Memory>>,
}

impl Pool {
    const MOST: usize = 4;
    const MOST_BYTES: usize = 32 << 20;

    fn take(&self, len: usize) -> Option<Memory> {
        let mut spare = lock(&self.spare);
        let index = spare.iter().position(|memory| memory.len() == len)?;
        Some(spare.swap_remove(index))
    }

    fn give(&self, memory: Memory) {
        if memory.len() > Self::MOST_BYTES {
            return;
        }
        let mut spare = lock(&self.spare);
        // The oldest goes: images of another size are not in use any more.
        let oldest = (spare.len() >= Self::MOST).then(|| spare.remove(0));
        spare.push(memory);
        drop(spare);
        drop(oldest);
    }
}

/// A layout with its memory.
pub struct Pixels {
    layout: Layout,
    memory: Memory,
    pool: Weak<Pool>,
    /// Held by whoever reads or writes samples in here: clients may read a surface while a picture comes out into it. What a
    /// client does with a mapping is its own.
    access: RwLock<()>,
}

/// Access to the source and to the target of a copy.
type Both<'a> = (Option<RwLockReadGuard<'a, ()>>, RwLockWriteGuard<'a, ()>);

impl Drop for Pixels {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.give(std::mem::take(&mut self.memory));
        }
    }
}

impl Pixels {
    /// Zeroed memory for `layout`.
    ///
    /// # Errors
    /// [`Error::Allocation`]
    pub fn new(layout: Layout) -> Result<Self> {
        Ok(Self {
            layout,
            memory: Memory::pages(layout.size)?,
            pool: Weak::new(),
            access: RwLock::new(()),
        })
    }

    /// Memory for `layout` with any contents, out of `pool` where it has some, and back there in the end.
    ///
    /// # Errors
    /// [`Error::Allocation`]
    pub fn pooled(layout: Layout, pool: &Arc<Pool>) -> Result<Self> {
        let spare = pool
            .take(layout.size)
            .map_or_else(|| Memory::pages(layout.size), Ok);
        Ok(Self {
            layout,
            memory: spare?,
            pool: Arc::downgrade(pool),
            access: RwLock::new(()),
        })
    }

    /// Where the samples lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What holds them.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Packs the top left `width` x `height` samples of a frame, as far as frame and object go.
    ///
    /// # Errors
    /// [`Error::Decoding`] if the bit depths differ.
    #[allow(unsafe_code)]
    pub fn pack(&self, frame: &Frame, width: u32, height: u32) -> Result<()> {
        let [luma, chroma] = self.layout.planes;
        let target = Target {
            luma: self.memory.as_ptr().wrapping_add(luma.offset),
            luma_pitch: luma.pitch,
            chroma: self.memory.as_ptr().wrapping_add(chroma.offset),
            chroma_pitch: chroma.pitch,
            width: width.min(self.layout.width),
            height: height.min(self.layout.height),
            format: self.layout.format,
        };
        let _access = lock::write(&self.access);
        // SAFETY: both planes of the layout lie inside the memory, which `self` keeps for the call, and a decoder's frame
        // is memory of its own.
        unsafe { pack(frame, &target) }.map_err(|error| Error::Decoding(error.to_string()))
    }

    /// Makes it all black.
    pub fn blacken(&self) {
        let values: [&[u8]; 2] = match self.layout.format {
            Format::Nv12 => [&[16], &[128]],
            // 10-bit values in the high bits, little-endian.
            Format::P010 => [&[0, 16], &[0, 128]],
        };
        let _access = lock::write(&self.access);
        for (plane, value) in self.layout.planes.iter().zip(values) {
            let row = value.repeat(plane.row_bytes / value.len());
            for y in 0..plane.rows {
                let inside = self.memory.try_write(plane.offset + y * plane.pitch, &row);
                debug_assert!(inside);
            }
        }
    }

    /// Copies a rectangle to `(to_x, to_y)` of another object of the same format. A chroma sample goes along with each
    /// luma sample of the rectangle that it belongs to.
    ///
    /// # Errors
    /// [`Error::InvalidImageFormat`] for different formats, [`Error::InvalidParameter`] if the rectangle is outside either
    /// object, or moves by an odd distance that 4:2:0 chroma cannot follow.
    pub fn copy_to(&self, rect: Rect, target: &Self, to_x: u32, to_y: u32) -> Result<()> {
        if self.layout.format != target.layout.format {
            return Err(Error::InvalidImageFormat(fourcc(target.layout.format)));
        }
        let moved = Rect {
            x: to_x,
            y: to_y,
            ..rect
        };
        if !self.layout.holds(&rect) || !target.layout.holds(&moved) {
            return Err(Error::InvalidParameter(
                "rectangle is outside the surface or the image",
            ));
        }
        // A rectangle that is put at the origin of an image may start at an odd column: its first chroma sample is shared
        // with the column before.
        if (to_x % 2 != rect.x % 2 && to_x != 0) || (to_y % 2 != rect.y % 2 && to_y != 0) {
            return Err(Error::InvalidParameter(
                "rectangle moves by an odd distance",
            ));
        }
        let bytes = self.layout.format.sample_bytes();
        let _access = self.access_to(target);
        let scales = [1usize, 2];
        for ((from, to), scale) in self
            .layout
            .planes
            .iter()
            .zip(&target.layout.planes)
            .zip(scales)
        {
            let span = |start: u32, len: u32| {
                let (first, end) = (
                    start as usize / scale,
                    (start as usize + len as usize).div_ceil(scale),
                );
                (first, end - first)
            };
            let ((x, columns), (y, rows)) = (span(rect.x, rect.width), span(rect.y, rect.height));
            if rect.width == 0 || rect.height == 0 {
                continue;
            }
            let (to_x, to_y) = (to_x as usize / scale, to_y as usize / scale);
            let sample = bytes * scale;
            // An odd start can need one chroma column or row more than an odd-sized target has.
            let columns = columns.min((to.row_bytes / sample).saturating_sub(to_x));
            let rows = rows.min(to.rows.saturating_sub(to_y));
            for row in 0..rows {
                let source = from.offset + (y + row) * from.pitch + x * sample;
                let destination = to.offset + (to_y + row) * to.pitch + to_x * sample;
                if !Memory::try_copy(
                    &self.memory,
                    source,
                    &target.memory,
                    destination,
                    columns * sample,
                ) {
                    return Err(Error::InvalidParameter("rectangle is outside the memory"));
                }
            }
        }
        Ok(())
    }

    /// Waits until `self` may be read and `target` written. Two copies between the same two objects never wait for each other.
    fn access_to<'a>(&'a self, target: &'a Self) -> Both<'a> {
        if std::ptr::eq(self, target) {
            (None, lock::write(&target.access))
        } else if std::ptr::from_ref(self) < std::ptr::from_ref(target) {
            let read = lock::read(&self.access);
            (Some(read), lock::write(&target.access))
        } else {
            let write = lock::write(&target.access);
            (Some(lock::read(&self.access)), write)
        }
    }

    /// Calls `consume` with the bytes of each row of the top left `width` x `height` samples, luma first.
    pub fn visible_rows(&self, width: u32, height: u32, mut consume: impl FnMut(&[u8])) {
        let (width, height) = (
            width.min(self.layout.width) as usize,
            height.min(self.layout.height) as usize,
        );
        let bytes = self.layout.format.sample_bytes();
        let sizes = [
            (width * bytes, height),
            (width.div_ceil(2) * 2 * bytes, height.div_ceil(2)),
        ];
        let _access = lock::read(&self.access);
        for (plane, (row_bytes, rows)) in self.layout.planes.iter().zip(sizes) {
            let mut row = vec![0; row_bytes];
            for y in 0..rows {
                if self
                    .memory
                    .try_read(plane.offset + y * plane.pitch, &mut row)
                {
                    consume(&row);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(format: Format, width: u32, height: u32) -> Pixels {
        let pixels = Pixels::new(Layout::new(format, width, height).unwrap()).unwrap();
        let bytes: Vec<u8> = (0..pixels.layout.size).map(|i| (i % 251) as u8).collect();
        assert!(pixels.memory.try_write(0, &bytes));
        pixels
    }

    fn sample(pixels: &Pixels, plane: usize, x: usize, y: usize) -> Vec<u8> {
        let layout = pixels.layout.planes[plane];
        let bytes = pixels.layout.format.sample_bytes() * (plane + 1);
        let mut value = vec![0; bytes];
        assert!(
            pixels
                .memory
                .try_read(layout.offset + y * layout.pitch + x * bytes, &mut value)
        );
        value
    }

    #[test]
    fn layouts_hold_their_planes() {
        for format in [Format::Nv12, Format::P010] {
            for (width, height) in [
                (1, 1),
                (2, 2),
                (3, 5),
                (16, 16),
                (1920, 1080),
                (8192, 8192),
                (MAX_SIZE, MAX_SIZE),
            ] {
                let layout = Layout::new(format, width, height).unwrap();
                let [luma, chroma] = layout.planes;
                assert_eq!(luma.pitch % 64, 0);
                assert_eq!(luma.pitch, chroma.pitch);
                assert!(luma.row_bytes <= luma.pitch && chroma.row_bytes <= chroma.pitch);
                assert!(luma.pitch * luma.rows <= chroma.offset);
                assert!(chroma.offset + chroma.pitch * chroma.rows <= layout.size);
                assert!(u32::try_from(layout.size).is_ok());
                assert_eq!(chroma.rows, (height as usize).div_ceil(2));
            }
        }
        assert!(Layout::new(Format::Nv12, 0, 16).is_err());
        assert!(Layout::new(Format::Nv12, 16, MAX_SIZE + 1).is_err());
    }

    #[test]
    fn rectangles_carry_their_chroma() {
        for format in [Format::Nv12, Format::P010] {
            let source = filled(format, 67, 35);
            let rect = Rect {
                x: 10,
                y: 6,
                width: 21,
                height: 9,
            };
            let target = Pixels::new(Layout::new(format, 40, 20).unwrap()).unwrap();
            source.copy_to(rect, &target, 4, 2).unwrap();
            for (x, y) in [(0, 0), (20, 8), (7, 3)] {
                assert_eq!(
                    sample(&target, 0, 4 + x, 2 + y),
                    sample(&source, 0, 10 + x, 6 + y)
                );
                assert_eq!(
                    sample(&target, 1, 2 + x / 2, 1 + y / 2),
                    sample(&source, 1, 5 + x / 2, 3 + y / 2)
                );
            }
            assert_eq!(
                sample(&target, 0, 3, 2),
                sample(&Pixels::new(*target.layout()).unwrap(), 0, 3, 2)
            );
            assert_eq!(
                sample(&target, 0, 25, 2),
                sample(&Pixels::new(*target.layout()).unwrap(), 0, 25, 2)
            );
        }
    }

    #[test]
    fn an_odd_start_may_go_to_the_origin() {
        let source = filled(Format::Nv12, 9, 9);
        let target = Pixels::new(Layout::new(Format::Nv12, 4, 4).unwrap()).unwrap();
        source
            .copy_to(
                Rect {
                    x: 3,
                    y: 5,
                    width: 4,
                    height: 4,
                },
                &target,
                0,
                0,
            )
            .unwrap();
        assert_eq!(sample(&target, 0, 0, 0), sample(&source, 0, 3, 5));
        assert_eq!(sample(&target, 1, 0, 0), sample(&source, 1, 1, 2));
        assert!(
            source
                .copy_to(
                    Rect {
                        x: 3,
                        y: 5,
                        width: 1,
                        height: 1
                    },
                    &target,
                    2,
                    1
                )
                .is_err()
        );
    }

    #[test]
    fn copies_in_both_directions_and_within_one_object_end() {
        let [a, b] = [1, 2].map(|_| filled(Format::Nv12, 64, 64));
        let rect = Rect {
            x: 0,
            y: 0,
            width: 64,
            height: 64,
        };
        std::thread::scope(|scope| {
            for (from, to) in [(&a, &b), (&b, &a), (&a, &a)] {
                scope.spawn(move || (0..500).for_each(|_| from.copy_to(rect, to, 0, 0).unwrap()));
            }
        });
        assert_eq!(sample(&a, 0, 5, 5), sample(&b, 0, 5, 5));
    }

    #[test]
    fn memory_of_images_is_used_again() {
        let pool = Arc::new(Pool::default());
        let layout = Layout::new(Format::Nv12, 640, 480).unwrap();
        let other = Layout::new(Format::Nv12, 320, 240).unwrap();
        let first = Pixels::pooled(layout, &pool).unwrap();
        let second = Pixels::pooled(layout, &pool).unwrap();
        let address = first.memory().as_ptr();
        assert_ne!(address, second.memory().as_ptr());
        drop(first);
        assert_ne!(
            Pixels::pooled(other, &pool).unwrap().memory().as_ptr(),
            address
        );
        assert_eq!(
            Pixels::pooled(layout, &pool).unwrap().memory().as_ptr(),
            address
        );
        let many: Vec<_> = (0..10)
            .map(|_| Pixels::pooled(layout, &pool).unwrap())
            .collect();
        drop(many);
        assert_eq!(lock(&pool.spare).len(), Pool::MOST);
        drop(pool);
        drop(second);
    }

    #[test]
    fn rectangles_outside_are_refused() {
        let source = filled(Format::Nv12, 16, 16);
        let target = filled(Format::Nv12, 8, 8);
        let rect = |x, y, width, height| Rect {
            x,
            y,
            width,
            height,
        };
        assert!(source.copy_to(rect(0, 0, 9, 8), &target, 0, 0).is_err());
        assert!(source.copy_to(rect(10, 0, 8, 8), &target, 0, 0).is_err());
        assert!(
            source
                .copy_to(rect(u32::MAX, 0, 2, 2), &target, 0, 0)
                .is_err()
        );
        assert!(source.copy_to(rect(0, 0, 8, 8), &target, 2, 0).is_err());
        assert!(source.copy_to(rect(8, 8, 8, 8), &target, 0, 0).is_ok());
        assert!(source.copy_to(rect(0, 0, 0, 0), &target, 8, 8).is_ok());
        let deep = filled(Format::P010, 8, 8);
        assert!(source.copy_to(rect(0, 0, 8, 8), &deep, 0, 0).is_err());
    }
}
