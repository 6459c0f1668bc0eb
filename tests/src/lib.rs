// SPDX-License-Identifier: BSD-2-Clause
//! Runs unmodified clients on the driver and compares every frame with software decoding.

pub mod client;
pub mod coded;
pub mod manifest;
pub mod parallel;
pub mod process;
pub mod setting;
pub mod stats;
pub mod streams;
pub mod verdict;
