// SPDX-License-Identifier: BSD-2-Clause
//! Controls back to bitstream headers: pure functions from structs to bytes.

pub mod av1;
pub mod h264;
