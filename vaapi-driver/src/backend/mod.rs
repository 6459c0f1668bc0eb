// SPDX-License-Identifier: BSD-2-Clause
//! The seam to what decodes: a [`Backend`] opens a [`DecodeSession`] per stream, which answers each [`Job`] exactly once.

pub mod embedded;
mod job;
mod pending;
#[cfg(test)]
pub mod test_double;

pub use job::Job;
pub(crate) use pending::STALL_LIMIT;
pub use pending::{Outcome, Pending, Progress};

use crate::error::Result;
use v4l2_common::picture::{Codec, Picture};

/// What decodes pictures.
pub trait Backend: Send + Sync {
    /// For `vaQueryVendorString`, statistics and the log.
    fn name(&self) -> &'static str;

    /// Pictures of one session that may decode at the same time.
    fn parallel(&self) -> usize;

    /// Opens a session for one stream.
    ///
    /// # Errors
    /// [`crate::error::Error::Decoding`] with the reason.
    fn open(&self, codec: Codec) -> Result<Box<dyn DecodeSession>>;
}

/// One stream's decoder. Pictures are decoded, and jobs answered, in the order of submission.
///
/// A session is dropped on a client's thread, never on its own; dropping it answers what is pending.
pub trait DecodeSession: Send + Sync {
    /// Takes a picture; never waits for a decode. The caller submits from one thread at a time. Returns the sequence number
    /// for [`DecodeSession::kick`].
    ///
    /// # Errors
    /// The picture is refused; `job` has been answered with the reason.
    fn submit(&self, picture: Picture, job: Job) -> Result<u64>;

    /// Somebody waits for picture `sequence`: it must come out though no other follows. Returns at once.
    fn kick(&self, sequence: u64);

    /// Everything submitted so far must come out. Returns at once.
    fn flush(&self);
}
