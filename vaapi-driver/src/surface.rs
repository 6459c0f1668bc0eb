// SPDX-License-Identifier: BSD-2-Clause
//! A surface: its pixels, allocated at first use, and its last decode.

use crate::backend::{Outcome, Pending};
use crate::error::{Error, Result};
use crate::lock::lock;
use crate::pixels::{Layout, Pixels};
use crate::stream::Stream;
use engine::pack::Format;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use va_sys::*;

/// A client's surface.
pub struct Surface {
    layout: Layout,
    /// Allocated once, by whoever first decodes into the surface or asks for its pixels; never replaced.
    pixels: Mutex<Option<Arc<Pixels>>>,
    decode: Mutex<Decode>,
    /// What `vaQuerySurfaceError` shows of a damaged picture: all macroblocks (no decoder here tells which), terminated.
    damage: [VASurfaceDecodeMBErrors; 2],
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
            pixels: Mutex::new(None),
            decode: Mutex::default(),
            damage: [all, end_of_errors()],
        })
    }

    /// Where samples lie once there is memory.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The pixels, allocated (as zeros) if need be.
    ///
    /// # Errors
    /// [`Error::Allocation`]
    pub fn pixels(&self) -> Result<Arc<Pixels>> {
        let mut slot = lock(&self.pixels);
        if let Some(pixels) = &*slot {
            return Ok(Arc::clone(pixels));
        }
        let pixels = Arc::new(Pixels::new(self.layout)?);
        *slot = Some(Arc::clone(&pixels));
        Ok(pixels)
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

    /// A picture for this surface was refused. The surface keeps its pixels, and what names them.
    pub(crate) fn refuse(&self, reason: String) {
        let mut decode = lock(&self.decode);
        decode.first_field = None;
        decode.latest = Some(Arc::new(Pending::refused(reason)));
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
