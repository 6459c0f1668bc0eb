// SPDX-License-Identifier: BSD-2-Clause
//! Objects and attributes, to the letter of libva-utils' `test_va_api`.

use super::client::{Client, call};
use crate::backend::test_double::When;
use crate::config::{MAX_PICTURE, PROFILES};
use core::ffi::c_void;
use std::ptr::null_mut;
use va_sys::*;

/// The sizes that `test_va_api` tries.
const SIZES: [u32; 6] = [16, 352, 1920, 4096, 8192, 10240];

#[test]
fn libva_finds_all_that_it_checks_or_calls_unchecked() {
    let client = Client::new(When::AtOnce);
    let ctx = client.context();
    assert!(
        ctx.max_profiles > 0
            && ctx.max_entrypoints > 0
            && ctx.max_attributes > 0
            && ctx.max_image_formats > 0
            && ctx.max_subpic_formats > 0
    );
    assert!(!ctx.str_vendor.is_null());
    // SAFETY: a C string of the driver's.
    let vendor = unsafe { core::ffi::CStr::from_ptr(ctx.str_vendor) };
    assert!(vendor.to_str().unwrap().contains(env!("CARGO_PKG_VERSION")));
    macro_rules! filled { ($($entry:ident)+) => { $(assert!(client.vtable().$entry.is_some(), stringify!($entry));)+ } }
    filled! {
        vaTerminate vaQueryConfigProfiles vaQueryConfigEntrypoints vaQueryConfigAttributes vaCreateConfig vaDestroyConfig
        vaGetConfigAttributes vaCreateSurfaces vaDestroySurfaces vaCreateContext vaDestroyContext vaCreateBuffer
        vaBufferSetNumElements vaMapBuffer vaUnmapBuffer vaDestroyBuffer vaBeginPicture vaRenderPicture vaEndPicture
        vaSyncSurface vaQuerySurfaceStatus vaQueryImageFormats vaCreateImage vaDeriveImage vaDestroyImage
        vaSetImagePalette vaGetImage vaPutImage vaQuerySubpictureFormats vaCreateSubpicture vaDestroySubpicture
        vaSetSubpictureImage vaSetSubpictureChromakey vaSetSubpictureGlobalAlpha vaAssociateSubpicture
        vaDeassociateSubpicture vaQueryDisplayAttributes vaGetDisplayAttributes vaSetDisplayAttributes
        vaQuerySurfaceError vaPutSurface vaBufferInfo vaLockSurface vaUnlockSurface
        vaCreateSurfaces2 vaQuerySurfaceAttributes vaSyncSurface2 vaSyncBuffer vaMapBuffer2
    }
    assert_eq!(client.vtable().reserved, [0; 53]);
}

#[test]
fn unsupported_things_say_so() {
    let client = Client::new(When::AtOnce);
    let mut number = 7;
    assert_eq!(
        call!(
            client,
            vaQueryConfigEntrypoints,
            VAProfileHEVCMain,
            null_mut(),
            &mut number
        ),
        VA_STATUS_ERROR_UNSUPPORTED_PROFILE
    );
    assert_eq!(number, 7);
    let mut id = VA_INVALID_ID;
    let create = |profile, entrypoint, id: &mut u32| {
        call!(
            client,
            vaCreateConfig,
            profile,
            entrypoint,
            null_mut(),
            0,
            id
        )
    };
    assert_eq!(
        create(VAProfileMPEG2Main, VAEntrypointVLD, &mut id),
        VA_STATUS_ERROR_UNSUPPORTED_PROFILE
    );
    assert_eq!(
        create(VAProfileH264High, VAEntrypointEncSlice, &mut id),
        VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT
    );
    assert_eq!(id, VA_INVALID_ID);
    assert_eq!(
        call!(client, vaDestroyConfig, id),
        VA_STATUS_ERROR_INVALID_CONFIG
    );
    assert_eq!(
        call!(client, vaGetDisplayAttributes, null_mut(), 0),
        VA_STATUS_ERROR_UNIMPLEMENTED
    );
    assert_eq!(
        call!(client, vaSetDisplayAttributes, null_mut(), 0),
        VA_STATUS_ERROR_UNIMPLEMENTED
    );
    let mut attributes = 256;
    assert_eq!(
        call!(
            client,
            vaQueryDisplayAttributes,
            null_mut(),
            &mut attributes
        ),
        VA_STATUS_SUCCESS
    );
    assert_eq!(attributes, 0);
    assert_eq!(
        call!(client, vaExportSurfaceHandle, 1, 0, 0, null_mut()),
        VA_STATUS_ERROR_UNIMPLEMENTED
    );
}

