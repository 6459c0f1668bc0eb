// SPDX-License-Identifier: BSD-2-Clause
//! The entries of the vtable that do something. Each is a line or two into [`Driver`].

use super::arguments::{Out, count, fill, length, list};
use crate::driver::{Driver, SurfaceRequest, SurfaceState};
use crate::error::{Error, Result};
use crate::pixels::Rect;
use crate::{buffer::Buffer, config, image};
use core::ffi::{c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use va_sys::*;

/// The one place where errors become statuses, and where a panic ends.
pub(super) fn guard(call: &'static str, body: impl FnOnce() -> Result<()>) -> VAStatus {
    let result = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        tracing::error!("{call} panicked: {text}");
        Err(Error::Panic(text))
    });
    match result {
        Ok(()) => VA_STATUS_SUCCESS as VAStatus,
        Err(error) => {
            tracing::debug!("{call}: {error}");
            error.status()
        }
    }
}

/// The driver behind a context.
///
/// # Safety
/// `ctx` is null, or libva's driver context whose `pDriverData` is null or from [`super::entry`] and not yet terminated.
unsafe fn driver<'a>(ctx: VADriverContextP) -> Result<&'a Driver> {
    // SAFETY: as promised; calls share the driver, which only `terminate` ends.
    let driver = unsafe {
        ctx.as_ref()
            .and_then(|ctx| ctx.pDriverData.cast::<Driver>().as_ref())
    };
    driver.ok_or(Error::Operation("the display is not initialized"))
}

