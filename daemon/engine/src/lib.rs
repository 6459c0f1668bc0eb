// SPDX-License-Identifier: BSD-2-Clause
//! The embedded engine: one stream of [`v4l2_common::picture::Picture`]s in, one completion per picture out.
//!
//! [`session::Session`] is the way in. It turns controls back into headers ([`headers`], pure), feeds a software decoder
//! (`decoder`), and gives back [`frame::Frame`]s that [`pack`] writes as NV12 or P010.

mod decoder;
pub mod error;
pub mod frame;
pub mod headers;
pub mod pack;
pub mod session;
