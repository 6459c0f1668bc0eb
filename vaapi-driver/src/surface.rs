// SPDX-License-Identifier: BSD-2-Clause
//! A surface: its contents and its last decode.
//!
//! A software decoder's frame is packed (as NV12 or P010) where somebody looks: straight into the image of `vaGetImage`, or
//! into the surface's own memory once that exists, because the client may hold its address. A picture that is only a
//! reference is never packed.

use crate::backend::{Outcome, Pending};
use crate::error::{Error, Result};
use crate::lock::lock;
use crate::pixels::{Layout, Pixels, Rect};
use crate::stream::Stream;
use engine::frame::Frame;
use engine::pack::Format;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use va_sys::*;

/// A client's surface.
pub struct Surface {
    layout: Layout,
    content: Mutex<Content>,
    decode: Mutex<Decode>,
    /// What `vaQuerySurfaceError` shows of a damaged picture: all macroblocks (no decoder here tells which), terminated.
    damage: [VASurfaceDecodeMBErrors; 2],
}

#[derive(Default)]
struct Content {
    /// The surface's own memory: allocated once, when somebody first asks for it; never replaced.
    pixels: Option<Arc<Pixels>>,
    /// The decoder's frame, where there is no memory yet.
    frame: Option<Arc<Frame>>,
    /// Something was decoded to the surface, or put there.
    written: bool,
}

#[derive(Default)]
struct Decode {
    latest: Option<Arc<Pending>>,
    /// The first field, where `latest` is the second: the frame is as good as the worse of both.
    first_field: Option<Arc<Pending>>,
    /// Which stream decoded into the surface last, and under what name.
    reference: Option<(Weak<Stream>, u64)>,
}

/// What `vaQuerySurfaceError` shows of a good picture.
static NO_DAMAGE: [VASurfaceDecodeMBErrors; 1] = [end_of_errors()];

const fn end_of_errors() -> VASurfaceDecodeMBErrors {
    VASurfaceDecodeMBErrors {
        status: -1,
        start_mb: 0,
        end_mb: 0,
        decode_error_type: VADecodeMBError,
        num_mb: 0,
        va_reserved: [0; 3],
    }
}

impl Surface {
    /// A surface without memory yet.
    ///
    /// # Errors
    /// [`Error::Resolution`]
    pub fn new(format: Format, width: u32, height: u32) -> Result<Self> {
        let layout = Layout::new(format, width, height)?;
        let macroblocks = width.div_ceil(16) * height.div_ceil(16);
        let all = VASurfaceDecodeMBErrors {
            status: 1,
            start_mb: 0,
            end_mb: macroblocks - 1,
            decode_error_type: VADecodeMBError,
            num_mb: macroblocks,
            va_reserved: [0; 3],
        };
        Ok(Self {
            layout,
            content: Mutex::default(),
            decode: Mutex::default(),
            damage: [all, end_of_errors()],
        })
    }

    /// Where samples lie once there is memory.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The surface's own memory, allocated (as zeros) if need be.
    ///
    /// # Errors
    /// [`Error::Allocation`]
    pub fn pixels(&self) -> Result<Arc<Pixels>> {
        let mut content = lock(&self.content);
        if let Some(pixels) = &content.pixels {
            return Ok(Arc::clone(pixels));
        }
        let pixels = Arc::new(Pixels::new(self.layout)?);
        if let Some(frame) = content.frame.take() {
            pixels.pack(&frame, self.layout.width, self.layout.height)?;
        }
        content.pixels = Some(Arc::clone(&pixels));
        Ok(pixels)
    }

