// SPDX-License-Identifier: BSD-2-Clause
//! Calls that make, destroy and describe configs, surfaces, contexts and buffers.
#![allow(unsafe_code)]

use crate::{
    machine::{Machine, SUCCESS, array, call, out, refused, size},
    op::Op,
    surfaces::codec,
};
use std::ptr::null_mut;
use va_sys::*;

/// Profiles by number: all that Daedalus decodes, then others that it must refuse.
pub const PROFILES: [VAProfile; 12] = [
    VAProfileH264ConstrainedBaseline,
    VAProfileH264Main,
    VAProfileH264High,
    VAProfileH264High10,
    VAProfileVP9Profile0,
    VAProfileVP9Profile2,
    VAProfileAV1Profile0,
    VAProfileAV1Profile1,
    VAProfileHEVCMain,
    VAProfileNone,
    -77,
    VAProfileMPEG2Main,
];

/// RT formats by number.
pub const FORMATS: [u32; 5] = [
    VA_RT_FORMAT_YUV420,
    VA_RT_FORMAT_YUV420_10,
    0,
    VA_RT_FORMAT_YUV444,
    u32::MAX,
];

/// Objects of one kind and client at most, so that a sequence cannot be all threads.
const MOST: usize = 6;

impl Machine<'_> {
    pub(crate) fn create_config(&mut self, op: &Op) -> VAStatus {
        let profile = PROFILES[usize::from(op.args[0]) % PROFILES.len()];
        let entrypoint = if op.args[1] == 0 {
            VAEntrypointVLD
        } else {
            VAEntrypoint::from(op.args[1])
        };
        let value = u32::from(op.args[2]);
        let mut attributes = match value {
            0 => vec![],
            _ => vec![
                VAConfigAttrib {
                    type_: VAConfigAttribRTFormat,
                    value,
                },
                VAConfigAttrib {
                    type_: u32::from(op.args[3]),
                    value: u32::from(op.args[4]),
                },
            ],
        };
        let n = attributes.len() as i32 - i32::from(op.args[5] == 0xffff) * 7;
        let mut id = 0;
        let status = call!(
            self,
            vaCreateConfig,
            profile,
            entrypoint,
            array(op, 0, &mut attributes),
            n,
            out(op, 1, &mut id)
        );
        if status == SUCCESS && op.nulls & 2 == 0 {
            self.configs.add(id);
            self.profiles.insert(id, profile);
        }
        status
    }

    pub(crate) fn destroy_config(&mut self, op: &Op) -> VAStatus {
        let id = self.configs.pick(op.args[0]);
        let status = call!(self, vaDestroyConfig, id);
        refused(status, self.configs.live(id), op);
        if status == SUCCESS {
            self.configs.remove(id);
        }
        status
    }

    pub(crate) fn create_surfaces(&mut self, op: &Op) -> VAStatus {
        let format = FORMATS[usize::from(op.args[0]) % FORMATS.len()];
        let (width, height) = (size(op.args[1]), size(op.args[2]));
        let n = op.args[3] % 33;
        let cost = u64::from(width) * u64::from(height) * 3;
        let flags = op.args[4];
        if !self.affordable(cost.saturating_mul(u64::from(n))) || self.surfaces.count() > 64 {
            return VA_STATUS_ERROR_ALLOCATION_FAILED as VAStatus;
        }
        let mut ids = vec![0; usize::from(n)];
        let said = if flags & 0x100 != 0 {
            -i32::from(n)
        } else {
            i32::from(n)
        };
        let status = if flags & 1 != 0 {
            call!(
                self,
                vaCreateSurfaces,
                width as i32,
                height as i32,
                format as i32,
                said,
                array(op, 0, &mut ids)
            )
        } else {
            let mut descriptor = VADRMPRIMESurfaceDescriptor {
                fourcc: VA_FOURCC_NV12,
                width,
                height,
                num_objects: u32::from(flags >> 12),
                num_layers: u32::from(flags >> 10 & 7),
                ..VADRMPRIMESurfaceDescriptor::default()
            };
            descriptor
                .objects
                .iter_mut()
                .for_each(|object| object.fd = -1);
            let mut attributes = surface_attributes(flags, (&raw mut descriptor).cast());
            let count = attributes.len() as u32;
            let list = array(op, 1, &mut attributes);
            call!(
                self,
                vaCreateSurfaces2,
                format,
                width,
                height,
                array(op, 0, &mut ids),
                said as u32,
                list,
                count
            )
        };
        if status == SUCCESS && op.nulls & 1 == 0 && said >= 0 {
            for id in ids {
                self.surfaces.add(id);
                self.costs.insert(id, cost);
            }
        }
        status
    }

    pub(crate) fn destroy_surfaces(&mut self, op: &Op) -> VAStatus {
        let mut ids = self.surfaces.several(op.args[0], op.args[1] % 16);
        let n = ids.len() as i32;
        let status = call!(self, vaDestroySurfaces, array(op, 0, &mut ids), n);
        let all = ids.iter().all(|&id| self.surfaces.live(id));
        refused(status, all || n == 0, op);
        if status == SUCCESS && op.nulls & 1 == 0 {
            for id in ids {
                self.surfaces.remove(id);
                self.costs.remove(&id);
            }
        } else {
            // A list with a wrong ID may be done in part: ask which are left.
            for id in ids
                .into_iter()
                .filter(|&id| self.surfaces.live(id))
                .collect::<Vec<_>>()
            {
                let mut state = 0;
                if call!(self, vaQuerySurfaceStatus, id, &raw mut state) != SUCCESS {
                    self.surfaces.remove(id);
                    self.costs.remove(&id);
                }
            }
        }
        status
    }

    pub(crate) fn create_context(&mut self, op: &Op) -> VAStatus {
        if self.contexts.count() >= MOST {
            return VA_STATUS_ERROR_ALLOCATION_FAILED as VAStatus;
        }
        let config = self.configs.pick(op.args[0]);
        let mut targets = self.surfaces.several(op.args[4], op.args[5] % 20);
        let n = targets.len() as i32;
        let mut id = 0;
        let (width, height, flag) = (
            size(op.args[1]) as i32,
            size(op.args[2]) as i32,
            i32::from(op.args[3]),
        );
        let status = call!(
            self,
            vaCreateContext,
            config,
            width,
            height,
            flag,
            array(op, 0, &mut targets),
            n,
            out(op, 1, &mut id)
        );
        refused(status, self.configs.live(config), op);
        if status == SUCCESS && op.nulls & 2 == 0 {
            assert_ne!(id, 0, "0 is never a context");
            self.contexts.add(id);
            if let Some(codec) = self.profiles.get(&config).copied().and_then(codec) {
                self.codecs.insert(id, codec);
            }
        }
        status
    }

    pub(crate) fn destroy_context(&mut self, op: &Op) -> VAStatus {
        let id = self.contexts.pick(op.args[0]);
        let status = call!(self, vaDestroyContext, id);
        refused(status, self.contexts.live(id), op);
        if status == SUCCESS {
            self.contexts.remove(id);
        }
        status
    }

    pub(crate) fn create_buffer(&mut self, op: &Op) -> VAStatus {
        let context = self.contexts.pick(op.args[0]);
        let mut id = 0;
        let id_pointer = out(op, 1, &mut id);
        let status = match op.buffers.first() {
            Some(record) => {
                let (kind, size, elements) = record.shape();
                let mut data = record.data.clone();
                call!(
                    self,
                    vaCreateBuffer,
                    context,
                    kind,
                    size as u32,
                    elements as u32,
                    array(op, 0, &mut data).cast(),
                    id_pointer
                )
            }
            None => {
                let (size, elements) = (
                    u32::from(op.args[1]) << (op.args[4] % 17),
                    u32::from(op.args[2]),
                );
                let total = u64::from(size) * u64::from(elements);
                if (64 << 20..1 << 32).contains(&total) {
                    return VA_STATUS_ERROR_ALLOCATION_FAILED as VAStatus;
                }
                let status = call!(
                    self,
                    vaCreateBuffer,
                    context,
                    u32::from(op.args[3]),
                    size,
                    elements,
                    null_mut(),
                    id_pointer
                );
                assert!(
                    total < 1 << 32 || status != SUCCESS,
                    "a buffer of {total} bytes"
                );
                status
            }
        };
        if status == SUCCESS && op.nulls & 2 == 0 {
            self.buffers.add(id);
        }
        status
    }

    pub(crate) fn destroy_buffer(&mut self, op: &Op) -> VAStatus {
        let id = self.buffers.pick(op.args[0]);
        let status = call!(self, vaDestroyBuffer, id);
        refused(status, self.buffers.live(id), op);
        if status == SUCCESS {
            self.buffers.remove(id);
        }
        status
    }

    pub(crate) fn map_buffer(&mut self, op: &Op) -> VAStatus {
        let id = self.buffers.pick(op.args[0]);
        let mut data = null_mut();
        let pointer = out(op, 0, &mut data);
        let status = match op.args[1] {
            0 => call!(self, vaMapBuffer, id, pointer),
            flags => call!(self, vaMapBuffer2, id, pointer, u32::from(flags)),
        };
        refused(status, self.buffers.live(id), op);
        let (mut kind, mut size, mut elements) = (0, 0u32, 0u32);
        let known = call!(
            self,
            vaBufferInfo,
            id,
            &raw mut kind,
            &raw mut size,
            &raw mut elements
        );
        if status == SUCCESS && known == SUCCESS && !data.is_null() {
            let length = size as usize * elements as usize;
            // SAFETY: the driver says that `length` bytes are mapped for reading and writing until `vaUnmapBuffer`.
            let bytes = unsafe { std::slice::from_raw_parts_mut(data.cast::<u8>(), length) };
            let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
            if op.args[2] & 1 == 1 {
                bytes.fill(sum | 1);
            }
        }
        status
    }

    pub(crate) fn buffer_info(&mut self, op: &Op) -> VAStatus {
        let (mut kind, mut size, mut elements) = (0, 0, 0);
        let pointers = (
            out(op, 0, &mut kind),
            out(op, 1, &mut size),
            out(op, 2, &mut elements),
        );
        self.on_buffer(op, |m, id| {
            call!(m, vaBufferInfo, id, pointers.0, pointers.1, pointers.2)
        })
    }

    pub(crate) fn buffer_handle(&mut self, op: &Op) -> VAStatus {
        let mem_type = match op.args[1] % 4 {
            0 => VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME,
            1 => 0,
            2 => VA_SURFACE_ATTRIB_MEM_TYPE_VA,
            _ => u32::MAX,
        };
        let mut info = VABufferInfo {
            mem_type,
            ..VABufferInfo::default()
        };
        let pointer = out(op, 0, &mut info);
        let status = self.on_buffer(op, |m, id| call!(m, vaAcquireBufferHandle, id, pointer));
        if op.args[2] & 1 == 0 {
            self.on_buffer(op, |m, id| call!(m, vaReleaseBufferHandle, id));
        }
        status
    }
}

