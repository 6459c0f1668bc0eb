// SPDX-License-Identifier: BSD-2-Clause
//! VA parameter and data buffers to [`Picture`]s: pure code, no file descriptor, no FFI call.
//!
//! A [`Translator`] lives as long as a stream and keeps what VA does not carry from picture to picture.

pub mod av1;
pub mod h264;
pub mod vp9;

use v4l2_common::picture::Picture;
use va_sys::{VABufferType, VAProfile, VASurfaceID};

/// One VA buffer as the client rendered it (`vaRenderPicture` order is kept; contents are a private copy).
#[derive(Clone, Debug)]
pub struct RenderedBuffer {
    /// `VABufferType`
    pub kind: VABufferType,
    /// Size of one element in bytes, as given to `vaCreateBuffer`.
    pub element_size: usize,
    /// Elements, as given to `vaCreateBuffer`.
    pub elements: usize,
    /// `element_size * elements` bytes.
    pub data: Vec<u8>,
}

/// What a translator may ask about a client's surface.
pub trait Surfaces {
    /// Timestamp of the last picture of *this stream* that was decoded into the surface; `None`: never, or by another
    /// stream, or no such surface.
    fn timestamp(&self, surface: VASurfaceID) -> Option<u64>;
}

/// Everything between `vaBeginPicture` and `vaEndPicture`.
pub struct PictureInput<'a> {
    /// Profile of the config.
    pub profile: VAProfile,
    /// Render target of `vaBeginPicture`.
    pub target: VASurfaceID,
    /// Timestamp for this picture; the caller gives the second field of a frame the first one's (same target, see
    /// [`Translator::is_second_field`]).
    pub timestamp: u64,
    /// Buffers in `vaRenderPicture` order.
    pub buffers: &'a [RenderedBuffer],
    /// The client's surfaces.
    pub surfaces: &'a dyn Surfaces,
}

/// One picture to submit to the backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// The picture; `picture.timestamp` says which `PictureInput` it belongs to.
    pub picture: Picture,
    /// False: decoded for the decoder's own state only; its frame goes nowhere, its errors to the log.
    pub output: bool,
}

/// What a translator makes of one picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Translation {
    /// To be submitted now, in this order. May begin with pictures held earlier, and may lack the one just given if it is
    /// held until [`Translator::release`] or the next picture.
    pub submissions: Vec<Submission>,
    /// Surface that shows the picture where it is not the target (AV1 film grain: `current_display_picture`).
    pub display: Option<VASurfaceID>,
}

/// Why a picture cannot be translated; the message names the field and the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A buffer the codec needs was not rendered, or is too short.
    #[error("missing or short buffer: {0}")]
    MissingBuffer(&'static str),
    /// Parameters or headers contradict each other or the standard.
    #[error("invalid parameters: {0}")]
    Invalid(String),
    /// Allowed by the codec, not decodable by Daedalus.
    #[error("unsupported: {0}")]
    Unsupported(String),
}

/// Per-stream translation state of one codec.
pub trait Translator: Send {
    /// Translates one picture.
    ///
    /// # Errors
    /// The picture is refused; the stream goes on with the next one.
    fn translate(&mut self, input: &PictureInput<'_>) -> Result<Translation, CodecError>;

    /// Somebody waits for the picture, or the context ends: gives out what [`Translator::translate`] held back.
    fn release(&mut self) -> Option<Submission> {
        None
    }

    /// Whether these buffers are the second field of the frame whose first field was last translated into `target`.
    fn is_second_field(&self, _target: VASurfaceID, _buffers: &[RenderedBuffer]) -> bool {
        false
    }

    /// Surfaces that these buffers name as references (to find the stream that decoded them).
    fn references(&self, buffers: &[RenderedBuffer]) -> Vec<VASurfaceID>;
}
