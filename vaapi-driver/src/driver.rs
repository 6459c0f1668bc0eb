// SPDX-License-Identifier: BSD-2-Clause
//! The driver of one display: VA calls in safe Rust.

use crate::backend::{Backend, Outcome};
use crate::buffer::Buffer;
use crate::config::{self, Config};
use crate::context::{Context, Means, TranslatorOf};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::handle::{Kind, Table};
use crate::image::Image;
use crate::pixels::{Pixels, Pool, Rect, format_of};
use crate::stats::Counters;
use crate::stream::Retired;
use crate::surface::Surface;
use engine::pack::Format;
use std::sync::Arc;
use std::time::{Duration, Instant};
use va_sys::*;

/// How long `vaTerminate` lets pictures on their way come out.
const FAREWELL: Duration = Duration::from_secs(2);

/// Everything that belongs to one `VADisplay`. Calls may come from any thread; none holds a lock of the whole driver while
/// it translates, decodes or waits.
pub struct Driver {
    environment: Environment,
    backend: Box<dyn Backend>,
    translator: TranslatorOf,
    configs: Table<Config>,
    contexts: Table<Context>,
    surfaces: Table<Surface>,
    buffers: Table<Buffer>,
    images: Table<Image>,
    retired: Retired,
    /// Of images.
    pool: Arc<Pool>,
}

/// What a client asks of new surfaces.
#[derive(Clone, Copy, Debug, Default)]
pub struct SurfaceRequest {
    /// `VA_RT_FORMAT_*`
    pub rt_format: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `VASurfaceAttribPixelFormat`, which counts more than the render target format.
    pub fourcc: Option<u32>,
    /// `VASurfaceAttribMemoryType`
    pub memory_type: Option<u32>,
}

/// What is known of a surface's last decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SurfaceState {
    /// On its way.
    Rendering,
    /// Done, or failed, or never decoded to.
    Ready,
}

impl Driver {
    /// A driver that translates with `translator` and decodes with `backend`.
    pub fn new(
        environment: Environment,
        backend: Box<dyn Backend>,
        translator: TranslatorOf,
    ) -> Self {
        Self {
            environment,
            backend,
            translator,
            configs: Table::new(Kind::Config),
            contexts: Table::new(Kind::Context),
            surfaces: Table::new(Kind::Surface),
            buffers: Table::new(Kind::Buffer),
            images: Table::new(Kind::Image),
            retired: Retired::default(),
            pool: Arc::default(),
        }
    }

    /// `vaCreateConfig`
    ///
    /// # Errors
    /// See [`Config::new`].
    pub fn create_config(
        &self,
        profile: VAProfile,
        entry: VAEntrypoint,
        asked: &[VAConfigAttrib],
    ) -> Result<u32> {
        self.configs
            .insert(Arc::new(Config::new(profile, entry, asked)?))
    }

    /// The config with this ID.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`]
    pub fn config(&self, id: VAConfigID) -> Result<Arc<Config>> {
        self.configs.get(id).ok_or(Error::InvalidConfig)
    }

    /// `vaDestroyConfig`
    ///
    /// # Errors
    /// [`Error::InvalidConfig`]
    pub fn destroy_config(&self, id: VAConfigID) -> Result<()> {
        self.configs
            .remove(id)
            .map(drop)
            .ok_or(Error::InvalidConfig)
    }

    /// `vaCreateSurfaces`: all or none.
    ///
    /// # Errors
    /// [`Error::UnsupportedRtFormat`], [`Error::InvalidValue`] for a pixel format that is not offered,
    /// [`Error::UnsupportedMemoryType`], [`Error::Resolution`]
    pub fn create_surfaces(
        &self,
        request: &SurfaceRequest,
        count: usize,
    ) -> Result<Vec<VASurfaceID>> {
        if let Some(memory_type) = request
            .memory_type
            .filter(|&kind| kind != VA_SURFACE_ATTRIB_MEM_TYPE_VA)
        {
            return Err(Error::UnsupportedMemoryType(memory_type));
        }
        let format = match request.fourcc {
            Some(value) => format_of(value).ok_or(Error::InvalidValue {
                kind: VASurfaceAttribPixelFormat,
                value,
            })?,
            // Monochrome pictures get neutral chroma, as there is no other surface for them.
            None if request.rt_format & (VA_RT_FORMAT_YUV420 | VA_RT_FORMAT_YUV400) != 0 => {
                Format::Nv12
            }
            None if request.rt_format & VA_RT_FORMAT_YUV420_10 != 0 => Format::P010,
            None => return Err(Error::UnsupportedRtFormat(request.rt_format)),
        };
        let mut ids = Vec::new();
        for _ in 0..count {
            let id = Surface::new(format, request.width, request.height)
                .and_then(|surface| self.surfaces.insert(Arc::new(surface)));
            match id {
                Ok(id) => ids.push(id),
                Err(error) => {
                    for id in ids {
                        self.surfaces.remove(id);
                    }
                    return Err(error);
                }
            }
        }
        Ok(ids)
    }

