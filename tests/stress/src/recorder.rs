// SPDX-License-Identifier: BSD-2-Clause
//! Records the VA calls of a real client: while a recording is on, entries of the driver's vtable point to functions that
//! note the call and make it.
#![allow(unsafe_code)]

use calls::{
    machine::size_argument,
    objects::{FORMATS, PROFILES},
    op::{BufferRecord, Code, Op},
    surfaces,
};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use va_sys::*;

#[derive(Default)]
struct State {
    original: Option<VADriverVTable>,
    ops: Vec<Op>,
    configs: Vec<(VAConfigID, VAProfile)>,
    contexts: Vec<(VAContextID, VAConfigID)>,
    surfaces: Vec<VASurfaceID>,
    buffers: HashMap<VABufferID, BufferRecord>,
    open: HashMap<VAContextID, Op>,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);

fn state() -> MutexGuard<'static, Option<State>> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The driver behind a display.
///
/// # Safety
/// `display` is initialised.
pub unsafe fn driver_context(display: VADisplay) -> VADriverContextP {
    // SAFETY: libva's displays are `VADisplayContext`s.
    unsafe { (*display.cast::<VADisplayContext>()).pDriverContext }
}

/// Records what `body` does on `display`; one recording at a time in a process.
///
/// # Safety
/// `display` is initialised, and no other thread uses it.
pub unsafe fn record<T>(display: VADisplay, body: impl FnOnce() -> T) -> (T, Vec<Op>) {
    // SAFETY: promised by the caller; the vtable is in writable memory of libva.
    let table = unsafe { &mut *(*driver_context(display)).vtable };
    *state() = Some(State {
        original: Some(*table),
        ..State::default()
    });
    table.vaCreateConfig = Some(create_config);
    table.vaCreateSurfaces2 = Some(create_surfaces);
    table.vaCreateContext = Some(create_context);
    table.vaCreateBuffer = Some(create_buffer);
    table.vaBeginPicture = Some(begin_picture);
    table.vaRenderPicture = Some(render_picture);
    table.vaEndPicture = Some(end_picture);
    let result = body();
    let recorded = state().take().unwrap_or_default();
    if let Some(original) = recorded.original {
        *table = original;
    }
    (result, recorded.ops)
}

/// Notes a call and gives the entry that makes it.
fn note<F>(entry: impl FnOnce(&VADriverVTable) -> Option<F>) -> Option<F> {
    state()
        .as_ref()
        .and_then(|state| state.original.as_ref())
        .and_then(entry)
}

fn place<T>(list: &[T], found: impl Fn(&T) -> bool) -> u16 {
    list.iter().position(found).map_or(u16::MAX, |at| at as u16)
}

const UNIMPLEMENTED: VAStatus = VA_STATUS_ERROR_UNIMPLEMENTED as VAStatus;
const SUCCESS: VAStatus = VA_STATUS_SUCCESS as VAStatus;

unsafe extern "C" fn create_config(
    ctx: VADriverContextP,
    profile: VAProfile,
    entrypoint: VAEntrypoint,
    list: *mut VAConfigAttrib,
    n: i32,
    id: *mut VAConfigID,
) -> VAStatus {
    let Some(entry) = note(|table| table.vaCreateConfig) else {
        return UNIMPLEMENTED;
    };
    // SAFETY: the client's own arguments, handed on.
    let status = unsafe { entry(ctx, profile, entrypoint, list, n, id) };
    if let (SUCCESS, Some(state)) = (status, state().as_mut()) {
        // SAFETY: the driver wrote it.
        state.configs.push((unsafe { *id }, profile));
        let number = PROFILES
            .iter()
            .position(|&other| other == profile)
            .unwrap_or(0);
        state
            .ops
            .push(Op::new(Code::CreateConfig, &[number as u16]));
    }
    status
}

unsafe extern "C" fn create_surfaces(
    ctx: VADriverContextP,
    format: u32,
    width: u32,
    height: u32,
    ids: *mut VASurfaceID,
    n: u32,
    list: *mut VASurfaceAttrib,
    attributes: u32,
) -> VAStatus {
    let Some(entry) = note(|table| table.vaCreateSurfaces2) else {
        return UNIMPLEMENTED;
    };
    // SAFETY: the client's own arguments, handed on.
    let status = unsafe { entry(ctx, format, width, height, ids, n, list, attributes) };
    if let (SUCCESS, Some(state)) = (status, state().as_mut()) {
        let number = FORMATS
            .iter()
            .position(|&other| other == format)
            .unwrap_or(0) as u16;
        // As FFmpeg does: memory type VA, and the pixel format that goes with the RT format.
        let flags = 2
            | 8
            | if format == VA_RT_FORMAT_YUV420_10 {
                4
            } else {
                0
            };
        for i in 0..n as usize {
            // SAFETY: the driver wrote `n` IDs.
            state.surfaces.push(unsafe { *ids.add(i) });
            state.ops.push(Op::new(
                Code::CreateSurfaces,
                &[
                    number,
                    size_argument(width),
                    size_argument(height),
                    1,
                    flags,
                ],
            ));
        }
    }
    status
}

