// SPDX-License-Identifier: BSD-2-Clause
//! The VA-API driver: libva's calls become `Picture`s, a backend decodes them into surfaces.

pub mod codec;