/// Entries with the driver at hand. Their bodies may use the pointer arguments: by libva's contract these are null, or valid
/// for the call and of the sizes that the other arguments say.
macro_rules! calls {
    ($($(#[$doc:meta])* fn $name:ident($driver:ident $(, $argument:ident: $kind:ty)* $(,)?) $body:block)+) => {$(
        $(#[$doc])*
        #[allow(unused_unsafe, clippy::too_many_arguments)]
        pub(super) unsafe extern "C" fn $name(ctx: VADriverContextP $(, $argument: $kind)*) -> VAStatus {
            guard(stringify!($name), || {
                // SAFETY: libva passes the context that `entry` filled.
                let $driver = unsafe { driver(ctx) }?;
                // SAFETY: pointers are null, or valid for the call, see above.
                unsafe { $body }
            })
        }
    )+};
}

pub(super) unsafe extern "C" fn terminate(ctx: VADriverContextP) -> VAStatus {
    guard("terminate", || {
        // SAFETY: libva passes the context that `entry` filled, for the last time.
        let ctx = unsafe { ctx.as_mut() }.ok_or(Error::Operation("no driver context"))?;
        let data = std::mem::replace(&mut ctx.pDriverData, std::ptr::null_mut()).cast::<Driver>();
        if !data.is_null() {
            // SAFETY: made by `Box::into_raw` in `entry`, and nobody else finds it any more.
            drop(unsafe { Box::from_raw(data) });
        }
        Ok(())
    })
}

calls! {
    fn query_config_profiles(_driver, profiles: *mut VAProfile, number: *mut c_int) {
        let number = Out::new(number)?;
        let known: Vec<_> = config::PROFILES.iter().map(|profile| profile.id).collect();
        fill(profiles, &known)?;
        number.set(length(known.len())?);
        Ok(())
    }

    fn query_config_entrypoints(driver, profile: VAProfile, list: *mut VAEntrypoint, number: *mut c_int) {
        let number = Out::new(number)?;
        let entrypoints = driver.entrypoints(profile)?;
        fill(list, &entrypoints)?;
        number.set(length(entrypoints.len())?);
        Ok(())
    }

    fn get_config_attributes(_driver, profile: VAProfile, entry: VAEntrypoint, list: *mut VAConfigAttrib, number: c_int) {
        let profile = config::find_pair(profile, entry)?;
        let asked = self::list(list, count(number)?)?;
        let answers: Vec<_> = asked.iter().map(|a| VAConfigAttrib { value: config::attribute(profile, a.type_), ..*a }).collect();
        fill(list, &answers)
    }

    fn create_config(
        driver, profile: VAProfile, entry: VAEntrypoint, attributes: *mut VAConfigAttrib, number: c_int, id: *mut VAConfigID,
    ) {
        let id = Out::new(id)?;
        id.set(driver.create_config(profile, entry, list(attributes, count(number)?)?)?);
        Ok(())
    }

    fn destroy_config(driver, id: VAConfigID) { driver.destroy_config(id) }

    fn query_config_attributes(
        driver, id: VAConfigID, profile: *mut VAProfile, entrypoint: *mut VAEntrypoint, list: *mut VAConfigAttrib,
        number: *mut c_int,
    ) {
        let (profile, entrypoint, number) = (Out::new(profile)?, Out::new(entrypoint)?, Out::new(number)?);
        let config = driver.config(id)?;
        let attributes = config.attributes();
        fill(list, &attributes)?;
        profile.set(config.profile.id);
        entrypoint.set(VAEntrypointVLD);
        number.set(length(attributes.len())?);
        Ok(())
    }

    fn create_surfaces(driver, width: c_int, height: c_int, format: c_int, number: c_int, ids: *mut VASurfaceID) {
        let refused = || Error::Resolution(width.into(), height.into());
        let request = SurfaceRequest {
            rt_format: format as u32,
            width: u32::try_from(width).map_err(|_| refused())?,
            height: u32::try_from(height).map_err(|_| refused())?,
            ..Default::default()
        };
        new_surfaces(driver, &request, count(number)?, ids)
    }

    fn create_surfaces2(
        driver, format: c_uint, width: c_uint, height: c_uint, ids: *mut VASurfaceID, number: c_uint,
        attributes: *mut VASurfaceAttrib, attribute_number: c_uint,
    ) {
        let mut request = SurfaceRequest { rt_format: format, width, height, ..Default::default() };
        for attribute in list(attributes, attribute_number as usize)? {
            let integer = match attribute.value.type_ {
                VAGenericValueTypeInteger => Some(attribute.value.value.i as u32),
                _ => None,
            };
            match attribute.type_ {
                VASurfaceAttribPixelFormat => request.fourcc = integer,
                VASurfaceAttribMemoryType => request.memory_type = integer,
                // A description of client memory counts only with a memory type that the client owns; hints and limits
                // that were reported may come back.
                _ => {}
            }
        }
        new_surfaces(driver, &request, number as usize, ids)
    }

    fn destroy_surfaces(driver, ids: *mut VASurfaceID, number: c_int) {
        driver.destroy_surfaces(list(ids, count(number)?)?)
    }

    fn query_surface_attributes(driver, id: VAConfigID, attributes: *mut VASurfaceAttrib, number: *mut c_uint) {
        let space = number.as_ref().copied().unwrap_or(0) as usize;
        let number = Out::new(number)?;
        let known = driver.config(id)?.surface_attributes();
        number.set(length(known.len())?);
        if attributes.is_null() {
            return Ok(());
        }
        if space < known.len() {
            return Err(Error::TooMany(known.len()));
        }
        fill(attributes, &known)
    }

    fn create_context(
        driver, config: VAConfigID, width: c_int, height: c_int, _flags: c_int, targets: *mut VASurfaceID, number: c_int,
        id: *mut VAContextID,
    ) {
        let id = Out::new(id)?;
        id.set(driver.create_context(config, (width, height), list(targets, count(number)?)?)?);
        Ok(())
    }

    fn destroy_context(driver, id: VAContextID) { driver.destroy_context(id) }

    fn create_buffer(
        driver, context: VAContextID, kind: VABufferType, size: c_uint, number: c_uint, data: *mut c_void,
        id: *mut VABufferID,
    ) {
        let id = Out::new(id)?;
        let bytes = Buffer::bytes(size as usize, number as usize)?;
        let data = if data.is_null() { None } else { Some(list(data.cast::<u8>().cast_const(), bytes)?) };
        id.set(driver.create_buffer(context, kind, (size, number), data)?);
        Ok(())
    }

    fn buffer_set_num_elements(driver, id: VABufferID, number: c_uint) { driver.buffer(id)?.set_elements(number) }

    fn buffer_info(driver, id: VABufferID, kind: *mut VABufferType, size: *mut c_uint, number: *mut c_uint) {
        let (kind, size, number) = (Out::new(kind)?, Out::new(size)?, Out::new(number)?);
        let info = driver.buffer(id)?.info();
        kind.set(info.0);
        size.set(length(info.1)?);
        number.set(length(info.2)?);
        Ok(())
    }

    fn map_buffer(driver, id: VABufferID, address: *mut *mut c_void) {
        let address = Out::new(address)?;
        address.set(driver.buffer(id)?.map().cast());
        Ok(())
    }

    fn map_buffer2(driver, id: VABufferID, address: *mut *mut c_void, _flags: u32) {
        let address = Out::new(address)?;
        address.set(driver.buffer(id)?.map().cast());
        Ok(())
    }

    fn unmap_buffer(driver, id: VABufferID) { driver.buffer(id).map(drop) }

    fn destroy_buffer(driver, id: VABufferID) { driver.destroy_buffer(id) }

    fn begin_picture(driver, context: VAContextID, target: VASurfaceID) { driver.begin_picture(context, target) }

    fn render_picture(driver, context: VAContextID, buffers: *mut VABufferID, number: c_int) {
        driver.render_picture(context, list(buffers, count(number)?)?)
    }

    fn end_picture(driver, context: VAContextID) { driver.end_picture(context) }

    fn sync_surface(driver, id: VASurfaceID) { driver.sync_surface(id, None) }

    fn sync_surface2(driver, id: VASurfaceID, timeout: u64) { driver.sync_surface(id, duration(timeout)) }

    fn sync_buffer(driver, id: VABufferID, timeout: u64) { driver.sync_buffer(id, duration(timeout)) }

    fn query_surface_status(driver, id: VASurfaceID, status: *mut VASurfaceStatus) {
        let status = Out::new(status)?;
        status.set(match driver.surface_state(id)? {
            SurfaceState::Rendering => VASurfaceRendering,
            SurfaceState::Ready => VASurfaceReady,
        });
        Ok(())
    }

    fn query_surface_error(driver, id: VASurfaceID, _status: VAStatus, errors: *mut *mut c_void) {
        let errors = Out::new(errors)?;
        // The list lives in the surface, which the client keeps while it reads.
        errors.set(driver.surface(id)?.errors().as_ptr().cast_mut().cast());
        Ok(())
    }

    fn query_image_formats(_driver, formats: *mut VAImageFormat, number: *mut c_int) {
        let number = Out::new(number)?;
        let known = image::FORMATS.map(image::description);
        fill(formats, &known)?;
        number.set(length(known.len())?);
        Ok(())
    }

    fn create_image(driver, format: *mut VAImageFormat, width: c_int, height: c_int, image: *mut VAImage) {
        let image = Out::new(image)?;
        let format = format.as_ref().ok_or(Error::InvalidParameter("image format is null"))?;
        image.set(driver.create_image(format, width, height)?);
        Ok(())
    }

    fn derive_image(driver, surface: VASurfaceID, image: *mut VAImage) {
        let image = Out::new(image)?;
        image.set(driver.derive_image(surface)?);
        Ok(())
    }

    fn destroy_image(driver, id: VAImageID) { driver.destroy_image(id) }

    fn get_image(driver, surface: VASurfaceID, x: c_int, y: c_int, width: c_uint, height: c_uint, image: VAImageID) {
        driver.get_image(surface, rectangle(x, y, width, height)?, image)
    }

    fn put_image(
        driver, surface: VASurfaceID, image: VAImageID, x: c_int, y: c_int, width: c_uint, height: c_uint, to_x: c_int,
        to_y: c_int, to_width: c_uint, to_height: c_uint,
    ) {
        if (width, height) != (to_width, to_height) {
            return Err(Error::InvalidParameter("images are not scaled"));
        }
        let to = rectangle(to_x, to_y, to_width, to_height)?;
        driver.put_image(surface, image, rectangle(x, y, width, height)?, (to.x, to.y))
    }

    fn query_subpicture_formats(_driver, _formats: *mut VAImageFormat, _flags: *mut c_uint, number: *mut c_uint) {
        Out::new(number)?.set(0);
        Ok(())
    }

    fn query_display_attributes(_driver, _attributes: *mut VADisplayAttribute, number: *mut c_int) {
        Out::new(number)?.set(0);
        Ok(())
    }
}

/// # Safety
/// `ids` is null or valid for writes of `number` IDs.
unsafe fn new_surfaces(
    driver: &Driver,
    request: &SurfaceRequest,
    number: usize,
    ids: *mut VASurfaceID,
) -> Result<()> {
    if ids.is_null() && number > 0 {
        return Err(Error::InvalidParameter("surface list is null"));
    }
    let surfaces = driver.create_surfaces(request, number)?;
    // SAFETY: as promised by the caller.
    unsafe { fill(ids, &surfaces) }
}

fn rectangle(x: c_int, y: c_int, width: c_uint, height: c_uint) -> Result<Rect> {
    match (u32::try_from(x), u32::try_from(y)) {
        (Ok(x), Ok(y)) => Ok(Rect {
            x,
            y,
            width,
            height,
        }),
        _ => Err(Error::InvalidParameter("negative coordinate")),
    }
}

/// `VA_TIMEOUT_INFINITE` is no time-out.
fn duration(nanoseconds: u64) -> Option<Duration> {
    (nanoseconds != u64::MAX).then(|| Duration::from_nanos(nanoseconds))
}