unsafe extern "C" fn create_context(
    ctx: VADriverContextP,
    config: VAConfigID,
    width: i32,
    height: i32,
    flag: i32,
    targets: *mut VASurfaceID,
    n: i32,
    id: *mut VAContextID,
) -> VAStatus {
    let Some(entry) = note(|table| table.vaCreateContext) else {
        return UNIMPLEMENTED;
    };
    // SAFETY: the client's own arguments, handed on.
    let status = unsafe { entry(ctx, config, width, height, flag, targets, n, id) };
    if let (SUCCESS, Some(state)) = (status, state().as_mut()) {
        // SAFETY: the driver wrote it.
        state.contexts.push((unsafe { *id }, config));
        let config = place(&state.configs, |(id, _)| *id == config);
        state.ops.push(Op::new(
            Code::CreateContext,
            &[
                config,
                size_argument(width as u32),
                size_argument(height as u32),
                flag as u16,
                0,
                0,
            ],
        ));
    }
    status
}

unsafe extern "C" fn create_buffer(
    ctx: VADriverContextP,
    context: VAContextID,
    kind: VABufferType,
    size: u32,
    elements: u32,
    data: *mut core::ffi::c_void,
    id: *mut VABufferID,
) -> VAStatus {
    let Some(entry) = note(|table| table.vaCreateBuffer) else {
        return UNIMPLEMENTED;
    };
    // SAFETY: the client's own arguments, handed on.
    let status = unsafe { entry(ctx, context, kind, size, elements, data, id) };
    if let (SUCCESS, Some(state), false) = (status, state().as_mut(), data.is_null()) {
        // SAFETY: a client gives `size * elements` bytes; the driver wrote the ID.
        let (bytes, id) = unsafe {
            (
                std::slice::from_raw_parts(data.cast::<u8>(), (size * elements) as usize),
                *id,
            )
        };
        state.buffers.insert(
            id,
            BufferRecord {
                kind: kind as u8,
                elements: elements as u8,
                data: bytes.to_vec(),
            },
        );
    }
    status
}

unsafe extern "C" fn begin_picture(
    ctx: VADriverContextP,
    context: VAContextID,
    target: VASurfaceID,
) -> VAStatus {
    let Some(entry) = note(|table| table.vaBeginPicture) else {
        return UNIMPLEMENTED;
    };
    // SAFETY: the client's own arguments, handed on.
    let status = unsafe { entry(ctx, context, target) };
    if let (SUCCESS, Some(state)) = (status, state().as_mut()) {
        let op = Op::new(
            Code::Picture,
            &[
                place(&state.contexts, |(id, _)| *id == context),
                place(&state.surfaces, |id| *id == target),
                0,
            ],
        );
        state.open.insert(context, op);
    }
    status
}

unsafe extern "C" fn render_picture(
    ctx: VADriverContextP,
    context: VAContextID,
    buffers: *mut VABufferID,
    n: i32,
) -> VAStatus {
    let Some(entry) = note(|table| table.vaRenderPicture) else {
        return UNIMPLEMENTED;
    };
    // SAFETY: the client's own arguments, handed on.
    let status = unsafe { entry(ctx, context, buffers, n) };
    if let (SUCCESS, Some(state)) = (status, state().as_mut()) {
        let config = state
            .contexts
            .iter()
            .find(|(id, _)| *id == context)
            .map(|(_, config)| *config);
        let profile = state
            .configs
            .iter()
            .find(|(id, _)| Some(*id) == config)
            .map_or(VAProfileNone, |(_, profile)| *profile);
        for i in 0..n as usize {
            // SAFETY: the client's list has `n` IDs.
            let id = unsafe { *buffers.add(i) };
            let (Some(mut record), Some(op)) =
                (state.buffers.remove(&id), state.open.get_mut(&context))
            else {
                continue;
            };
            let (kind, element, _) = record.shape();
            if let Some(codec) = surfaces::codec(profile) {
                surfaces::remap(codec, kind, element, &mut record.data, |id| {
                    match place(&state.surfaces, |other| *other == id) {
                        u16::MAX => u32::MAX,
                        place => u32::from(place),
                    }
                });
            }
            op.buffers.push(record);
        }
    }
    status
}

unsafe extern "C" fn end_picture(ctx: VADriverContextP, context: VAContextID) -> VAStatus {
    let Some(entry) = note(|table| table.vaEndPicture) else {
        return UNIMPLEMENTED;
    };
    // SAFETY: the client's own arguments, handed on.
    let status = unsafe { entry(ctx, context) };
    if let Some(state) = state().as_mut() {
        if let Some(op) = state.open.remove(&context) {
            state.ops.push(op);
        }
    }
    status
}