    /// Takes a decoded frame as the surface's contents.
    ///
    /// # Errors
    /// [`Error::Decoding`] if the surface's format cannot hold it.
    pub fn store(&self, frame: Arc<Frame>) -> Result<()> {
        if Format::of_bit_depth(frame.bit_depth) != Some(self.layout.format) {
            let (depth, format) = (frame.bit_depth, self.layout.format);
            let reason = format!("a {format:?} surface cannot hold {depth} bit samples");
            return Err(Error::Decoding(reason));
        }
        let mut content = lock(&self.content);
        content.written = true;
        match &content.pixels {
            Some(pixels) => pixels.pack(&frame, self.layout.width, self.layout.height),
            None => {
                content.frame = Some(frame);
                Ok(())
            }
        }
    }

    /// Nothing came of a picture: the surface keeps an earlier one, or becomes black.
    pub fn conceal(&self) {
        if lock(&self.content).written {
            return;
        }
        match self.pixels() {
            Ok(pixels) => pixels.blacken(),
            Err(error) => tracing::debug!("a lost picture stays without memory: {error}"),
        }
        lock(&self.content).written = true;
    }

    /// Copies a rectangle of `image` to `(x, y)` of the surface.
    ///
    /// # Errors
    /// See [`Pixels::copy_to`].
    pub fn write(&self, rect: Rect, image: &Pixels, (x, y): (u32, u32)) -> Result<()> {
        let pixels = self.pixels()?;
        lock(&self.content).written = true;
        image.copy_to(rect, &pixels, x, y)
    }

    /// Copies a rectangle to the top left corner of `image`, as it is now.
    ///
    /// # Errors
    /// See [`Pixels::copy_to`].
    pub fn read(&self, rect: Rect, image: &Pixels) -> Result<()> {
        let frame = lock(&self.content).frame.clone();
        if let Some(frame) = frame {
            let inside = rect.x == 0
                && rect.y == 0
                && rect.width <= frame.width.min(self.layout.width).min(image.layout().width)
                && rect.height
                    <= frame
                        .height
                        .min(self.layout.height)
                        .min(image.layout().height);
            if inside && image.layout().format == self.layout.format {
                return image.pack(&frame, rect.width, rect.height);
            }
        }
        self.pixels()?.copy_to(rect, image, 0, 0)
    }

    /// A picture named `timestamp` of `stream` will be decoded into this surface.
    pub(crate) fn begin(
        &self,
        stream: &Arc<Stream>,
        timestamp: u64,
        pending: &Arc<Pending>,
        second_field: bool,
    ) {
        let mut decode = lock(&self.decode);
        decode.first_field = if second_field {
            decode.latest.take()
        } else {
            None
        };
        decode.latest = Some(Arc::clone(pending));
        decode.reference = Some((Arc::downgrade(stream), timestamp));
    }

    /// A picture for this surface was refused, and the client knows. The surface keeps what names its contents.
    pub(crate) fn refuse(&self, outcome: Outcome) {
        self.conceal();
        let mut decode = lock(&self.decode);
        decode.first_field = None;
        decode.latest = Some(Arc::new(Pending::refused(outcome)));
    }

    /// Timestamp of the last picture that `stream` decoded into the surface, if no other stream did since.
    pub(crate) fn timestamp_in(&self, stream: &Arc<Stream>) -> Option<u64> {
        let decode = lock(&self.decode);
        let (last, timestamp) = decode.reference.as_ref()?;
        std::ptr::eq(last.as_ptr(), Arc::as_ptr(stream)).then_some(*timestamp)
    }

    /// The stream that last decoded into the surface, if it still lives, and the picture's timestamp.
    pub(crate) fn last_decode(&self) -> Option<(Arc<Stream>, u64)> {
        let decode = lock(&self.decode);
        let (last, timestamp) = decode.reference.as_ref()?;
        Some((last.upgrade()?, *timestamp))
    }

    fn decodes(&self) -> [Option<Arc<Pending>>; 2] {
        let decode = lock(&self.decode);
        [decode.first_field.clone(), decode.latest.clone()]
    }

