// SPDX-License-Identifier: BSD-2-Clause
//! Entries that libva calls without a look whether they are there, and that this driver has no use for: palettes,
//! subpictures, display attributes, drawing, surface locks.

use super::calls::guard;
use crate::error::Error;
use core::ffi::{c_int, c_short, c_uchar, c_uint, c_ushort, c_void};
use va_sys::*;

macro_rules! unsupported {
    ($(fn $name:ident($($kind:ty),* $(,)?) = $error:expr;)+) => {$(
        pub(super) unsafe extern "C" fn $name(_: VADriverContextP $(, _: $kind)*) -> VAStatus {
            guard(stringify!($name), || Err($error))
        }
    )+};
}

unsupported! {
    fn set_image_palette(VAImageID, *mut c_uchar) = Error::Unimplemented;
    fn create_subpicture(VAImageID, *mut VASubpictureID) = Error::Unimplemented;
    fn destroy_subpicture(VASubpictureID) = Error::Unimplemented;
    fn set_subpicture_image(VASubpictureID, VAImageID) = Error::Unimplemented;
    fn set_subpicture_chromakey(VASubpictureID, c_uint, c_uint, c_uint) = Error::Unimplemented;
    fn set_subpicture_global_alpha(VASubpictureID, f32) = Error::Unimplemented;
    fn associate_subpicture(
        VASubpictureID, *mut VASurfaceID, c_int, c_short, c_short, c_ushort, c_ushort, c_short, c_short, c_ushort,
        c_ushort, c_uint,
    ) = Error::Unimplemented;
    fn deassociate_subpicture(VASubpictureID, *mut VASurfaceID, c_int) = Error::Unimplemented;
    fn get_display_attributes(*mut VADisplayAttribute, c_int) = Error::Unimplemented;
    fn set_display_attributes(*mut VADisplayAttribute, c_int) = Error::Unimplemented;
    fn put_surface(
        VASurfaceID, *mut c_void, c_short, c_short, c_ushort, c_ushort, c_short, c_short, c_ushort, c_ushort,
        *mut VARectangle, c_uint, c_uint,
    ) = Error::Unimplemented;
    fn lock_surface(
        VASurfaceID, *mut c_uint, *mut c_uint, *mut c_uint, *mut c_uint, *mut c_uint, *mut c_uint, *mut c_uint,
        *mut c_uint, *mut *mut c_void,
    ) = Error::Unimplemented;
    fn unlock_surface(VASurfaceID) = Error::Unimplemented;
    // UNIMPLEMENTED, and no other status, sends FFmpeg on its way without export.
    fn export_surface_handle(VASurfaceID, u32, u32, *mut c_void) = Error::Unimplemented;
}
