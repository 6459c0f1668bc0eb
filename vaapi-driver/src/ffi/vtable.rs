// SPDX-License-Identifier: BSD-2-Clause
//! Fills libva's vtable.

use super::{calls::*, unsupported::*};
use va_sys::VADriverVTable;

/// Fills every entry that libva 2.17 to 2.22 calls without a look whether it is there, and the optional ones that this
/// driver has. The others stay null: libva itself then answers `VA_STATUS_ERROR_UNIMPLEMENTED`. Entries that an older
/// libva does not know lie in its reserved space.
pub(super) fn fill(vtable: &mut VADriverVTable) {
    vtable.vaTerminate = Some(terminate);
    vtable.vaQueryConfigProfiles = Some(query_config_profiles);
    vtable.vaQueryConfigEntrypoints = Some(query_config_entrypoints);
    vtable.vaGetConfigAttributes = Some(get_config_attributes);
    vtable.vaCreateConfig = Some(create_config);
    vtable.vaDestroyConfig = Some(destroy_config);
    vtable.vaQueryConfigAttributes = Some(query_config_attributes);
    vtable.vaCreateSurfaces = Some(create_surfaces);
    vtable.vaCreateSurfaces2 = Some(create_surfaces2);
    vtable.vaDestroySurfaces = Some(destroy_surfaces);
    vtable.vaQuerySurfaceAttributes = Some(query_surface_attributes);
    vtable.vaCreateContext = Some(create_context);
    vtable.vaDestroyContext = Some(destroy_context);
    vtable.vaCreateBuffer = Some(create_buffer);
    vtable.vaBufferSetNumElements = Some(buffer_set_num_elements);
    vtable.vaBufferInfo = Some(buffer_info);
    vtable.vaMapBuffer = Some(map_buffer);
    vtable.vaMapBuffer2 = Some(map_buffer2);
    vtable.vaUnmapBuffer = Some(unmap_buffer);
    vtable.vaDestroyBuffer = Some(destroy_buffer);
    vtable.vaBeginPicture = Some(begin_picture);
    vtable.vaRenderPicture = Some(render_picture);
    vtable.vaEndPicture = Some(end_picture);
    vtable.vaSyncSurface = Some(sync_surface);
    vtable.vaSyncSurface2 = Some(sync_surface2);
    vtable.vaSyncBuffer = Some(sync_buffer);
    vtable.vaQuerySurfaceStatus = Some(query_surface_status);
    vtable.vaQuerySurfaceError = Some(query_surface_error);
    vtable.vaQueryImageFormats = Some(query_image_formats);
    vtable.vaCreateImage = Some(create_image);
    vtable.vaDeriveImage = Some(derive_image);
    vtable.vaDestroyImage = Some(destroy_image);
    vtable.vaSetImagePalette = Some(set_image_palette);
    vtable.vaGetImage = Some(get_image);
    vtable.vaPutImage = Some(put_image);
    vtable.vaQuerySubpictureFormats = Some(query_subpicture_formats);
    vtable.vaCreateSubpicture = Some(create_subpicture);
    vtable.vaDestroySubpicture = Some(destroy_subpicture);
    vtable.vaSetSubpictureImage = Some(set_subpicture_image);
    vtable.vaSetSubpictureChromakey = Some(set_subpicture_chromakey);
    vtable.vaSetSubpictureGlobalAlpha = Some(set_subpicture_global_alpha);
    vtable.vaAssociateSubpicture = Some(associate_subpicture);
    vtable.vaDeassociateSubpicture = Some(deassociate_subpicture);
    vtable.vaQueryDisplayAttributes = Some(query_display_attributes);
    vtable.vaGetDisplayAttributes = Some(get_display_attributes);
    vtable.vaSetDisplayAttributes = Some(set_display_attributes);
    vtable.vaPutSurface = Some(put_surface);
    vtable.vaLockSurface = Some(lock_surface);
    vtable.vaUnlockSurface = Some(unlock_surface);
    vtable.vaExportSurfaceHandle = Some(export_surface_handle);
}