fn surface_attributes(flags: u16, descriptor: *mut core::ffi::c_void) -> Vec<VASurfaceAttrib> {
    let integer = |type_, i: u32| VASurfaceAttrib {
        type_,
        flags: VA_SURFACE_ATTRIB_SETTABLE,
        value: VAGenericValue {
            type_: VAGenericValueTypeInteger,
            value: _VAGenericValue__bindgen_ty_1 { i: i as i32 },
        },
    };
    let mut list = Vec::new();
    if flags & 2 != 0 {
        list.push(integer(
            VASurfaceAttribPixelFormat,
            if flags & 4 != 0 {
                VA_FOURCC_P010
            } else {
                VA_FOURCC_NV12
            },
        ));
    }
    if flags & 8 != 0 {
        let kind = if flags & 16 != 0 {
            VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2
        } else {
            VA_SURFACE_ATTRIB_MEM_TYPE_VA
        };
        list.push(integer(VASurfaceAttribMemoryType, kind));
    }
    if flags & 32 != 0 {
        list.push(integer(VASurfaceAttribUsageHint, u32::from(flags)));
    }
    if flags & 64 != 0 {
        let p = if flags & 128 != 0 {
            descriptor
        } else {
            null_mut()
        };
        list.push(VASurfaceAttrib {
            type_: VASurfaceAttribExternalBufferDescriptor,
            flags: VA_SURFACE_ATTRIB_SETTABLE,
            value: VAGenericValue {
                type_: VAGenericValueTypePointer,
                value: _VAGenericValue__bindgen_ty_1 { p },
            },
        });
    }
    if flags & 512 != 0 {
        list.push(integer(u32::from(flags >> 10), u32::from(flags)));
    }
    list
}
