// SPDX-License-Identifier: BSD-2-Clause
//! Pictures that dav1d has given out, as [`Frame`]s.
#![allow(unsafe_code)]

use super::context::Shared;
use crate::{
    error::EngineError,
    frame::{Frame, FrameBuffer, Plane},
};
use rav1d::include::dav1d::{
    headers::{DAV1D_PIXEL_LAYOUT_I400, DAV1D_PIXEL_LAYOUT_I420, Dav1dFilmGrainData},
    picture::Dav1dPicture,
};
use std::{
    mem::forget,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

// What `arm/src/arm/asm-offsets.h` tells rav1d's ARM assembly must be true of the rav1d that is linked.
const _: () = {
    use std::mem::offset_of;
    assert!(offset_of!(Dav1dFilmGrainData, seed) == 0);
    assert!(offset_of!(Dav1dFilmGrainData, scaling_shift) == 88);
    assert!(offset_of!(Dav1dFilmGrainData, ar_coeff_lag) == 92);
    assert!(offset_of!(Dav1dFilmGrainData, ar_coeffs_y) == 96);
    assert!(offset_of!(Dav1dFilmGrainData, ar_coeffs_uv) == 120);
    assert!(offset_of!(Dav1dFilmGrainData, ar_coeff_shift) == 176);
    assert!(offset_of!(Dav1dFilmGrainData, grain_scale_shift) == 184);
    assert!(offset_of!(Dav1dFilmGrainData, uv_mult) == 188);
    assert!(offset_of!(Dav1dFilmGrainData, uv_luma_mult) == 196);
    assert!(offset_of!(Dav1dFilmGrainData, uv_offset) == 204);
    assert!(offset_of!(Dav1dFilmGrainData, clip_to_restricted_range) == 216);
};

/// An owned reference to a finished picture; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    owned: Arc<Owned>,
    /// The decoder that made it, whose buffer pool [`Picture::grained`] draws on.
    decoder: Arc<Shared>,
}

struct Owned(Dav1dPicture);

impl std::fmt::Debug for Owned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Dav1dPicture({}x{}, {} bit)",
            self.0.p.w, self.0.p.h, self.0.p.bpc
        )
    }
}

// SAFETY: a `Dav1dPicture` is a bundle of pointers into reference counted, thread-safe memory. The samples of a picture that
// dav1d has given out are not written any more, and all that we do with them is read.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the references in it are this object's own, and not used after this.
        unsafe { release(&mut self.0) };
    }
}

impl Owned {
    fn plane(&self, index: usize) -> Option<Plane<'_>> {
        let picture = &self.0;
        let data = picture.data.get(index).copied().flatten()?;
        let stride = usize::try_from(*picture.stride.get(index.min(1))?).ok()?;
        let (mut width, mut height) = (
            usize::try_from(picture.p.w).ok()?,
            usize::try_from(picture.p.h).ok()?,
        );
        if index > 0 {
            if picture.p.layout == DAV1D_PIXEL_LAYOUT_I400 {
                return None;
            }
            (width, height) = (width.div_ceil(2), height.div_ceil(2));
        }
        let row = if picture.p.bpc > 8 { width * 2 } else { width };
        let size = stride * height.checked_sub(1)? + row;
        // SAFETY: dav1d's planes hold `height` rows, `stride` bytes apart, and live as long as `self`; nobody writes them.
        let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>().as_ptr(), size) };
        Some(Plane {
            data,
            stride,
            width,
            height,
        })
    }
}

/// Drops the references of a picture, also of one that dav1d filled in without a frame.
///
/// `dav1d_picture_unref` of rav1d 1.1.0 is no use: it puts a newly allocated, empty list of metadata into what it leaves.
///
/// # Safety
/// The references are the caller's own, from rav1d, and are not used after this.
pub(super) unsafe fn release(picture: &mut Dav1dPicture) {
    macro_rules! drop_all {
        ($($reference:expr),*) => {
            // SAFETY: promised by the caller; each reference is taken out.
            $(drop($reference.take().map(|raw| unsafe { raw.into_arc() }));)*
        };
    }
    drop_all!(
        picture.frame_hdr_ref,
        picture.seq_hdr_ref,
        picture.content_light_ref,
        picture.mastering_display_ref,
        picture.itut_t35_ref,
        picture.r#ref
    );
}