    /// The surface with this ID.
    ///
    /// # Errors
    /// [`Error::InvalidSurface`]
    pub fn surface(&self, id: VASurfaceID) -> Result<Arc<Surface>> {
        self.surfaces.get(id).ok_or(Error::InvalidSurface)
    }

    /// `vaDestroySurfaces`: all that exist; a decode that is on its way into one ends in memory that nobody sees.
    ///
    /// # Errors
    /// [`Error::InvalidSurface`] if one does not exist.
    pub fn destroy_surfaces(&self, ids: &[VASurfaceID]) -> Result<()> {
        let mut missing = false;
        for &id in ids {
            match self.surfaces.remove(id) {
                // A stream may hold the picture back.
                Some(surface) => drop(surface.poll()),
                None => missing = true,
            }
        }
        self.retired.prune();
        if missing {
            Err(Error::InvalidSurface)
        } else {
            Ok(())
        }
    }

    /// `vaCreateContext`; render targets are checked, and not needed.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`], [`Error::Resolution`], [`Error::InvalidSurface`]
    pub fn create_context(
        &self,
        config: VAConfigID,
        size: (i32, i32),
        targets: &[VASurfaceID],
    ) -> Result<VAContextID> {
        let config = self.config(config)?;
        self.retired.prune();
        let counters = Counters::new(
            config.profile.name,
            self.backend.name(),
            self.environment.stats.clone(),
        );
        let context = Context::new(&config, size.0, size.1, counters)?;
        for &target in targets {
            self.surface(target)?;
        }
        let id = self.contexts.insert(Arc::new(context))?;
        tracing::debug!(
            id,
            profile = config.profile.name,
            width = size.0,
            height = size.1,
            "context created"
        );
        Ok(id)
    }

    /// The context with this ID.
    ///
    /// # Errors
    /// [`Error::InvalidContext`]
    pub fn context(&self, id: VAContextID) -> Result<Arc<Context>> {
        self.contexts.get(id).ok_or(Error::InvalidContext)
    }

    /// `vaDestroyContext`: its pictures on their way still come out.
    ///
    /// # Errors
    /// [`Error::InvalidContext`]
    pub fn destroy_context(&self, id: VAContextID) -> Result<()> {
        let context = self.contexts.remove(id).ok_or(Error::InvalidContext)?;
        if let Some(stream) = context.end() {
            self.retired.add(stream);
        }
        Ok(())
    }

    /// `vaCreateBuffer`
    ///
    /// # Errors
    /// [`Error::InvalidContext`]; see [`Buffer::new`].
    pub fn create_buffer(
        &self,
        context: VAContextID,
        kind: VABufferType,
        (element_size, elements): (u32, u32),
        data: Option<&[u8]>,
    ) -> Result<VABufferID> {
        self.context(context)?;
        self.buffers
            .insert(Arc::new(Buffer::new(kind, element_size, elements, data)?))
    }

    /// The buffer with this ID.
    ///
    /// # Errors
    /// [`Error::InvalidBuffer`]
    pub fn buffer(&self, id: VABufferID) -> Result<Arc<Buffer>> {
        self.buffers.get(id).ok_or(Error::InvalidBuffer)
    }

    /// `vaDestroyBuffer`
    ///
    /// # Errors
    /// [`Error::InvalidBuffer`]
    pub fn destroy_buffer(&self, id: VABufferID) -> Result<()> {
        self.buffers
            .remove(id)
            .map(drop)
            .ok_or(Error::InvalidBuffer)
    }

    /// `vaBeginPicture`
    ///
    /// # Errors
    /// [`Error::InvalidContext`], [`Error::InvalidSurface`]
    pub fn begin_picture(&self, context: VAContextID, target: VASurfaceID) -> Result<()> {
        self.context(context)?
            .begin_picture(target, self.surface(target)?)
    }

    /// `vaRenderPicture`
    ///
    /// # Errors
    /// [`Error::InvalidContext`], [`Error::InvalidBuffer`]; see [`Context::render_picture`].
    pub fn render_picture(&self, context: VAContextID, buffers: &[VABufferID]) -> Result<()> {
        let context = self.context(context)?;
        let rendered: Result<Vec<_>> = buffers
            .iter()
            .map(|&id| self.buffer(id)?.render())
            .collect();
        context.render_picture(rendered?)
    }

    /// `vaEndPicture`
    ///
    /// # Errors
    /// [`Error::InvalidContext`]; see [`Context::end_picture`].
    pub fn end_picture(&self, context: VAContextID) -> Result<()> {
        self.context(context)?.end_picture(&Means {
            backend: self.backend.as_ref(),
            surfaces: &self.surfaces,
            record: self.environment.record.as_ref(),
            translator: self.translator,
        })
    }

    /// `vaSyncSurface` and `vaSyncSurface2`. What a damaged stream does to a picture is no error here: players take one as
    /// the end of hardware decoding (FFmpeg's filters even of the program), where a concealed picture is all they want;
    /// [`Surface::errors`] tells those who ask. An error says that the decoder itself has failed.
    ///
    /// # Errors
    /// [`Error::InvalidSurface`], [`Error::TimedOut`], [`Error::Decoding`]
    pub fn sync_surface(&self, id: VASurfaceID, timeout: Option<Duration>) -> Result<()> {
        finished(self.surface(id)?.wait(timeout)?)
    }

