// SPDX-License-Identifier: BSD-2-Clause
//! Carries out a sequence of VA calls as a C client could make it, and checks what must hold whatever the order: an ID
//! that was never given out or is destroyed is refused, no two live objects share an ID, no call is endless.
#![allow(unsafe_code)]

use crate::{
    driver::Driver,
    ids::Ids,
    op::{Code, Op},
};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use v4l2_common::picture::Codec;
use va_sys::*;

/// `VA_STATUS_SUCCESS` in the type of a status.
pub const SUCCESS: VAStatus = VA_STATUS_SUCCESS as VAStatus;

/// Bytes of surfaces and images that one machine keeps alive at most.
const BUDGET: u64 = 384 << 20;

/// Longest time of one call; the driver states that every wait is bounded.
const LONGEST_CALL: Duration = Duration::from_secs(60);

/// Calls an entry of the vtable; an entry that the driver leaves empty is `VA_STATUS_ERROR_UNIMPLEMENTED`, as in libva.
macro_rules! call {
    ($machine:expr, $name:ident $(, $arg:expr)* $(,)?) => {
        match $machine.driver.table().$name {
            // SAFETY: the context is live; each pointer among the arguments is null or points to as much memory as the
            // VA-API header asks a client for.
            Some(entry) => unsafe { entry($machine.driver.context() $(, $arg)*) },
            None => va_sys::VA_STATUS_ERROR_UNIMPLEMENTED as va_sys::VAStatus,
        }
    };
}
pub(crate) use call;

/// One client of a driver: its objects. Several may work on one driver at the same time.
pub struct Machine<'d> {
    pub(crate) driver: &'d Driver,
    pub(crate) configs: Ids,
    pub(crate) surfaces: Ids,
    pub(crate) contexts: Ids,
    pub(crate) buffers: Ids,
    pub(crate) images: Ids,
    pub(crate) profiles: HashMap<VAConfigID, VAProfile>,
    pub(crate) codecs: HashMap<VAContextID, Codec>,
    pub(crate) costs: HashMap<u32, u64>,
}

impl<'d> Machine<'d> {
    /// A client without objects.
    pub fn new(driver: &'d Driver) -> Self {
        Self {
            driver,
            configs: Ids::default(),
            surfaces: Ids::default(),
            contexts: Ids::default(),
            buffers: Ids::default(),
            images: Ids::default(),
            profiles: HashMap::new(),
            codecs: HashMap::new(),
            costs: HashMap::new(),
        }
    }

    /// Makes the call or calls of one step; the status is that of the last call that tells of success.
    pub fn step(&mut self, op: &Op) -> VAStatus {
        let started = Instant::now();
        let status = self.dispatch(op);
        let took = started.elapsed();
        assert!(took < LONGEST_CALL, "{:?} took {took:?}", op.code);
        status
    }