#[test]
fn every_surface_attribute_can_be_handed_back() {
    let client = Client::new(When::AtOnce);
    for profile in &PROFILES {
        let config = client.config(profile.id);
        let mut number = 0;
        let query =
            |list, number: &mut u32| call!(client, vaQuerySurfaceAttributes, config, list, number);
        assert_eq!(query(null_mut(), &mut number), VA_STATUS_SUCCESS);
        let mut list = vec![VASurfaceAttrib::default(); number as usize];
        let mut short = number - 1;
        assert_eq!(
            query(list.as_mut_ptr(), &mut short),
            VA_STATUS_ERROR_MAX_NUM_EXCEEDED
        );
        assert_eq!(short, number);
        assert_eq!(query(list.as_mut_ptr(), &mut number), VA_STATUS_SUCCESS);
        for mut attribute in list {
            assert_ne!(attribute.flags, VA_SURFACE_ATTRIB_NOT_SUPPORTED);
            for size in SIZES {
                let mut ids = [VA_INVALID_SURFACE; 10];
                let status = call!(
                    client,
                    vaCreateSurfaces2,
                    VA_RT_FORMAT_YUV420,
                    size,
                    size,
                    ids.as_mut_ptr(),
                    10,
                    &mut attribute,
                    1
                );
                assert_eq!(status, VA_STATUS_SUCCESS);
                assert!(!ids.contains(&VA_INVALID_SURFACE));
                assert_eq!(
                    call!(client, vaDestroySurfaces, ids.as_mut_ptr(), 10),
                    VA_STATUS_SUCCESS
                );
            }
        }
    }
}

#[test]
fn contexts_keep_to_the_limits() {
    let client = Client::new(When::AtOnce);
    let config = client.config(VAProfileH264High);
    let create = |config, width, height, id: &mut u32| {
        call!(
            client,
            vaCreateContext,
            config,
            width,
            height,
            1,
            null_mut(),
            0,
            id
        )
    };
    let mut id = 0;
    assert_eq!(
        create(0, 1920, 1080, &mut id),
        VA_STATUS_ERROR_INVALID_CONFIG
    );
    let limit = MAX_PICTURE as i32;
    for (width, height) in [
        (0, 16),
        (16, 0),
        (-1, 16),
        (limit + 1, 16),
        (16, i32::MAX),
        (10240, 10240),
    ] {
        assert_eq!(
            create(config, width, height, &mut id),
            VA_STATUS_ERROR_RESOLUTION_NOT_SUPPORTED
        );
        assert_eq!(
            call!(client, vaDestroyContext, id),
            VA_STATUS_ERROR_INVALID_CONTEXT
        );
    }
    for size in [1, 2, 16, 8192] {
        assert_eq!(create(config, size, size, &mut id), VA_STATUS_SUCCESS);
        assert_eq!(call!(client, vaDestroyContext, id), VA_STATUS_SUCCESS);
        assert_eq!(
            call!(client, vaDestroyContext, id),
            VA_STATUS_ERROR_INVALID_CONTEXT
        );
    }
    let mut target = 12345;
    assert_eq!(
        call!(
            client,
            vaCreateContext,
            config,
            16,
            16,
            1,
            &mut target,
            1,
            &mut id
        ),
        VA_STATUS_ERROR_INVALID_SURFACE
    );
}

