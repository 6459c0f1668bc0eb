// SPDX-License-Identifier: BSD-2-Clause
//! The C ABI: pointers are checked and clients' bytes copied here, everything behind is safe code.
#![allow(unsafe_code)]

mod arguments;
mod calls;
pub mod entry;
#[cfg(test)]
mod tests;
mod unsupported;
mod vtable;
