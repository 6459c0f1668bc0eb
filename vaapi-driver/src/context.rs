// SPDX-License-Identifier: BSD-2-Clause
//! A context: collects the buffers of a picture and hands them to its stream.

use crate::backend::{Backend, Outcome};
use crate::codec::{self, RenderedBuffer, Translator};
use crate::config::{Config, MAX_PICTURE, Profile};
use crate::error::{Error, Result};
use crate::handle::Table;
use crate::lock::lock;
use crate::stats::Counters;
use crate::stream::{Collected, Stream};
use crate::surface::Surface;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use v4l2_common::picture::Codec;
use va_sys::VASurfaceID;

/// Most bytes of one picture's buffers together.
const MAX_PICTURE_BYTES: usize = 512 << 20;

/// A client's context.
pub struct Context {
    profile: &'static Profile,
    counters: Arc<Counters>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stream: Option<Arc<Stream>>,
    open: Option<Open>,
    /// Destroyed by the client while another thread still held it.
    ended: bool,
}

/// A picture between `vaBeginPicture` and `vaEndPicture`.
struct Open {
    target_id: VASurfaceID,
    target: Arc<Surface>,
    buffers: Vec<RenderedBuffer>,
    bytes: usize,
}

/// What a context needs to start a stream.
pub struct Means<'a> {
    /// What decodes.
    pub backend: &'a dyn Backend,
    /// The client's surfaces.
    pub surfaces: &'a Table<Surface>,
    /// Where traces go.
    pub record: Option<&'a PathBuf>,
    /// What translates.
    pub translator: TranslatorOf,
}

/// Makes a codec's translator.
pub type TranslatorOf = fn(Codec) -> Box<dyn Translator>;

/// The translators of [`codec`].
pub fn translator(codec: Codec) -> Box<dyn Translator> {
    match codec {
        Codec::H264 => Box::new(codec::h264::H264Translator::new()),
        Codec::Vp9 => Box::new(codec::vp9::Vp9Translator::new()),
        Codec::Av1 => Box::new(codec::av1::Av1Translator::new()),
    }
}

impl Context {
    /// A context for pictures of about `width` x `height`; a stream may change its size later.
    ///
    /// # Errors
    /// [`Error::Resolution`] outside 1x1 to 8192x8192.
    pub fn new(config: &Config, width: i32, height: i32, counters: Counters) -> Result<Self> {
        let limits = 1..=i64::from(MAX_PICTURE);
        if !limits.contains(&width.into()) || !limits.contains(&height.into()) {
            return Err(Error::Resolution(width.into(), height.into()));
        }
        Ok(Self {
            profile: config.profile,
            counters: Arc::new(counters),
            state: Mutex::default(),
        })
    }

    /// `vaBeginPicture`. A picture that was begun and not ended is dropped. This is where a client that is far ahead of
    /// the decoder waits.
    ///
    /// # Errors
    /// [`Error::InvalidContext`] after [`Context::end`].
    pub fn begin_picture(&self, target_id: VASurfaceID, target: Arc<Surface>) -> Result<()> {
        let stream = lock(&self.state).stream.clone();
        if let Some(stream) = stream {
            stream.make_room();
        }
        let mut state = lock(&self.state);
        if state.ended {
            return Err(Error::InvalidContext);
        }
        let abandoned = state.open.replace(Open {
            target_id,
            target,
            buffers: Vec::new(),
            bytes: 0,
        });
        if abandoned.is_some() {
            tracing::debug!("a picture was begun while another was not ended");
        }
        Ok(())
    }

    /// `vaRenderPicture`, with copies of the buffers.
    ///
    /// # Errors
    /// [`Error::Operation`] outside a picture, [`Error::Allocation`] if a picture has too much data.
    pub fn render_picture(&self, buffers: Vec<RenderedBuffer>) -> Result<()> {
        let mut state = lock(&self.state);
        let open = state
            .open
            .as_mut()
            .ok_or(Error::Operation("vaRenderPicture outside a picture"))?;
        let bytes = buffers.iter().fold(open.bytes, |sum, buffer| {
            sum.saturating_add(buffer.data.len())
        });
        if bytes > MAX_PICTURE_BYTES {
            return Err(Error::Allocation(bytes));
        }
        open.bytes = bytes;
        open.buffers.extend(buffers);
        Ok(())
    }

    /// `vaEndPicture`: never waits for a decode.
    ///
    /// # Errors
    /// [`Error::Operation`] outside a picture, [`Error::Codec`] and [`Error::Decoding`] if the picture is refused.
    pub fn end_picture(&self, means: &Means<'_>) -> Result<()> {
        let mut state = lock(&self.state);
        let open = state
            .open
            .take()
            .ok_or(Error::Operation("vaEndPicture outside a picture"))?;
        let stream = match &state.stream {
            Some(stream) => Arc::clone(stream),
            None => {
                let stream = self.first_stream(&open, means)?;
                stream.attach();
                state.stream = Some(Arc::clone(&stream));
                stream
            }
        };
        stream.decode(&Collected {
            profile: self.profile,
            target_id: open.target_id,
            target: &open.target,
            buffers: &open.buffers,
            surfaces: means.surfaces,
            counters: &self.counters,
        })
    }

    /// The stream that decoded the newest of the picture's references, or a new one.
    fn first_stream(&self, open: &Open, means: &Means<'_>) -> Result<Arc<Stream>> {
        let codec = self.profile.codec;
        let translator = (means.translator)(codec);
        let references = translator.references(&open.buffers);
        let decodes = references
            .iter()
            .filter_map(|&id| means.surfaces.get(id)?.last_decode());
        let newest = decodes
            .filter(|(stream, _)| stream.codec() == codec)
            .max_by_key(|&(_, timestamp)| timestamp);
        match newest {
            Some((stream, _)) => {
                tracing::debug!(
                    codec = codec.name(),
                    "the context goes on with the stream of an earlier one"
                );
                Ok(stream)
            }
            None => Stream::open(
                codec,
                translator,
                means.backend,
                means.record.map(PathBuf::as_path),
            )
            .inspect_err(|error| {
                tracing::error!("cannot decode {}: {error}", codec.name());
                open.target.refuse(Outcome::Failed(error.to_string()));
            }),
        }
    }

    /// Ends the context: no picture is begun any more. Returns its stream, whose pictures on their way still come out.
    pub fn end(&self) -> Option<Arc<Stream>> {
        let mut state = lock(&self.state);
        state.ended = true;
        state.open = None;
        state.stream.take()
    }
}