    fn dispatch(&mut self, op: &Op) -> VAStatus {
        match op.code {
            Code::Picture => self.picture(op),
            Code::CreateConfig => self.create_config(op),
            Code::DestroyConfig => self.destroy_config(op),
            Code::CreateSurfaces => self.create_surfaces(op),
            Code::DestroySurfaces => self.destroy_surfaces(op),
            Code::CreateContext => self.create_context(op),
            Code::DestroyContext => self.destroy_context(op),
            Code::CreateBuffer => self.create_buffer(op),
            Code::MapBuffer => self.map_buffer(op),
            Code::UnmapBuffer => self.on_buffer(op, |m, id| call!(m, vaUnmapBuffer, id)),
            Code::SetNumElements => self.on_buffer(op, |m, id| {
                call!(m, vaBufferSetNumElements, id, u32::from(op.args[1]))
            }),
            Code::DestroyBuffer => self.destroy_buffer(op),
            Code::BeginPicture => self.begin_picture(op),
            Code::RenderPicture => self.render_picture(op),
            Code::EndPicture => self.end_picture(op),
            Code::SyncSurface => self.on_surface(op, |m, id| call!(m, vaSyncSurface, id)),
            Code::SyncSurface2 => self.on_surface(op, |m, id| {
                call!(m, vaSyncSurface2, id, u64::from(op.args[1]) * 1000)
            }),
            Code::QueryStatus => self.query_status(op),
            Code::QueryError => self.query_error(op),
            Code::CreateImage => self.create_image(op),
            Code::DeriveImage => self.derive_image(op),
            Code::DestroyImage => self.destroy_image(op),
            Code::GetImage => self.get_image(op),
            Code::PutImage => self.put_image(op),
            Code::Export => self.export(op),
            Code::BufferInfo => self.buffer_info(op),
            Code::BufferHandle => self.buffer_handle(op),
            Code::QuerySurfaceAttributes => self.query_surface_attributes(op),
            Code::Query => self.query(op),
            Code::Other => self.other(op),
            Code::Copy => self.copy(op),
            Code::SyncBuffer => self.on_buffer(op, |m, id| {
                call!(m, vaSyncBuffer, id, u64::from(op.args[1]) * 1000)
            }),
        }
    }

    pub(crate) fn on_surface(
        &mut self,
        op: &Op,
        f: impl FnOnce(&Self, VASurfaceID) -> VAStatus,
    ) -> VAStatus {
        let id = self.surfaces.pick(op.args[0]);
        let status = f(self, id);
        refused(status, self.surfaces.live(id), op);
        status
    }

    pub(crate) fn on_buffer(
        &mut self,
        op: &Op,
        f: impl FnOnce(&Self, VABufferID) -> VAStatus,
    ) -> VAStatus {
        let id = self.buffers.pick(op.args[0]);
        let status = f(self, id);
        refused(status, self.buffers.live(id), op);
        status
    }

    /// Whether objects of `cost` bytes may be added.
    pub(crate) fn affordable(&self, cost: u64) -> bool {
        self.costs.values().sum::<u64>().saturating_add(cost) <= BUDGET
    }

    /// Makes another client's surface known to this one; gives its place.
    pub fn adopt_surface(&mut self, id: VASurfaceID) -> u16 {
        self.surfaces.adopt(id)
    }

    /// A surface of this client by its place.
    pub fn surface(&self, place: u16) -> VASurfaceID {
        self.surfaces.pick(place)
    }
}

/// A call on an object that does not exist must not succeed.
pub(crate) fn refused(status: VAStatus, live: bool, op: &Op) {
    assert!(
        live || status != SUCCESS,
        "{:?} succeeds on an object that does not exist",
        op.code
    );
}

/// The pointer to an out parameter, or null if the op says so.
pub(crate) fn out<T>(op: &Op, bit: u32, value: &mut T) -> *mut T {
    if op.nulls >> bit & 1 == 1 {
        std::ptr::null_mut()
    } else {
        value
    }
}

/// The pointer to an array, or null if the op says so.
pub(crate) fn array<T>(op: &Op, bit: u32, values: &mut [T]) -> *mut T {
    if op.nulls >> bit & 1 == 1 {
        std::ptr::null_mut()
    } else {
        values.as_mut_ptr()
    }
}

/// A width or height: mostly small, by bit 15 anything up to 65534.
pub(crate) fn size(arg: u16) -> u32 {
    if arg >> 15 == 1 {
        u32::from(arg & 0x7fff) * 2
    } else {
        u32::from(arg % 700)
    }
}

/// The argument that [`size`] reads as `size`, or as the next even one below.
pub fn size_argument(size: u32) -> u16 {
    if size < 700 {
        size as u16
    } else {
        0x8000 | (size.min(65534) / 2) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_back() {
        for wanted in [0, 1, 64, 699, 700, 1920, 8192, 65534] {
            assert_eq!(size(size_argument(wanted)), wanted);
        }
    }
}
