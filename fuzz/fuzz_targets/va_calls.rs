// SPDX-License-Identifier: BSD-2-Clause
#![no_main]

#[macro_use]
mod macros;

calls!(entries::va_calls::run);
