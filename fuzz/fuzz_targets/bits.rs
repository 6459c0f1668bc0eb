// SPDX-License-Identifier: BSD-2-Clause
#![no_main]

#[macro_use]
mod macros;

bytes!(entries::bits::run);