#[test]
fn surfaces_are_allocated_when_they_are_used() {
    let client = Client::new(When::AtOnce);
    // 80 GiB, if it were memory.
    let mut surfaces = client.surfaces(16384, 16384, 200);
    let image = client.derive(surfaces[0]);
    assert_eq!((image.width, image.height), (16384, 16384));
    assert_eq!(
        call!(client, vaDestroyImage, image.image_id),
        VA_STATUS_SUCCESS
    );
    assert_eq!(
        call!(client, vaDestroySurfaces, surfaces.as_mut_ptr(), 200),
        VA_STATUS_SUCCESS
    );
    let mut id = [0; 1];
    let create = |format, width, height, id: &mut [u32; 1]| {
        call!(
            client,
            vaCreateSurfaces2,
            format,
            width,
            height,
            id.as_mut_ptr(),
            1,
            null_mut(),
            0
        )
    };
    assert_eq!(
        create(VA_RT_FORMAT_YUV420, 16385, 16, &mut id),
        VA_STATUS_ERROR_RESOLUTION_NOT_SUPPORTED
    );
    assert_eq!(
        create(VA_RT_FORMAT_YUV420, 0, 16, &mut id),
        VA_STATUS_ERROR_RESOLUTION_NOT_SUPPORTED
    );
    assert_eq!(
        create(VA_RT_FORMAT_YUV444, 16, 16, &mut id),
        VA_STATUS_ERROR_UNSUPPORTED_RT_FORMAT
    );
    assert_eq!(id, [0]);
}

#[test]
fn surfaces_have_the_format_that_was_asked_for() {
    let client = Client::new(When::AtOnce);
    let create = |rt_format, kind, value: u32| {
        let mut id = 0;
        let mut attribute = VASurfaceAttrib {
            type_: kind,
            flags: VA_SURFACE_ATTRIB_SETTABLE,
            ..Default::default()
        };
        attribute.value.type_ = VAGenericValueTypeInteger;
        attribute.value.value.i = value as i32;
        let status = call!(
            client,
            vaCreateSurfaces2,
            rt_format,
            16,
            16,
            &mut id,
            1,
            &mut attribute,
            1
        );
        if status == 0 {
            Ok(client.derive(id).format.fourcc)
        } else {
            Err(status)
        }
    };
    let hint = VASurfaceAttribUsageHint;
    assert_eq!(create(VA_RT_FORMAT_YUV420, hint, 0x31), Ok(VA_FOURCC_NV12));
    assert_eq!(create(VA_RT_FORMAT_YUV420_10, hint, 1), Ok(VA_FOURCC_P010));
    let pixel_format = VASurfaceAttribPixelFormat;
    assert_eq!(
        create(VA_RT_FORMAT_YUV420_10, pixel_format, VA_FOURCC_P010),
        Ok(VA_FOURCC_P010)
    );
    assert_eq!(
        create(VA_RT_FORMAT_YUV420, pixel_format, VA_FOURCC_P010),
        Ok(VA_FOURCC_P010)
    );
    assert_eq!(
        create(VA_RT_FORMAT_YUV420, pixel_format, VA_FOURCC_BGRA),
        Err(VA_STATUS_ERROR_INVALID_VALUE)
    );
    let memory = VASurfaceAttribMemoryType;
    assert_eq!(
        create(VA_RT_FORMAT_YUV420, memory, VA_SURFACE_ATTRIB_MEM_TYPE_VA),
        Ok(VA_FOURCC_NV12)
    );
    assert_eq!(
        create(
            VA_RT_FORMAT_YUV420,
            memory,
            VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2
        ),
        Err(VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE)
    );
}

#[test]
fn buffers_keep_what_clients_put_in() {
    let client = Client::new(When::AtOnce);
    let context = client.decoder();
    let buffer = client.buffer(context, b"abcd");
    let (mut kind, mut size, mut number) = (0, 0, 0);
    assert_eq!(
        call!(
            client,
            vaBufferInfo,
            buffer,
            &mut kind,
            &mut size,
            &mut number
        ),
        VA_STATUS_SUCCESS
    );
    assert_eq!((kind, size, number), (VASliceDataBufferType, 4, 1));
    // SAFETY: four bytes are mapped.
    unsafe { client.map(buffer).write(b'x') };
    let mut again: *mut c_void = null_mut();
    assert_eq!(
        call!(
            client,
            vaMapBuffer2,
            buffer,
            &mut again,
            VA_MAPBUFFER_FLAG_READ
        ),
        VA_STATUS_SUCCESS
    );
    // SAFETY: as above.
    let bytes = unsafe { std::slice::from_raw_parts(again.cast::<u8>(), 4) };
    assert_eq!(bytes, b"xbcd");
    assert_eq!(
        call!(client, vaBufferSetNumElements, buffer, 2),
        VA_STATUS_ERROR_INVALID_PARAMETER
    );
    assert_eq!(
        call!(client, vaSyncBuffer, buffer, u64::MAX),
        VA_STATUS_SUCCESS
    );
    // Buffers outlive their context.
    assert_eq!(call!(client, vaDestroyContext, context), VA_STATUS_SUCCESS);
    assert_eq!(call!(client, vaUnmapBuffer, buffer), VA_STATUS_SUCCESS);
    assert_eq!(call!(client, vaDestroyBuffer, buffer), VA_STATUS_SUCCESS);
    assert_eq!(
        call!(client, vaDestroyBuffer, buffer),
        VA_STATUS_ERROR_INVALID_BUFFER
    );
    let mut id = 0;
    let kind = VASliceDataBufferType;
    assert_eq!(
        call!(
            client,
            vaCreateBuffer,
            context,
            kind,
            1,
            1,
            null_mut(),
            &mut id
        ),
        VA_STATUS_ERROR_INVALID_CONTEXT
    );
}