    /// `vaSyncBuffer`: the surface behind a derived image; any other buffer is never busy.
    ///
    /// # Errors
    /// [`Error::InvalidBuffer`]; as [`Driver::sync_surface`].
    pub fn sync_buffer(&self, id: VABufferID, timeout: Option<Duration>) -> Result<()> {
        match self.buffer(id)?.surface() {
            Some(surface) => finished(surface.wait(timeout)?),
            None => Ok(()),
        }
    }

    /// `vaQuerySurfaceStatus`
    ///
    /// # Errors
    /// [`Error::InvalidSurface`]
    pub fn surface_state(&self, id: VASurfaceID) -> Result<SurfaceState> {
        let outcome = self.surface(id)?.poll();
        Ok(outcome.map_or(SurfaceState::Rendering, |_| SurfaceState::Ready))
    }

    /// `vaCreateImage`
    ///
    /// # Errors
    /// See [`Image::allocate`].
    pub fn create_image(&self, format: &VAImageFormat, width: i32, height: i32) -> Result<VAImage> {
        self.add_image(Image::allocate(format, width, height, &self.pool)?, None)
    }

    /// `vaDeriveImage`: the surface's own pixels, without a copy.
    ///
    /// # Errors
    /// [`Error::InvalidSurface`], [`Error::Allocation`]
    pub fn derive_image(&self, surface: VASurfaceID) -> Result<VAImage> {
        let surface = self.surface(surface)?;
        self.add_image(surface.pixels()?, Some(surface))
    }

    fn add_image(&self, pixels: Arc<Pixels>, surface: Option<Arc<Surface>>) -> Result<VAImage> {
        let layout = *pixels.layout();
        let buffer = self
            .buffers
            .insert(Arc::new(Buffer::image(Arc::clone(&pixels), surface)))?;
        let id = self
            .images
            .insert(Arc::new(Image { buffer, pixels }))
            .inspect_err(|_| {
                self.buffers.remove(buffer);
            })?;
        Image::describe(&layout, id, buffer)
    }

    /// The image with this ID.
    ///
    /// # Errors
    /// [`Error::InvalidImage`]
    pub fn image(&self, id: VAImageID) -> Result<Arc<Image>> {
        self.images.get(id).ok_or(Error::InvalidImage)
    }

    /// `vaDestroyImage`, with its buffer, unless the client has destroyed that itself.
    ///
    /// # Errors
    /// [`Error::InvalidImage`]
    pub fn destroy_image(&self, id: VAImageID) -> Result<()> {
        let image = self.images.remove(id).ok_or(Error::InvalidImage)?;
        self.buffers.remove(image.buffer);
        Ok(())
    }

    /// `vaGetImage`: waits for the surface, copies the rectangle to the image's top left corner.
    ///
    /// # Errors
    /// [`Error::InvalidSurface`], [`Error::InvalidImage`]; see [`Surface::read`].
    pub fn get_image(&self, surface: VASurfaceID, rect: Rect, image: VAImageID) -> Result<()> {
        let (surface, image) = (self.surface(surface)?, self.image(image)?);
        surface.wait(None)?;
        surface.read(rect, &image.pixels)
    }

    /// `vaPutImage`: waits for the surface, copies a rectangle of the image to `(x, y)` of it.
    ///
    /// # Errors
    /// [`Error::InvalidSurface`], [`Error::InvalidImage`]; see [`Pixels::copy_to`].
    pub fn put_image(
        &self,
        surface: VASurfaceID,
        image: VAImageID,
        rect: Rect,
        (x, y): (u32, u32),
    ) -> Result<()> {
        let (surface, image) = (self.surface(surface)?, self.image(image)?);
        surface.wait(None)?;
        surface.write(rect, &image.pixels, (x, y))
    }

    /// Profile `id` has these entrypoints.
    ///
    /// # Errors
    /// [`Error::UnsupportedProfile`]
    pub fn entrypoints(&self, id: VAProfile) -> Result<[VAEntrypoint; 1]> {
        config::find(id).map(|_| [VAEntrypointVLD])
    }
}

fn finished(outcome: Outcome) -> Result<()> {
    match outcome {
        Outcome::Decoded | Outcome::Damaged(_) => Ok(()),
        Outcome::Failed(reason) => Err(Error::Decoding(reason)),
    }
}

impl Drop for Driver {
    /// `vaTerminate`: what is on its way comes out, if it does so soon; then everything ends.
    fn drop(&mut self) {
        let running = self
            .contexts
            .drain()
            .into_iter()
            .filter_map(|context| context.end());
        let streams: Vec<_> = running.chain(self.retired.take()).collect();
        for stream in &streams {
            stream.finish();
        }
        let deadline = Instant::now() + FAREWELL;
        for stream in &streams {
            stream.abandon(deadline);
        }
    }
}
