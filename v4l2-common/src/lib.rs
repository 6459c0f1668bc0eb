// SPDX-License-Identifier: BSD-2-Clause
//! The one language of a picture: V4L2 stateless controls.
//!
//! Everything in Daedalus that touches a coded picture speaks [`picture::Picture`]: the VA-API driver makes them, the
//! embedded engine, our kernel device and hardware decoders consume them. The structs of [`uapi`] are those of the
//! kernel's `linux/v4l2-controls.h`, letter for letter.

pub mod av1;
pub mod bits;
pub mod picture;
pub mod trace;
pub mod uapi;
