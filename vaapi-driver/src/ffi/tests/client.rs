// SPDX-License-Identifier: BSD-2-Clause
//! A small client on the driver's vtable, and a translator with which tests say what they want.

use crate::backend::test_double::{Control, TestDouble, When, picture};
use crate::codec::{CodecError, PictureInput, RenderedBuffer, Submission, Translation, Translator};
use crate::environment::Environment;
use core::ffi::c_void;
use std::sync::Arc;
use v4l2_common::picture::Codec;
use va_sys::*;

/// A display whose driver runs on the test double.
pub struct Client {
    ctx: Box<VADriverContext>,
    _vtable: Box<VADriverVTable>,
    pub control: Arc<Control>,
}

// SAFETY: a VADisplay may be used from any thread.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

/// `client.call(|vtable| vtable.vaSyncSurface, |entry, ctx| entry(ctx, surface))`, shorter.
macro_rules! call {
    ($client:expr, $entry:ident $(, $argument:expr)* $(,)?) => {{
        let entry = $client.vtable().$entry.expect(stringify!($entry));
        #[allow(unused_unsafe)]
        // SAFETY: the context is the client's own, the test passes pointers that are null or valid.
        let status = unsafe { entry($client.ctx() $(, $argument)*) };
        status as u32
    }};
}
pub(super) use call;

impl Client {
    pub fn new(when: When) -> Self {
        Self::with_environment(when, Environment::default())
    }

    pub fn with_environment(when: When, environment: Environment) -> Self {
        let control = Control::new(when);
        let mut vtable = Box::new(VADriverVTable::default());
        let mut ctx = Box::new(VADriverContext {
            vtable: &raw mut *vtable,
            ..Default::default()
        });
        let backend = Box::new(TestDouble(Arc::clone(&control)));
        // SAFETY: the vtable lives as long as the client.
        unsafe { super::super::entry::initialize(&mut ctx, environment, backend, test_translator) }
            .unwrap();
        Self {
            ctx,
            _vtable: vtable,
            control,
        }
    }

    pub fn ctx(&self) -> VADriverContextP {
        (&raw const *self.ctx).cast_mut()
    }

    pub fn context(&self) -> &VADriverContext {
        &self.ctx
    }

    pub fn vtable(&self) -> &VADriverVTable {
        // SAFETY: set by `new`, lives as long as the client.
        unsafe { &*self.ctx.vtable }
    }

    pub fn config(&self, profile: VAProfile) -> VAConfigID {
        let mut id = 0;
        let null = std::ptr::null_mut();
        assert_eq!(
            call!(
                self,
                vaCreateConfig,
                profile,
                VAEntrypointVLD,
                null,
                0,
                &mut id
            ),
            0
        );
        id
    }

    pub fn surfaces(&self, width: u32, height: u32, number: usize) -> Vec<VASurfaceID> {
        let mut ids = vec![0; number];
        let (format, null) = (VA_RT_FORMAT_YUV420, std::ptr::null_mut());
        let n = number as u32;
        let status = call!(
            self,
            vaCreateSurfaces2,
            format,
            width,
            height,
            ids.as_mut_ptr(),
            n,
            null,
            0
        );
        assert_eq!(status, VA_STATUS_SUCCESS);
        ids
    }

    pub fn decoder(&self) -> VAContextID {
        let (config, mut id) = (self.config(VAProfileVP9Profile0), 0);
        let null = std::ptr::null_mut();
        assert_eq!(
            call!(self, vaCreateContext, config, 64, 64, 1, null, 0, &mut id),
            0
        );
        assert_eq!(call!(self, vaDestroyConfig, config), VA_STATUS_SUCCESS);
        id
    }

    pub fn buffer(&self, context: VAContextID, data: &[u8]) -> VABufferID {
        let mut id = 0;
        let data_pointer = data.as_ptr().cast_mut().cast::<c_void>();
        let kind = VASliceDataBufferType;
        let size = data.len() as u32;
        let status = call!(
            self,
            vaCreateBuffer,
            context,
            kind,
            size,
            1,
            data_pointer,
            &mut id
        );
        assert_eq!(status, VA_STATUS_SUCCESS);
        id
    }

    /// One picture; see [`TestTranslator`] for what the bytes mean. Returns the status of `vaEndPicture`.
    pub fn decode(&self, context: VAContextID, target: VASurfaceID, data: &[u8]) -> u32 {
        let mut buffer = self.buffer(context, data);
        assert_eq!(
            call!(self, vaBeginPicture, context, target),
            VA_STATUS_SUCCESS
        );
        assert_eq!(
            call!(self, vaRenderPicture, context, &mut buffer, 1),
            VA_STATUS_SUCCESS
        );
        let status = call!(self, vaEndPicture, context);
        assert_eq!(call!(self, vaDestroyBuffer, buffer), VA_STATUS_SUCCESS);
        status
    }

