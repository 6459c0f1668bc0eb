// SPDX-License-Identifier: BSD-2-Clause
//! Export, queries, and the calls that a decoder need not support but must answer.
#![allow(unsafe_code)]

use crate::{
    machine::{Machine, SUCCESS, array, call, out, refused},
    objects::PROFILES,
    op::Op,
};
use std::ptr::null_mut;
use va_sys::*;

impl Machine<'_> {
    pub(crate) fn export(&mut self, op: &Op) -> VAStatus {
        let mem_type = match op.args[1] % 4 {
            0 | 1 => VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2,
            2 => VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_3,
            _ => VA_SURFACE_ATTRIB_MEM_TYPE_VA,
        };
        let mut descriptor = Box::new(VADRMPRIMESurfaceDescriptor::default());
        let pointer = out(op, 0, &mut *descriptor);
        let flags = u32::from(op.args[2]);
        let status = self.on_surface(op, |m, id| {
            call!(
                m,
                vaExportSurfaceHandle,
                id,
                mem_type,
                flags,
                pointer.cast()
            )
        });
        if status == SUCCESS && !pointer.is_null() {
            assert!(
                (1..=4).contains(&descriptor.num_objects)
                    && (1..=4).contains(&descriptor.num_layers)
            );
            for object in descriptor
                .objects
                .iter()
                .take(descriptor.num_objects as usize)
            {
                assert!(object.fd >= 0);
                // SAFETY: the descriptor's files are the client's to close, once each.
                unsafe { libc::close(object.fd) };
            }
        }
        status
    }

    pub(crate) fn query_surface_attributes(&mut self, op: &Op) -> VAStatus {
        let config = self.configs.pick(op.args[0]);
        let mut n = 0;
        let asked = call!(
            self,
            vaQuerySurfaceAttributes,
            config,
            null_mut(),
            &raw mut n
        );
        refused(asked, self.configs.live(config), op);
        if asked != SUCCESS {
            return asked;
        }
        n = n.min(64).saturating_sub(u32::from(op.args[1] % 4));
        let mut list = vec![VASurfaceAttrib::default(); n as usize];
        let room = n;
        let status = call!(
            self,
            vaQuerySurfaceAttributes,
            config,
            array(op, 0, &mut list),
            out(op, 1, &mut n)
        );
        assert!(
            status != SUCCESS || op.nulls & 3 != 0 || n <= room,
            "more attributes than there is room for"
        );
        status
    }

    pub(crate) fn query(&mut self, op: &Op) -> VAStatus {
        let [
            profiles,
            entrypoints,
            attributes,
            images,
            subpictures,
            display,
        ] = self.driver.limits();
        let profile = PROFILES[usize::from(op.args[1]) % PROFILES.len()];
        let entrypoint = VAEntrypoint::from(op.args[2]);
        let mut n = 0;
        match op.args[0] % 8 {
            0 => {
                let mut list = vec![0; profiles];
                call!(
                    self,
                    vaQueryConfigProfiles,
                    array(op, 0, &mut list),
                    out(op, 1, &mut n)
                )
            }
            1 => {
                let mut list = vec![0; entrypoints];
                call!(
                    self,
                    vaQueryConfigEntrypoints,
                    profile,
                    array(op, 0, &mut list),
                    out(op, 1, &mut n)
                )
            }
            2 => {
                let mut list: Vec<_> = (0..op.args[3] % 64)
                    .map(|i| VAConfigAttrib {
                        type_: u32::from(i.wrapping_add(op.args[4])),
                        value: 0,
                    })
                    .collect();
                let count = list.len() as i32;
                call!(
                    self,
                    vaGetConfigAttributes,
                    profile,
                    entrypoint,
                    array(op, 0, &mut list),
                    count
                )
            }
            3 => {
                let id = self.configs.pick(op.args[1]);
                let mut list = vec![VAConfigAttrib::default(); attributes];
                let (mut profile, mut entrypoint) = (0, 0);
                let pointers = (out(op, 0, &mut profile), out(op, 1, &mut entrypoint));
                let status = call!(
                    self,
                    vaQueryConfigAttributes,
                    id,
                    pointers.0,
                    pointers.1,
                    array(op, 2, &mut list),
                    out(op, 3, &mut n)
                );
                refused(status, self.configs.live(id), op);
                status
            }
            4 => {
                let mut list = vec![VAImageFormat::default(); images];
                call!(
                    self,
                    vaQueryImageFormats,
                    array(op, 0, &mut list),
                    out(op, 1, &mut n)
                )
            }
            5 => {
                let (mut list, mut flags, mut n) = (
                    vec![VAImageFormat::default(); subpictures],
                    vec![0; subpictures],
                    0,
                );
                call!(
                    self,
                    vaQuerySubpictureFormats,
                    array(op, 0, &mut list),
                    array(op, 1, &mut flags),
                    out(op, 2, &mut n)
                )
            }
            6 => {
                let mut list = vec![VADisplayAttribute::default(); display];
                call!(
                    self,
                    vaQueryDisplayAttributes,
                    array(op, 0, &mut list),
                    out(op, 1, &mut n)
                )
            }
            _ => {
                let mut list = vec![
                    VADisplayAttribute {
                        type_: u32::from(op.args[1]),
                        ..VADisplayAttribute::default()
                    };
                    usize::from(op.args[2] % 9)
                ];
                let n = list.len() as i32;
                call!(self, vaGetDisplayAttributes, array(op, 0, &mut list), n);
                call!(self, vaSetDisplayAttributes, array(op, 0, &mut list), n)
            }
        }
    }

    pub(crate) fn other(&mut self, op: &Op) -> VAStatus {
        let surface = self.surfaces.pick(op.args[1]);
        let image = self.images.pick(op.args[1]);
        let mut id = 0;
        match op.args[0] % 10 {
            0 => call!(
                self,
                vaPutSurface,
                surface,
                null_mut(),
                0,
                0,
                16,
                16,
                0,
                0,
                16,
                16,
                null_mut(),
                0,
                u32::from(op.args[2])
            ),
            1 => {
                let mut values = [0u32; 8];
                let mut memory = null_mut();
                let [a, b, c, d, e, f, g, h] = &mut values;
                let status = call!(
                    self,
                    vaLockSurface,
                    surface,
                    out(op, 0, a),
                    out(op, 1, b),
                    out(op, 2, c),
                    out(op, 3, d),
                    out(op, 4, e),
                    out(op, 5, f),
                    out(op, 6, g),
                    out(op, 7, h),
                    &raw mut memory,
                );
                refused(status, self.surfaces.live(surface), op);
                call!(self, vaUnlockSurface, surface)
            }
            2 => call!(self, vaCreateSubpicture, image, out(op, 0, &mut id)),
            3 => call!(self, vaDestroySubpicture, u32::from(op.args[2])),
            4 => call!(self, vaSetSubpictureImage, u32::from(op.args[2]), image),
            5 => call!(
                self,
                vaSetSubpictureGlobalAlpha,
                u32::from(op.args[2]),
                f32::NAN
            ),
            6 => {
                let mut targets = self.surfaces.several(op.args[1], op.args[3] % 8);
                let n = targets.len() as i32;
                let subpicture = u32::from(op.args[2]);
                call!(
                    self,
                    vaAssociateSubpicture,
                    subpicture,
                    array(op, 0, &mut targets),
                    n,
                    0,
                    0,
                    9,
                    9,
                    0,
                    0,
                    9,
                    9,
                    0
                );
                call!(
                    self,
                    vaDeassociateSubpicture,
                    subpicture,
                    array(op, 0, &mut targets),
                    n
                )
            }
            7 => {
                let mut palette = [0u8; 3 * 256];
                call!(self, vaSetImagePalette, image, array(op, 0, &mut palette))
            }
            8 => {
                let (mut unit, mut pitch) = (0, 0);
                let context = self.contexts.pick(op.args[1]);
                let pointers = (out(op, 0, &mut unit), out(op, 1, &mut pitch));
                let (kind, width, height) = (
                    u32::from(op.args[2]),
                    u32::from(op.args[3]),
                    u32::from(op.args[4]),
                );
                let status = call!(
                    self,
                    vaCreateBuffer2,
                    context,
                    kind,
                    width,
                    height,
                    pointers.0,
                    pointers.1,
                    out(op, 2, &mut id)
                );
                if status == SUCCESS && op.nulls & 4 == 0 {
                    self.buffers.add(id);
                }
                status
            }
            _ => {
                let mut list = vec![VASurfaceAttrib::default(); usize::from(op.args[2] % 16)];
                let n = list.len() as u32;
                call!(
                    self,
                    vaGetSurfaceAttributes,
                    self.configs.pick(op.args[1]),
                    array(op, 0, &mut list),
                    n
                )
            }
        }
    }

    pub(crate) fn copy(&mut self, op: &Op) -> VAStatus {
        let object = |kind: u16, arg: u16| VACopyObject {
            obj_type: u32::from(kind % 3),
            object: if kind % 3 == 0 {
                _VACopyObject__bindgen_ty_1 {
                    surface_id: self.surfaces.pick(arg),
                }
            } else {
                _VACopyObject__bindgen_ty_1 {
                    buffer_id: self.buffers.pick(arg),
                }
            },
            ..VACopyObject::default()
        };
        let (mut to, mut from) = (
            object(op.args[0], op.args[1]),
            object(op.args[2], op.args[3]),
        );
        let pointers = (out(op, 0, &mut to), out(op, 1, &mut from));
        call!(
            self,
            vaCopy,
            pointers.0,
            pointers.1,
            VACopyOption::default()
        )
    }
}