#[test]
fn null_pointers_and_wrong_ids_are_statuses() {
    let client = Client::new(When::AtOnce);
    for id in [0, 1, VA_INVALID_ID, 0x3000_0000, 0x2000_0000] {
        assert_ne!(call!(client, vaDestroyConfig, id), 0);
        assert_ne!(call!(client, vaDestroyContext, id), 0);
        assert_ne!(call!(client, vaDestroyBuffer, id), 0);
        assert_ne!(call!(client, vaDestroyImage, id), 0);
        assert_ne!(call!(client, vaUnmapBuffer, id), 0);
        assert_ne!(call!(client, vaBeginPicture, id, id), 0);
        assert_ne!(call!(client, vaRenderPicture, id, null_mut(), 1), 0);
        assert_ne!(call!(client, vaEndPicture, id), 0);
        assert_ne!(client.sync(id), 0);
        assert_ne!(call!(client, vaSyncSurface2, id, 0), 0);
        assert_ne!(call!(client, vaSyncBuffer, id, 0), 0);
        assert_ne!(call!(client, vaQuerySurfaceStatus, id, null_mut()), 0);
        assert_ne!(call!(client, vaQuerySurfaceError, id, 0, null_mut()), 0);
        assert_ne!(call!(client, vaDeriveImage, id, null_mut()), 0);
        assert_ne!(call!(client, vaGetImage, id, 0, 0, 1, 1, id), 0);
        assert_ne!(call!(client, vaPutImage, id, id, 0, 0, 1, 1, 0, 0, 1, 1), 0);
        assert_ne!(
            call!(
                client,
                vaQueryConfigAttributes,
                id,
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut()
            ),
            0
        );
        assert_ne!(
            call!(client, vaQuerySurfaceAttributes, id, null_mut(), null_mut()),
            0
        );
        assert_ne!(
            call!(client, vaBufferInfo, id, null_mut(), null_mut(), null_mut()),
            0
        );
        assert_ne!(call!(client, vaMapBuffer, id, null_mut()), 0);
    }
    let context = client.decoder();
    assert_ne!(
        call!(
            client,
            vaCreateBuffer,
            context,
            0,
            u32::MAX,
            u32::MAX,
            null_mut(),
            null_mut()
        ),
        0
    );
    assert_ne!(call!(client, vaRenderPicture, context, null_mut(), -1), 0);
    assert_ne!(call!(client, vaDestroySurfaces, null_mut(), 3), 0);
    assert_ne!(
        call!(client, vaCreateSurfaces, -1, i32::MIN, 1, 1, null_mut()),
        0
    );
    assert_ne!(
        call!(client, vaCreateImage, null_mut(), 1, 1, null_mut()),
        0
    );
    assert_ne!(
        call!(client, vaQueryConfigProfiles, null_mut(), null_mut()),
        0
    );
}

#[test]
fn a_display_that_is_not_initialized_is_a_status() {
    let client = Client::new(When::AtOnce);
    let vtable = *client.vtable();
    let mut empty = VADriverContext::default();
    // SAFETY: null and empty contexts are what is tested.
    unsafe {
        assert_ne!(vtable.vaSyncSurface.unwrap()(null_mut(), 1), 0);
        assert_ne!(vtable.vaSyncSurface.unwrap()(&mut empty, 1), 0);
        assert_ne!(super::super::entry::__vaDriverInit_1_0(null_mut()), 0);
        assert_ne!(super::super::entry::__vaDriverInit_1_0(&mut empty), 0);
    }
    client.terminate();
    assert_ne!(client.sync(1), 0);
}
