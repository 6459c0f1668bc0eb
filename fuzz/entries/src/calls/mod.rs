// SPDX-License-Identifier: BSD-2-Clause
//! Sequences of VA calls through the driver's own vtable, the embedded engine decoding behind it.

pub mod driver;
mod ids;
pub mod machine;
pub mod objects;
pub mod op;
mod pictures;
mod queries;
pub mod surfaces;

use driver::Driver;
use machine::Machine;

/// Calls of one input at most; the rest is left out.
const MAX_OPS: usize = 256;

/// Runs a sequence on a driver of its own and ends the driver with whatever is left open.
pub fn run(data: &[u8]) {
    let driver = Driver::open();
    let mut machine = Machine::new(&driver);
    for op in op::decode(data).iter().take(MAX_OPS) {
        machine.step(op);
    }
}
