// SPDX-License-Identifier: BSD-2-Clause
//! Why the engine refused or failed a picture.

/// The engine's errors. Each message says what was refused and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The system's decoder library cannot do it (missing codec, out of memory, ...).
    #[error("decoder unavailable: {0}")]
    Unavailable(String),
    /// The controls contradict themselves, the session's codec or the engine's limits.
    #[error("invalid picture: {0}")]
    Invalid(String),
    /// The controls name a reference that this session does not hold.
    #[error("missing reference: {0}")]
    MissingReference(String),
    /// The coded data is damaged; the frame that comes with this error is concealed.
    #[error("damaged picture: {0}")]
    Damaged(String),
    /// The session ended before the picture was decoded.
    #[error("session closed")]
    Closed,
}
