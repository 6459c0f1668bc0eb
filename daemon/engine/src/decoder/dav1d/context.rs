// SPDX-License-Identifier: BSD-2-Clause
//! rav1d's dav1d API, made safe: a [`Context`] takes coded data and gives back [`Picture`]s.
//!
//! The names and rules are those of dav1d's `dav1d.h`; `rav1d` implements them in Rust and is linked statically, so no
//! library of the system is involved and its structs always match.
#![allow(unsafe_code)]

use super::picture::Picture;
use crate::error::EngineError;
use rav1d::{
    Dav1dResult,
    include::dav1d::{
        common::Dav1dDataProps,
        data::Dav1dData,
        dav1d::{DAV1D_INLOOPFILTER_ALL, Dav1dContext, Dav1dLogger, Dav1dSettings},
        picture::Dav1dPicture,
    },
    src::{
        lib::{
            dav1d_apply_grain, dav1d_close, dav1d_data_props_unref, dav1d_data_unref,
            dav1d_data_wrap, dav1d_default_settings, dav1d_get_decode_error_data_props,
            dav1d_get_picture, dav1d_open, dav1d_send_data,
        },
        send_sync_non_null::SendSyncNonNull,
    },
};
use std::{
    ffi::{c_int, c_uint, c_void},
    mem::MaybeUninit,
    ptr::NonNull,
    sync::{Arc, OnceLock},
};

/// Largest frame in samples: the driver's 8192x8192 and some room for padded heights.
const FRAME_SIZE_LIMIT: c_uint = 8192 * 8704;

/// Fewest threads of one decoder: rav1d 1.1.0 panics on damaged data if it decodes one frame at a time (and a panic behind
/// its C interface aborts the process). Its frame threads do not.
pub(super) const MIN_THREADS: usize = 2;

/// Most threads of one decoder.
const MAX_THREADS: usize = 64;

/// Most frames that decode in parallel; each has buffers for its coefficients. Threads beyond that share frames.
const MAX_FRAMES: usize = 8;

/// The code of a refusal that is ours: dav1d was not asked.
const NOTHING: c_int = -libc::ENODATA;

/// Why dav1d refused: a negative errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal(c_int);

impl Refusal {
    /// In the engine's terms.
    pub fn error(self) -> EngineError {
        match -self.0 {
            libc::ENOMEM => EngineError::Unavailable("dav1d: out of memory".into()),
            libc::ERANGE => EngineError::Invalid("dav1d: frame too large".into()),
            libc::ENOPROTOOPT => EngineError::Invalid("dav1d: bit depth not supported".into()),
            code => EngineError::Damaged(format!("dav1d: error {code}")),
        }
    }
}

fn check(result: Dav1dResult) -> Result<(), Refusal> {
    if result.0 < 0 {
        Err(Refusal(result.0))
    } else {
        Ok(())
    }
}

/// What came out of dav1d.
#[derive(Debug)]
pub(super) enum Output {
    /// A picture, with the `timestamp` of the data that made it.
    Picture { timestamp: i64, picture: Picture },
    /// Nothing.
    None,
    /// The picture that the data of `timestamp` should have made is lost.
    Lost { timestamp: i64, refusal: Refusal },
}

/// The opened decoder; closed when the last [`Context`] or [`Picture`] that needs it goes.
pub(super) struct Shared {
    handle: Dav1dContext,
    /// A context without threads of its own, opened when grain is first asked for: see [`Shared::apply_grain`].
    grain: OnceLock<Option<Arc<Shared>>>,
}

