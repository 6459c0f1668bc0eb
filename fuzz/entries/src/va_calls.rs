// SPDX-License-Identifier: BSD-2-Clause
//! Sequences of VA calls through the driver's own vtable, the embedded engine decoding behind it.
#![allow(unsafe_code)]

use crate::quiet;
use calls::{driver::Driver, machine::Machine, op};
use daedalus_drv_video as _;
use va_sys::{VADriverContextP, VAStatus};

/// Calls of one input at most; the rest is left out.
const MAX_OPS: usize = 256;

unsafe extern "C" {
    fn __vaDriverInit_1_0(ctx: VADriverContextP) -> VAStatus;
}

/// The driver that is linked into this program.
pub fn driver() -> Driver {
    // SAFETY: it is the driver's init function.
    unsafe { Driver::open(__vaDriverInit_1_0) }
}

/// Runs a sequence on a driver of its own and ends the driver with whatever is left open.
pub fn run(data: &[u8]) {
    quiet::after(|| {
        let driver = driver();
        let mut machine = Machine::new(&driver);
        for op in op::decode(data).iter().take(MAX_OPS) {
            machine.step(op);
        }
    });
}
