// SPDX-License-Identifier: BSD-2-Clause
//! Sequences of VA calls as data ([`op`]), and a client that makes them on a driver's own vtable ([`machine`]).
//!
//! It links no driver: programs that have one decide which. So a program that also uses FFmpeg's libraries can use it,
//! where the engine's decoders would take the place of theirs.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test: a panic is how it reports

pub mod driver;
mod ids;
pub mod machine;
pub mod mutate;
pub mod objects;
pub mod op;
mod pictures;
mod queries;
pub mod reader;
pub mod surfaces;
