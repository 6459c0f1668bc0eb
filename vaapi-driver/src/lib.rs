// SPDX-License-Identifier: BSD-2-Clause
//! The VA-API driver: libva's calls become `Picture`s, a backend decodes them into surfaces.
//!
//! A call goes from [`ffi`] to [`driver::Driver`]; a picture from its [`context`] to a [`stream`], which translates it
//! ([`codec`]) and hands it to a [`backend`].

// Constants in patterns keep libva's names.
#![allow(non_upper_case_globals)]

pub mod backend;
pub mod buffer;
pub mod codec;
pub mod config;
pub mod context;
pub mod driver;
pub mod environment;
pub mod error;
pub mod ffi;
pub mod handle;
pub mod image;
mod lock;
mod log;
pub mod memory;
pub mod pixels;
pub mod record;
pub mod stats;
pub mod stream;
pub mod surface;