    /// Waits for the last decode; `None` waits for as long as the decoder makes progress. A surface that was never decoded
    /// to is done.
    ///
    /// # Errors
    /// [`Error::TimedOut`]
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Outcome> {
        // A time-out beyond the clock's range is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let decodes = self.decodes();
        let mut worst = Outcome::Decoded;
        // The later one first: whatever makes it come out lets the earlier one go before it.
        for pending in decodes.iter().flatten().rev() {
            pending.push();
            let outcome = pending.wait(deadline).ok_or(Error::TimedOut)?;
            worst = worse(worst, outcome);
        }
        Ok(worst)
    }

    /// How the last decode went; `None` while it is on its way. Asking makes it come out sooner or later.
    pub fn poll(&self) -> Option<Outcome> {
        let mut worst = Outcome::Decoded;
        for pending in self.decodes().iter().flatten().rev() {
            pending.push();
            worst = worse(worst, pending.outcome()?);
        }
        Some(worst)
    }

    /// A list that ends with status -1, valid as long as the surface lives.
    pub fn errors(&self) -> &[VASurfaceDecodeMBErrors] {
        match self.poll() {
            Some(Outcome::Damaged(_) | Outcome::Failed(_)) => &self.damage,
            Some(Outcome::Decoded) | None => &NO_DAMAGE,
        }
    }
}

fn worse(a: Outcome, b: Outcome) -> Outcome {
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Decoded => 0,
        Outcome::Damaged(_) => 1,
        Outcome::Failed(_) => 2,
    };
    if rank(&b) > rank(&a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::test_double::frame;

    fn bytes(pixels: &Pixels) -> Vec<u8> {
        let mut all = Vec::new();
        let layout = *pixels.layout();
        pixels.visible_rows(layout.width, layout.height, |row| {
            all.extend_from_slice(row)
        });
        all
    }

    fn image(width: u32, height: u32) -> Pixels {
        Pixels::new(Layout::new(Format::Nv12, width, height).unwrap()).unwrap()
    }

    #[test]
    fn reading_is_the_same_with_and_without_memory() {
        let all = |width, height| Rect {
            x: 0,
            y: 0,
            width,
            height,
        };
        // The frame is as big as the surface, or leaves a border.
        for (width, height) in [(33, 17), (20, 30), (64, 48)] {
            for rect in [
                all(33, 17),
                all(12, 7),
                Rect {
                    x: 4,
                    y: 2,
                    ..all(8, 8)
                },
            ] {
                let surface = Surface::new(Format::Nv12, 33, 17).unwrap();
                surface.store(frame(width, height, 8, 9)).unwrap();
                let (lazy, eager) = (image(40, 40), image(40, 40));
                surface.read(rect, &lazy).unwrap();
                surface.pixels().unwrap();
                surface.read(rect, &eager).unwrap();
                assert_eq!(bytes(&lazy), bytes(&eager));
                assert_eq!(bytes(&lazy)[0], 9);
            }
        }
    }

    #[test]
    fn memory_that_a_client_may_know_is_kept_up_to_date() {
        let surface = Surface::new(Format::Nv12, 16, 16).unwrap();
        let pixels = surface.pixels().unwrap();
        surface.store(frame(16, 16, 8, 40)).unwrap();
        assert_eq!(bytes(&pixels)[..256], [40; 256]);
        assert_eq!(bytes(&pixels)[256..258], [41, 42]);
        assert!(Arc::ptr_eq(&pixels, &surface.pixels().unwrap()));
    }

    #[test]
    fn frames_of_another_depth_are_refused() {
        let surface = Surface::new(Format::Nv12, 16, 16).unwrap();
        assert!(surface.store(frame(16, 16, 10, 1)).is_err());
        let rect = Rect {
            x: 0,
            y: 0,
            width: 17,
            height: 16,
        };
        surface.store(frame(32, 32, 8, 1)).unwrap();
        assert!(surface.read(rect, &image(32, 32)).is_err());
    }
}