    pub fn sync(&self, surface: VASurfaceID) -> u32 {
        call!(self, vaSyncSurface, surface)
    }

    pub fn status(&self, surface: VASurfaceID) -> VASurfaceStatus {
        let mut status = 0;
        assert_eq!(
            call!(self, vaQuerySurfaceStatus, surface, &mut status),
            VA_STATUS_SUCCESS
        );
        status
    }

    pub fn derive(&self, surface: VASurfaceID) -> VAImage {
        let mut image = VAImage::default();
        assert_eq!(
            call!(self, vaDeriveImage, surface, &mut image),
            VA_STATUS_SUCCESS
        );
        image
    }

    pub fn map(&self, buffer: VABufferID) -> *mut u8 {
        let mut address = std::ptr::null_mut();
        assert_eq!(
            call!(self, vaMapBuffer, buffer, &mut address),
            VA_STATUS_SUCCESS
        );
        address.cast()
    }

    /// First luma sample of a surface, by way of a derived image.
    pub fn luma(&self, surface: VASurfaceID) -> u8 {
        let image = self.derive(surface);
        // SAFETY: a mapped image has at least one sample.
        let value = unsafe { self.map(image.buf).add(image.offsets[0] as usize).read() };
        assert_eq!(call!(self, vaUnmapBuffer, image.buf), VA_STATUS_SUCCESS);
        assert_eq!(
            call!(self, vaDestroyImage, image.image_id),
            VA_STATUS_SUCCESS
        );
        value
    }

    pub fn terminate(&self) {
        assert_eq!(call!(self, vaTerminate), VA_STATUS_SUCCESS);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.terminate();
    }
}

/// The picture's bytes go to the test double as they are. A third byte says more: `h` holds the picture back, `2` makes it
/// a second field, `e` refuses it, `p` panics. From the fourth byte on come the references, four bytes each; `g` says that
/// the first of them is the display surface.
#[derive(Default)]
pub struct TestTranslator {
    held: Option<Submission>,
}

pub fn test_translator(_: Codec) -> Box<dyn Translator> {
    Box::new(TestTranslator::default())
}

fn ids(data: &[u8]) -> Vec<VASurfaceID> {
    let ids = data.get(3..).unwrap_or_default().chunks_exact(4);
    ids.map(|bytes| u32::from_ne_bytes(bytes.try_into().unwrap()))
        .collect()
}

/// A picture's bytes, see [`TestTranslator`].
pub fn coded(value: u8, marks: [u8; 2], references: &[VASurfaceID]) -> Vec<u8> {
    let mut bytes = vec![value, marks[0], marks[1]];
    for id in references {
        bytes.extend(id.to_ne_bytes());
    }
    bytes
}

impl Translator for TestTranslator {
    fn translate(&mut self, input: &PictureInput<'_>) -> Result<Translation, CodecError> {
        let buffer = input
            .buffers
            .first()
            .ok_or(CodecError::MissingBuffer("slice data"))?;
        let mark = buffer.data.get(2).copied().unwrap_or_default();
        let references = ids(&buffer.data);
        match mark {
            b'e' => return Err(CodecError::Invalid("told to refuse".into())),
            b'p' => panic!("told to panic"),
            b'g' => {}
            _ => {
                for &id in &references {
                    if input.surfaces.timestamp(id).is_none() {
                        return Err(CodecError::Invalid(format!("{id:#x} is no reference")));
                    }
                }
            }
        }
        let picture = picture(input.timestamp, buffer.data.clone());
        let submission = Submission {
            picture,
            output: true,
        };
        let mut submissions: Vec<_> = self.held.take().into_iter().collect();
        match mark {
            b'h' => self.held = Some(submission),
            _ => submissions.push(submission),
        }
        let display = if mark == b'g' {
            references.first().copied()
        } else {
            None
        };
        Ok(Translation {
            submissions,
            display,
        })
    }

    fn release(&mut self) -> Option<Submission> {
        self.held.take()
    }

    fn is_second_field(&self, _target: VASurfaceID, buffers: &[RenderedBuffer]) -> bool {
        buffers
            .first()
            .is_some_and(|buffer| buffer.data.get(2) == Some(&b'2'))
    }

    fn references(&self, buffers: &[RenderedBuffer]) -> Vec<VASurfaceID> {
        buffers
            .first()
            .map(|buffer| ids(&buffer.data))
            .unwrap_or_default()
    }
}
