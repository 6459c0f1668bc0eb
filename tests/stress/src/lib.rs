// SPDX-License-Identifier: BSD-2-Clause
//! Tests the driver under stress, each program one claim; see `src/bin`. The client is libavcodec with its VA-API hwaccel,
//! unmodified, in the same process; the expected frames come from software decoding of the same packets.

pub mod av;
pub mod child;
pub mod clips;
pub mod packets;
pub mod pixels;
pub mod recorder;
pub mod usage;