/// Another `Dav1dPicture` with references of its own (dav1d's `dav1d_picture_ref`, which rav1d does not export).
pub(super) fn duplicate(picture: &Dav1dPicture) -> Dav1dPicture {
    macro_rules! retain {
        ($($reference:expr),*) => {
            $(if let Some(raw) = $reference {
                // SAFETY: the reference is from `RawArc::from_arc` and stays the original's: the `Arc` made of it is
                // forgotten again.
                let original = unsafe { raw.into_arc() };
                forget(Arc::clone(&original));
                forget(original);
            })*
        };
    }
    retain!(
        picture.frame_hdr_ref,
        picture.seq_hdr_ref,
        picture.content_light_ref,
        picture.mastering_display_ref,
        picture.itut_t35_ref,
        picture.r#ref
    );
    // SAFETY: `Dav1dPicture` is plain data without a destructor, and each reference in it was counted once more above.
    // The user data has none: `Context::send` attaches no user data.
    unsafe { std::ptr::read(picture) }
}

impl Picture {
    /// # Safety
    /// `picture` must have been given out by dav1d in `decoder`, and its references become this object's.
    pub unsafe fn new(picture: Dav1dPicture, decoder: Arc<Shared>) -> Self {
        Self {
            owned: Arc::new(Owned(picture)),
            decoder,
        }
    }

    /// Luma samples in a row, and rows.
    pub fn size(&self) -> (u32, u32) {
        let parameters = &self.owned.0.p;
        (
            parameters.w.try_into().unwrap_or(0),
            parameters.h.try_into().unwrap_or(0),
        )
    }

    /// The picture as a frame that references its memory.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] for anything but 4:2:0 and monochrome of 8 or 10 bit.
    pub fn frame(&self) -> Result<Frame, EngineError> {
        self.check()?;
        Ok(self.make_frame(Box::new(Clean(Arc::clone(&self.owned)))))
    }

    /// The picture with the film grain that its frame header describes, made when a plane is first asked for.
    ///
    /// # Errors
    /// As [`Picture::frame`].
    pub fn grained(&self) -> Result<Frame, EngineError> {
        self.check()?;
        Ok(self.make_frame(Box::new(Grained {
            clean: Mutex::new(Some(self.clone())),
            grained: OnceLock::new(),
        })))
    }

    fn check(&self) -> Result<(), EngineError> {
        let parameters = &self.owned.0.p;
        let layout = matches!(
            parameters.layout,
            DAV1D_PIXEL_LAYOUT_I400 | DAV1D_PIXEL_LAYOUT_I420
        );
        if layout && matches!(parameters.bpc, 8 | 10) {
            Ok(())
        } else {
            Err(EngineError::Invalid(format!(
                "layout {} of {} bit",
                parameters.layout, parameters.bpc
            )))
        }
    }

    fn make_frame(&self, buffer: Box<dyn FrameBuffer>) -> Frame {
        let (width, height) = self.size();
        Frame {
            width,
            height,
            bit_depth: self.owned.0.p.bpc as u8,
            buffer,
        }
    }
}

struct Clean(Arc<Owned>);

impl FrameBuffer for Clean {
    fn plane(&self, index: usize) -> Option<Plane<'_>> {
        self.0.plane(index)
    }
}

/// A picture whose grain is made by the thread that first reads it, not by the one that feeds the decoder.
struct Grained {
    /// Until the grain is made.
    clean: Mutex<Option<Picture>>,
    grained: OnceLock<Option<Arc<Owned>>>,
}

impl FrameBuffer for Grained {
    fn plane(&self, index: usize) -> Option<Plane<'_>> {
        let make = || {
            let clean = self
                .clean
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()?;
            match clean.decoder.apply_grain(&clean.owned.0) {
                Ok(grained) => Some(Arc::new(Owned(grained))),
                // Only memory can be missing here; a frame without its grain is better than none.
                Err(error) => {
                    tracing::warn!(%error, "no film grain");
                    Some(clean.owned)
                }
            }
        };
        self.grained.get_or_init(make).as_ref()?.plane(index)
    }
}
