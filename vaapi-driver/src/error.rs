// SPDX-License-Identifier: BSD-2-Clause
//! Why a VA call is refused, and the `VAStatus` that says so.

use crate::codec::CodecError;
use va_sys::*;

/// The driver's errors. The message goes to the log, [`Error::status`] to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such config.
    #[error("no such config")]
    InvalidConfig,
    /// No such context.
    #[error("no such context")]
    InvalidContext,
    /// No such surface.
    #[error("no such surface")]
    InvalidSurface,
    /// No such buffer.
    #[error("no such buffer")]
    InvalidBuffer,
    /// No such image.
    #[error("no such image")]
    InvalidImage,
    /// The profile is not offered.
    #[error("profile {0} is not supported")]
    UnsupportedProfile(VAProfile),
    /// The profile is offered, the entrypoint is not.
    #[error("entrypoint {0} is not supported")]
    UnsupportedEntrypoint(VAEntrypoint),
    /// The render target format is not offered.
    #[error("render target format {0:#x} is not supported")]
    UnsupportedRtFormat(u32),
    /// A decoder has no use for the buffer type.
    #[error("buffer type {0} is not supported")]
    UnsupportedBufferType(VABufferType),
    /// The surface memory type is not offered.
    #[error("surface memory type {0:#x} is not supported")]
    UnsupportedMemoryType(u32),
    /// A parameter is outside its range.
    #[error("invalid parameter: {0}")]
    InvalidParameter(&'static str),
    /// An attribute value is not offered.
    #[error("attribute {kind} cannot be {value:#x}")]
    InvalidValue {
        /// `VAConfigAttribType` or `VASurfaceAttribType`
        kind: u32,
        /// As the client asked.
        value: u32,
    },
    /// A size is outside the limits.
    #[error("size {0}x{1} is not supported")]
    Resolution(i64, i64),
    /// A fourcc is not offered.
    #[error("image format {0:#x} is not supported")]
    InvalidImageFormat(u32),
    /// A client's array is too short.
    #[error("the list is too short for {0} entries")]
    TooMany(usize),
    /// No memory.
    #[error("cannot allocate {0} bytes")]
    Allocation(usize),
    /// Too many live objects.
    #[error("too many live objects")]
    TooManyObjects,
    /// Calls in the wrong order.
    #[error("{0}")]
    Operation(&'static str),
    /// The time-out that the client gave has passed.
    #[error("timed out")]
    TimedOut,
    /// The backend failed or refused the picture.
    #[error("{0}")]
    Decoding(String),
    /// Translation refused the picture.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Not offered by this driver.
    #[error("not implemented")]
    Unimplemented,
    /// A bug: the call panicked.
    #[error("internal error: {0}")]
    Panic(String),
}

impl Error {
    /// What the client sees.
    pub fn status(&self) -> VAStatus {
        let status = match self {
            Error::InvalidConfig => VA_STATUS_ERROR_INVALID_CONFIG,
            Error::InvalidContext => VA_STATUS_ERROR_INVALID_CONTEXT,
            Error::InvalidSurface => VA_STATUS_ERROR_INVALID_SURFACE,
            Error::InvalidBuffer | Error::Codec(CodecError::MissingBuffer(_)) => {
                VA_STATUS_ERROR_INVALID_BUFFER
            }
            Error::InvalidImage => VA_STATUS_ERROR_INVALID_IMAGE,
            Error::UnsupportedProfile(_) => VA_STATUS_ERROR_UNSUPPORTED_PROFILE,
            Error::UnsupportedEntrypoint(_) => VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT,
            Error::UnsupportedRtFormat(_) => VA_STATUS_ERROR_UNSUPPORTED_RT_FORMAT,
            Error::UnsupportedBufferType(_) => VA_STATUS_ERROR_UNSUPPORTED_BUFFERTYPE,
            Error::UnsupportedMemoryType(_) => VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE,
            Error::InvalidParameter(_) | Error::Codec(CodecError::Invalid(_)) => {
                VA_STATUS_ERROR_INVALID_PARAMETER
            }
            Error::InvalidValue { .. } => VA_STATUS_ERROR_INVALID_VALUE,
            Error::Resolution(..) => VA_STATUS_ERROR_RESOLUTION_NOT_SUPPORTED,
            Error::InvalidImageFormat(_) => VA_STATUS_ERROR_INVALID_IMAGE_FORMAT,
            Error::TooMany(_) | Error::TooManyObjects => VA_STATUS_ERROR_MAX_NUM_EXCEEDED,
            Error::Allocation(_) => VA_STATUS_ERROR_ALLOCATION_FAILED,
            Error::TimedOut => VA_STATUS_ERROR_TIMEDOUT,
            Error::Decoding(_) | Error::Codec(CodecError::Unsupported(_)) => {
                VA_STATUS_ERROR_DECODING_ERROR
            }
            Error::Unimplemented => VA_STATUS_ERROR_UNIMPLEMENTED,
            Error::Operation(_) | Error::Panic(_) => VA_STATUS_ERROR_OPERATION_FAILED,
        };
        VAStatus::try_from(status).unwrap_or(VAStatus::MAX)
    }
}

/// Result of a VA call.
pub type Result<T> = std::result::Result<T, Error>;
