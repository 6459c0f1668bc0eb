// SPDX-License-Identifier: BSD-2-Clause
//! The driver as libva sees it: calls through the vtable, with a test double behind.

mod client;
mod decoding;
mod images;
mod objects;
mod threads;
