// SPDX-License-Identifier: BSD-2-Clause
//! Calls that decode a picture, ask about it, and read or write its pixels.
#![allow(unsafe_code)]

use crate::{
    machine::{Machine, SUCCESS, array, call, out, refused, size},
    op::Op,
    surfaces,
};
use std::ptr::null_mut;
use va_sys::*;

/// Images of one client at most.
const MOST: usize = 12;

impl Machine<'_> {
    /// A whole picture from its buffers. The surface IDs in them are places in the table of surfaces, `u32::MAX` (none),
    /// or, with the top bit set, taken as they are.
    pub(crate) fn picture(&mut self, op: &Op) -> VAStatus {
        let context = self.contexts.pick(op.args[0]);
        let target = self.surfaces.pick(op.args[1]);
        let mut ids = Vec::new();
        for record in op.buffers.iter().take(64) {
            let (kind, element, elements) = record.shape();
            let mut data = record.data.clone();
            if let Some(&codec) = self.codecs.get(&context) {
                surfaces::remap(codec, kind, element, &mut data, |id| match id {
                    0x8000_0000.. => id,
                    _ => self.surfaces.pick(id as u16),
                });
            }
            let mut id = 0;
            let (element, elements) = (element as u32, elements as u32);
            let status = call!(
                self,
                vaCreateBuffer,
                context,
                kind,
                element,
                elements,
                data.as_mut_ptr().cast(),
                &raw mut id
            );
            if status == SUCCESS {
                self.buffers.add(id);
                ids.push(id);
            }
        }
        let began = call!(self, vaBeginPicture, context, target);
        refused(
            began,
            self.contexts.live(context) && self.surfaces.live(target),
            op,
        );
        if op.args[2] & 1 == 1 {
            for id in &mut ids {
                call!(self, vaRenderPicture, context, &raw mut *id, 1);
            }
        } else {
            call!(
                self,
                vaRenderPicture,
                context,
                ids.as_mut_ptr(),
                ids.len() as i32
            );
        }
        let early = op.args[2] & 2 == 2;
        if early {
            self.forget(&ids);
        }
        let status = call!(self, vaEndPicture, context);
        refused(status, self.contexts.live(context), op);
        if !early {
            self.forget(&ids);
        }
        status
    }

    fn forget(&mut self, ids: &[VABufferID]) {
        for &id in ids {
            let status = call!(self, vaDestroyBuffer, id);
            assert_eq!(status, SUCCESS, "a live buffer is not destroyed");
            self.buffers.remove(id);
        }
    }

    pub(crate) fn begin_picture(&mut self, op: &Op) -> VAStatus {
        let (context, target) = (
            self.contexts.pick(op.args[0]),
            self.surfaces.pick(op.args[1]),
        );
        let status = call!(self, vaBeginPicture, context, target);
        refused(
            status,
            self.contexts.live(context) && self.surfaces.live(target),
            op,
        );
        status
    }

    pub(crate) fn render_picture(&mut self, op: &Op) -> VAStatus {
        let context = self.contexts.pick(op.args[0]);
        let mut ids = self.buffers.several(op.args[1], op.args[2] % 40);
        let n = ids.len() as i32;
        let status = call!(self, vaRenderPicture, context, array(op, 0, &mut ids), n);
        refused(
            status,
            self.contexts.live(context) && ids.iter().all(|&id| self.buffers.live(id)),
            op,
        );
        status
    }

    pub(crate) fn end_picture(&mut self, op: &Op) -> VAStatus {
        let context = self.contexts.pick(op.args[0]);
        let status = call!(self, vaEndPicture, context);
        refused(status, self.contexts.live(context), op);
        status
    }

    pub(crate) fn query_status(&mut self, op: &Op) -> VAStatus {
        let mut state = 0;
        let pointer = out(op, 0, &mut state);
        self.on_surface(op, |m, id| call!(m, vaQuerySurfaceStatus, id, pointer))
    }

    pub(crate) fn query_error(&mut self, op: &Op) -> VAStatus {
        let mut info = null_mut();
        let pointer = out(op, 0, &mut info);
        let error = if op.args[1] == 0 {
            VA_STATUS_ERROR_DECODING_ERROR as VAStatus
        } else {
            VAStatus::from(op.args[1])
        };
        let status = self.on_surface(op, |m, id| {
            call!(m, vaQuerySurfaceError, id, error, pointer)
        });
        if status == SUCCESS && !info.is_null() {
            // SAFETY: on success the driver points to a list of `VASurfaceDecodeMBErrors` that ends with status -1.
            unsafe {
                let mut entry = info.cast::<VASurfaceDecodeMBErrors>();
                while (*entry).status != -1 {
                    entry = entry.add(1);
                }
            }
        }
        status
    }

    pub(crate) fn create_image(&mut self, op: &Op) -> VAStatus {
        let [_, _, _, most, _, _] = self.driver.limits();
        let mut formats = vec![VAImageFormat::default(); most];
        let mut n = 0;
        call!(self, vaQueryImageFormats, formats.as_mut_ptr(), &raw mut n);
        let place = usize::from(op.args[0]);
        let mut format = formats
            .get(place % (most + 1))
            .copied()
            .unwrap_or(VAImageFormat {
                fourcc: u32::from(op.args[5]),
                ..VAImageFormat::default()
            });
        let (width, height) = (size(op.args[1]), size(op.args[2]));
        let cost = u64::from(width) * u64::from(height) * 4;
        if !self.affordable(cost) || self.images.count() >= MOST {
            return VA_STATUS_ERROR_ALLOCATION_FAILED as VAStatus;
        }
        let sign = if op.args[3] & 1 == 1 { -1 } else { 1 };
        let mut image = VAImage::default();
        let pointers = (out(op, 0, &mut format), out(op, 1, &mut image));
        let status = call!(
            self,
            vaCreateImage,
            pointers.0,
            width as i32 * sign,
            height as i32,
            pointers.1
        );
        self.keep(op, status, &image, cost);
        status
    }

    pub(crate) fn derive_image(&mut self, op: &Op) -> VAStatus {
        if self.images.count() >= MOST {
            return VA_STATUS_ERROR_ALLOCATION_FAILED as VAStatus;
        }
        let mut image = VAImage::default();
        let pointer = out(op, 1, &mut image);
        let status = self.on_surface(op, |m, id| call!(m, vaDeriveImage, id, pointer));
        self.keep(op, status, &image, 0);
        status
    }

    fn keep(&mut self, op: &Op, status: VAStatus, image: &VAImage, cost: u64) {
        if status == SUCCESS && op.nulls & 2 == 0 {
            self.images.add(image.image_id);
            self.buffers.add(image.buf);
            self.costs.insert(image.image_id, cost);
        }
    }

    pub(crate) fn destroy_image(&mut self, op: &Op) -> VAStatus {
        let id = self.images.pick(op.args[0]);
        let status = call!(self, vaDestroyImage, id);
        refused(status, self.images.live(id), op);
        if status == SUCCESS {
            self.images.remove(id);
            self.costs.remove(&id);
        }
        status
    }

    pub(crate) fn get_image(&mut self, op: &Op) -> VAStatus {
        let image = self.images.pick(op.args[1]);
        let [_, _, x, y, width, height] = op.args;
        let status = self.on_surface(op, |m, id| {
            call!(
                m,
                vaGetImage,
                id,
                signed(x),
                signed(y),
                u32::from(width),
                u32::from(height),
                image
            )
        });
        refused(status, self.images.live(image), op);
        status
    }

    pub(crate) fn put_image(&mut self, op: &Op) -> VAStatus {
        let image = self.images.pick(op.args[1]);
        let [_, _, x, y, source, target] = op.args;
        let (sw, sh) = (u32::from(source & 0xff), u32::from(source >> 8));
        let (dw, dh) = if target == 0 {
            (sw, sh)
        } else {
            (u32::from(target & 0xff), u32::from(target >> 8))
        };
        let status = self.on_surface(op, |m, id| {
            call!(
                m,
                vaPutImage,
                id,
                image,
                signed(x),
                signed(y),
                sw,
                sh,
                signed(y),
                signed(x),
                dw,
                dh
            )
        });
        refused(status, self.images.live(image), op);
        status
    }
}

/// A coordinate: small ones as they are, from 0x8000 on negative.
fn signed(arg: u16) -> i32 {
    if arg == 0x7fff {
        i32::MAX
    } else {
        i32::from(arg as i16)
    }
}
