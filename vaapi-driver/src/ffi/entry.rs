// SPDX-License-Identifier: BSD-2-Clause
//! The one symbol that the driver exports.

use super::{calls::guard, vtable};
use crate::backend::{Backend, embedded::Embedded};
use crate::context::{TranslatorOf, translator};
use crate::driver::Driver;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::{config, image, log};
use core::ffi::CStr;
use va_sys::{VADriverContext, VADriverContextP, VAStatus};

/// Config attributes and others that fit a client's arrays of `vaMaxNumConfigAttributes`.
const MAX_ATTRIBUTES: i32 = 32;

/// `vaQueryVendorString`; lives as long as the process, as libva keeps drivers loaded.
const VENDOR: &CStr = match CStr::from_bytes_with_nul(
    concat!(
        "Daedalus VA-API driver ",
        env!("CARGO_PKG_VERSION"),
        " (embedded engine)\0"
    )
    .as_bytes(),
) {
    Ok(text) => text,
    Err(_) => c"Daedalus VA-API driver",
};

/// Makes a driver for libva's display. libva looks for the newest minor version that it knows and goes down to this one,
/// so that this one name loads under all libva 2.x.
///
/// # Safety
/// `ctx` is null, or a driver context as libva 2.x makes it, whose vtable is not in use by another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __vaDriverInit_1_0(ctx: VADriverContextP) -> VAStatus {
    guard("vaDriverInit", || {
        // SAFETY: as libva promises.
        let ctx =
            unsafe { ctx.as_mut() }.ok_or(Error::InvalidParameter("driver context is null"))?;
        let environment = Environment::read();
        log::install(&environment);
        let backend = Box::new(Embedded::new(environment.threads));
        // SAFETY: as libva promises.
        unsafe { initialize(ctx, environment, backend, translator) }
    })
}

/// As the exported entry, with a backend and translators of choice.
///
/// # Safety
/// The context's vtable is null or valid.
pub(crate) unsafe fn initialize(
    ctx: &mut VADriverContext,
    environment: Environment,
    backend: Box<dyn Backend>,
    translator: TranslatorOf,
) -> Result<()> {
    // SAFETY: libva allocates the vtable before it calls, as big as its newest known entry and reserved space.
    let vtable = unsafe { ctx.vtable.as_mut() }.ok_or(Error::InvalidParameter("vtable is null"))?;
    tracing::info!(
        "{}: {} threads per stream",
        VENDOR.to_string_lossy(),
        environment.threads
    );
    vtable::fill(vtable);
    ctx.version_major = 1;
    ctx.version_minor = 0;
    ctx.max_profiles = super::arguments::length(config::PROFILES.len())?;
    ctx.max_entrypoints = 1;
    ctx.max_attributes = MAX_ATTRIBUTES;
    ctx.max_image_formats = super::arguments::length(image::FORMATS.len())?;
    // There are none, but libva refuses a driver that says so.
    ctx.max_subpic_formats = 1;
    ctx.max_display_attributes = 0;
    ctx.str_vendor = VENDOR.as_ptr();
    ctx.pDriverData = Box::into_raw(Box::new(Driver::new(environment, backend, translator))).cast();
    Ok(())
}