// SAFETY: the handle points to a reference counted `Rav1dContext`, whose mutable state lies behind locks. rav1d panics if
// two threads are in it at once; `Context` has `&mut self` for these calls, and what `Shared` itself calls is named there.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn open(threads: c_int) -> Result<Arc<Self>, EngineError> {
        let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
        // SAFETY: writes all of the settings to the memory that it gets.
        let mut settings = unsafe {
            dav1d_default_settings(NonNull::from(&mut settings).cast());
            settings.assume_init()
        };
        settings.n_threads = threads;
        settings.max_frame_delay = threads.min(MAX_FRAMES as c_int);
        settings.apply_grain = 0;
        settings.operating_point = 0;
        settings.all_layers = 1;
        settings.output_invisible_frames = 1;
        settings.frame_size_limit = FRAME_SIZE_LIMIT;
        settings.strict_std_compliance = 0;
        settings.inloop_filters = DAV1D_INLOOPFILTER_ALL;
        // SAFETY: without a callback nothing is logged.
        settings.logger = unsafe { Dav1dLogger::new(None, None) };
        let mut handle = None;
        // SAFETY: both pointers are valid; the settings hold no pointers of ours.
        let result = unsafe {
            dav1d_open(
                Some(NonNull::from(&mut handle)),
                Some(NonNull::from(&mut settings)),
            )
        };
        let unavailable =
            |code: c_int| EngineError::Unavailable(format!("dav1d does not open: error {code}"));
        check(result).map_err(|refusal| unavailable(-refusal.0))?;
        let handle = handle.ok_or_else(|| unavailable(0))?;
        Ok(Arc::new(Self {
            handle,
            grain: OnceLock::new(),
        }))
    }

    /// `picture` with the film grain of its own frame header; without any there, another reference to it.
    ///
    /// Goes through a context that has no threads: grain is then made on the calling thread, and takes no lock that
    /// decoding needs. The buffer comes from the pool of the picture's own context, hence `self` must be that one.
    pub fn apply_grain(&self, picture: &Dav1dPicture) -> Result<Dav1dPicture, EngineError> {
        let grain = self.grain.get_or_init(|| Self::open(1).ok());
        let context = grain
            .as_ref()
            .ok_or_else(|| EngineError::Unavailable("dav1d does not open".into()))?;
        let mut input = super::picture::duplicate(picture);
        let mut output = Dav1dPicture::default();
        // SAFETY: both pictures are valid. `dav1d_apply_grain` of rav1d 1.1.0 drops its input's references without clearing
        // them; `input` holds references of its own for that and is not used again. With one thread, the call reads
        // nothing mutable of its context, so that calls may run side by side. The pool that the picture's allocator
        // points to lives in `self`.
        let result = unsafe {
            dav1d_apply_grain(
                Some(context.handle),
                Some(NonNull::from(&mut output)),
                Some(NonNull::from(&mut input)),
            )
        };
        check(result).map_err(Refusal::error).inspect_err(|_| {
            // SAFETY: `dav1d_apply_grain` wrote it, and it goes no further.
            unsafe { super::picture::release(&mut output) };
        })?;
        Ok(output)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut handle = Some(self.handle);
        // SAFETY: the handle is from `dav1d_open` and nobody else has it any more.
        unsafe { dav1d_close(Some(NonNull::from(&mut handle))) };
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

/// One AV1 decoder. Pictures come out in the order of their data, hidden ones included, without film grain.
pub(super) struct Context {
    shared: Arc<Shared>,
    frames: usize,
}

impl Context {
    /// Opens a decoder with `threads` threads, [`MIN_THREADS`] to [`MAX_THREADS`]. As many pictures, but no more than
    /// [`MAX_FRAMES`], decode in parallel.
    pub fn open(threads: usize) -> Result<Self, EngineError> {
        let threads = threads.clamp(MIN_THREADS, MAX_THREADS);
        Ok(Self {
            shared: Shared::open(threads as c_int)?,
            frames: threads.min(MAX_FRAMES),
        })
    }

    /// How many frames may be in flight; the next one takes the place of the oldest.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Takes one frame's OBUs (with at most one frame to give out), and gives the picture that left its place to it, if any.
    /// Returns when the frame is queued: with [`Context::frames`] in flight that is when the oldest of them is done.
    ///
    /// # Errors
    /// The data is dropped; the decoder goes on.
    pub fn send(&mut self, timestamp: i64, bytes: Vec<u8>) -> (Result<(), Refusal>, Output) {
        let accepted = self.feed(timestamp, bytes);
        let output = match accepted {
            // dav1d has not been in it, and would take a second call of `next` for the wish to be drained.
            Err(Refusal(NOTHING)) => Output::None,
            _ => self.next(),
        };
        (accepted, output)
    }

    fn feed(&mut self, timestamp: i64, bytes: Vec<u8>) -> Result<(), Refusal> {
        if bytes.is_empty() {
            return Err(Refusal(NOTHING));
        }
        let owner = Box::new(bytes);
        let (start, size) = (NonNull::from(owner.as_slice()).cast::<u8>(), owner.len());
        let cookie = SendSyncNonNull::from_box(owner);
        let mut data = Dav1dData::default();
        // SAFETY: `start` and `size` are the bytes of the vector that `cookie` keeps until `free_vector` drops it.
        let wrapped = unsafe {
            dav1d_data_wrap(
                Some(NonNull::from(&mut data)),
                Some(start),
                size,
                Some(free_vector),
                Some(cookie.cast::<c_void>()),
            )
        };
        if check(wrapped).is_err() {
            // SAFETY: not wrapped, thus `free_vector` is never called, and the cookie is still ours.
            drop(unsafe { cookie.into_box() });
            return Err(Refusal(NOTHING));
        }
        data.m.timestamp = timestamp;
        // SAFETY: the handle is open, and `data` valid; it is consumed on success.
        let result =
            unsafe { dav1d_send_data(Some(self.shared.handle), Some(NonNull::from(&mut data))) };
        // SAFETY: releases what is left of `data`, nothing on success.
        unsafe { dav1d_data_unref(Some(NonNull::from(&mut data))) };
        check(result)
    }

    /// Waits for all that is in flight, as at the end of a stream. Only for a decoder that has never lost or refused
    /// anything: otherwise dav1d miscounts in its ring of frames, and when it is fed again, its threads wait for ever.
    pub fn drain(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        let mut idle = 0;
        while idle < 2 {
            match self.next() {
                Output::None => idle += 1,
                output => {
                    idle = 0;
                    outputs.push(output);
                }
            }
        }
        outputs
    }

    /// What is ready. The second call without data between begins to drain.
    fn next(&mut self) -> Output {
        let mut picture = Dav1dPicture::default();
        // SAFETY: the handle is open, and `picture` valid and empty.
        let result = unsafe {
            dav1d_get_picture(Some(self.shared.handle), Some(NonNull::from(&mut picture)))
        };
        let result = check(result);
        if result.is_err() {
            // SAFETY: rav1d wrote it, and it goes no further.
            unsafe { super::picture::release(&mut picture) };
        }
        match result {
            Ok(()) => {
                let timestamp = picture.m.timestamp;
                // SAFETY: a picture that dav1d has given out, of this context.
                let picture = unsafe { Picture::new(picture, Arc::clone(&self.shared)) };
                Output::Picture { timestamp, picture }
            }
            Err(Refusal(code)) if code == -libc::EAGAIN => Output::None,
            Err(refusal) => Output::Lost {
                timestamp: self.lost_timestamp(),
                refusal,
            },
        }
    }

    /// The `timestamp` of the data that the last error was about.
    fn lost_timestamp(&mut self) -> i64 {
        let mut props = Dav1dDataProps::default();
        // SAFETY: the handle is open, and `props` valid and empty; released below.
        let result = unsafe {
            dav1d_get_decode_error_data_props(
                Some(self.shared.handle),
                Some(NonNull::from(&mut props)),
            )
        };
        let timestamp = if check(result).is_ok() {
            props.timestamp
        } else {
            i64::MIN
        };
        // SAFETY: releases what the call above has filled in.
        unsafe { dav1d_data_props_unref(Some(NonNull::from(&mut props))) };
        timestamp
    }
}

/// Drops the vector that [`Context::send`] has lent.
///
/// # Safety
/// `cookie` must be of a `Box<Vec<u8>>`, and be given once.
unsafe extern "C" fn free_vector(_start: *const u8, cookie: Option<SendSyncNonNull<c_void>>) {
    if let Some(cookie) = cookie {
        // SAFETY: the caller vouches for it.
        drop(unsafe { cookie.cast::<Vec<u8>>().into_box() });
    }
}
