// SPDX-License-Identifier: BSD-2-Clause
//! A driver without libva: the driver context that libva would make, and the call that fills it.
#![allow(unsafe_code)]

use std::ptr::null_mut;
use va_sys::*;

/// `__vaDriverInit_1_0`
pub type Init = unsafe extern "C" fn(VADriverContextP) -> VAStatus;

/// What libva's `drm_state` points to: no device node, as under X11 on a machine without `/dev/dri`.
#[repr(C)]
struct DrmState {
    fd: i32,
    auth_type: i32,
    reserved: [i32; 8],
}

/// An initialised driver and its vtable. All calls may be made from any thread.
pub struct Driver {
    context: VADriverContextP,
    table: VADriverVTable,
    own: bool,
    drm: *mut DrmState,
}

// SAFETY: VA-API drivers are called from any thread at any time; nothing here changes after `open`.
unsafe impl Send for Driver {}
// SAFETY: as above.
unsafe impl Sync for Driver {}

impl Driver {
    /// Initialises a driver as libva would.
    ///
    /// # Safety
    /// `init` is a driver's init function.
    pub unsafe fn open(init: Init) -> Self {
        let drm = Box::into_raw(Box::new(DrmState {
            fd: -1,
            auth_type: 0,
            reserved: [0; 8],
        }));
        let context = Box::into_raw(Box::new(VADriverContext {
            vtable: Box::into_raw(Box::default()),
            vtable_vpp: Box::into_raw(Box::default()),
            vtable_prot: Box::into_raw(Box::default()),
            drm_state: drm.cast(),
            display_type: 0x10,
            version_major: 1,
            version_minor: 22,
            ..VADriverContext::default()
        }));
        // SAFETY: the context and its tables are live, zeroed and exclusively ours.
        let status = unsafe { init(context) };
        assert_eq!(
            status, VA_STATUS_SUCCESS as VAStatus,
            "the driver does not initialise"
        );
        // SAFETY: as above; the driver filled the table.
        let table = unsafe { *(*context).vtable };
        Self {
            context,
            table,
            own: true,
            drm,
        }
    }

    /// Uses a driver that libva opened; it stays libva's to terminate.
    ///
    /// # Safety
    /// `context` is initialised and outlives the result.
    pub unsafe fn of_libva(context: VADriverContextP) -> Self {
        // SAFETY: promised by the caller.
        let table = unsafe { *(*context).vtable };
        Self {
            context,
            table,
            own: false,
            drm: null_mut(),
        }
    }

    /// The first argument of each entry.
    pub fn context(&self) -> VADriverContextP {
        self.context
    }

    /// The entries.
    pub fn table(&self) -> &VADriverVTable {
        &self.table
    }

    /// The limits that the driver states: profiles, entrypoints, attributes, image formats, subpicture formats, display
    /// attributes.
    pub fn limits(&self) -> [usize; 6] {
        // SAFETY: the context is live; the driver wrote these fields while it was initialised.
        let c = unsafe { &*self.context };
        [
            c.max_profiles,
            c.max_entrypoints,
            c.max_attributes,
            c.max_image_formats,
            c.max_subpic_formats,
            c.max_display_attributes,
        ]
        .map(|limit| usize::try_from(limit).unwrap_or(0))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.own {
            return;
        }
        if let Some(terminate) = self.table.vaTerminate {
            // SAFETY: the context is live, and no other call is under way, for `self` is exclusive.
            let status = unsafe { terminate(self.context) };
            assert_eq!(status, VA_STATUS_SUCCESS as VAStatus, "vaTerminate");
        }
        // SAFETY: all four came from `Box::into_raw` in `open`, and the driver has ended.
        unsafe {
            drop(Box::from_raw((*self.context).vtable));
            drop(Box::from_raw((*self.context).vtable_vpp));
            drop(Box::from_raw((*self.context).vtable_prot));
            drop(Box::from_raw(self.context));
            drop(Box::from_raw(self.drm));
        }
    }
}
