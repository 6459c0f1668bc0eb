// SPDX-License-Identifier: BSD-2-Clause
//! The FFI to libavcodec: one decoder context, its packets, and the frame buffers it hands out.
//!
//! Frames are taken where libavcodec allocates them (`get_buffer2`), not where it outputs them: output comes in display
//! order, late, and not at all for hidden pictures.
#![allow(unsafe_code)]

mod library;

use super::bands::{Band, Bands};
use super::plane::PlanarFrame;
use crate::error::EngineError;
use libc::{c_int, c_void};
use library as ff;
use std::collections::VecDeque;
use std::ptr::{NonNull, null_mut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use v4l2_common::picture::Codec;

/// Largest frame, in luma samples: 8192x8192.
const MAX_PIXELS: i64 = 8192 * 8192;
/// Added to every log level of our contexts, so that libavcodec's complaints about damaged streams and about no-op
/// packets stay below every level that an application's log may be set to (`AV_LOG_TRACE` is 56).
const LOG_LEVEL_OFFSET: c_int = 64;
/// Outputs and errors that one packet may bring; more would be a fault of libavcodec.
const MAX_OUTPUTS: usize = 64;
/// Buffers kept for pictures that have not been taken; beyond it the oldest goes.
const MAX_CAPTURED: usize = 256;

#[cfg(target_endian = "little")]
const YUV420P10: ff::AVPixelFormat = ff::AVPixelFormat::AV_PIX_FMT_YUV420P10LE;
#[cfg(target_endian = "big")]
const YUV420P10: ff::AVPixelFormat = ff::AVPixelFormat::AV_PIX_FMT_YUV420P10BE;
#[cfg(target_endian = "little")]
const GRAY10: ff::AVPixelFormat = ff::AVPixelFormat::AV_PIX_FMT_GRAY10LE;
#[cfg(target_endian = "big")]
const GRAY10: ff::AVPixelFormat = ff::AVPixelFormat::AV_PIX_FMT_GRAY10BE;

/// What the engine decodes to: format, bits per sample, planes.
const FORMATS: [(ff::AVPixelFormat, u8, usize); 5] = [
    (ff::AVPixelFormat::AV_PIX_FMT_YUV420P, 8, 3),
    (ff::AVPixelFormat::AV_PIX_FMT_YUVJ420P, 8, 3),
    (YUV420P10, 10, 3),
    (ff::AVPixelFormat::AV_PIX_FMT_GRAY8, 8, 1),
    (GRAY10, 10, 1),
];

/// What the callbacks leave for the thread that feeds.
#[derive(Default)]
struct Captured {
    /// The last buffer allocated for each packet, by `pts`.
    frames: Mutex<VecDeque<(i64, Arc<PlanarFrame>)>>,
    bands: Mutex<Bands>,
}

impl Captured {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(i64, Arc<PlanarFrame>)>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, pts: i64, frame: PlanarFrame) {
        let mut captured = self.lock();
        // Several allocations for one packet: frames that fill a frame_num gap come first, the coded picture last.
        captured.retain(|(other, _)| *other != pts);
        if captured.len() >= MAX_CAPTURED {
            captured.pop_front();
        }
        captured.push_back((pts, Arc::new(frame)));
    }

    fn take(&self, pts: i64) -> Option<Arc<PlanarFrame>> {
        let mut captured = self.lock();
        let index = captured.iter().position(|(other, _)| *other == pts)?;
        captured.remove(index).map(|(_, frame)| frame)
    }
}

/// What one packet brought out of the pipeline.
#[derive(Debug, Default)]
pub(super) struct Fed {
    /// The first error code; it belongs to the oldest packet in the pipeline, or to the packet itself if it was refused.
    pub error: Option<c_int>,
    /// `pts` of the frames that were output with decode errors.
    pub damaged: Vec<i64>,
}

/// An open decoder.
pub(super) struct Context {
    ctx: NonNull<ff::AVCodecContext>,
    packet: NonNull<ff::AVPacket>,
    output: NonNull<ff::AVFrame>,
    // `AVCodecContext::opaque` points into this allocation.
    captured: Arc<Captured>,
    depth: usize,
}

// SAFETY: a libavcodec context may be used from any one thread at a time, and `Context` hands out no reference to it.
unsafe impl Send for Context {}

impl Context {
    /// Opens the system's decoder with `threads` frame threads.
    pub fn open(codec: Codec, threads: usize) -> Result<Self, EngineError> {
        ff::load()?;
        let id = match codec {
            Codec::H264 => ff::AVCodecID::AV_CODEC_ID_H264,
            Codec::Vp9 => ff::AVCodecID::AV_CODEC_ID_VP9,
            Codec::Av1 => {
                return Err(EngineError::Unavailable(
                    "AV1 is not decoded by libavcodec".into(),
                ));
            }
        };
        let name = match codec {
            Codec::H264 => c"h264",
            _ => c"vp9",
        };
        let unavailable =
            |what: &str| EngineError::Unavailable(format!("libavcodec {}: {what}", codec.name()));
        // The native decoder by name first: distributions may rank another one (v4l2m2m, openh264, libvpx) before it.
        // SAFETY: plain look-ups; the name is a NUL-terminated constant.
        let decoder = unsafe {
            let native = ff::avcodec_find_decoder_by_name(name.as_ptr());
            if native.is_null() {
                ff::avcodec_find_decoder(id)
            } else {
                native
            }
        };
        if decoder.is_null() {
            return Err(unavailable("has no decoder"));
        }
        // SAFETY: allocation functions without preconditions; null is checked.
        let (ctx, packet, output) = unsafe {
            (
                ff::avcodec_alloc_context3(decoder),
                ff::av_packet_alloc(),
                ff::av_frame_alloc(),
            )
        };
        let (Some(ctx), Some(packet), Some(output)) = (
            NonNull::new(ctx),
            NonNull::new(packet),
            NonNull::new(output),
        ) else {
            let (mut ctx, mut packet, mut output) = (ctx, packet, output);
            // SAFETY: each is null or an object that nobody else knows.
            unsafe {
                ff::avcodec_free_context(&mut ctx);
                ff::av_packet_free(&mut packet);
                ff::av_frame_free(&mut output);
            }
            return Err(unavailable("out of memory"));
        };
        let mut this = Self {
            ctx,
            packet,
            output,
            captured: Arc::default(),
            depth: 1,
        };
        let threads = c_int::try_from(threads.clamp(1, 64)).unwrap_or(1);
        // SAFETY: the context is allocated and not yet open, so its fields may be set. `opaque` outlives the context:
        // `Drop` frees the context, and with it every thread that calls back, before `captured`.
        let opened = unsafe {
            let c = this.ctx.as_mut();
            c.thread_count = threads;
            c.thread_type = ff::FF_THREAD_FRAME;
            c.flags |= ff::AV_CODEC_FLAG_OUTPUT_CORRUPT as c_int;
            c.max_pixels = MAX_PIXELS;
            c.log_level_offset = LOG_LEVEL_OFFSET;
            c.opaque = Arc::as_ptr(&this.captured).cast_mut().cast::<c_void>();
            c.get_buffer2 = Some(get_buffer2);
            c.get_format = Some(get_format);
            if codec == Codec::H264 {
                c.draw_horiz_band = Some(draw_horiz_band);
                c.slice_flags =
                    ff::SLICE_FLAG_CODED_ORDER as c_int | ff::SLICE_FLAG_ALLOW_FIELD as c_int;
            }
            #[cfg(avcodec_thread_safe_callbacks)]
            {
                c.thread_safe_callbacks = 1;
            }
            ff::avcodec_open2(c, decoder, null_mut())
        };
        if opened < 0 {
            return Err(unavailable(&describe(opened)));
        }
        // SAFETY: the context is open; these fields are plain integers that libavcodec set.
        let (active, count) = unsafe {
            (
                this.ctx.as_ref().active_thread_type,
                this.ctx.as_ref().thread_count,
            )
        };
        this.depth = match active & ff::FF_THREAD_FRAME {
            0 => 1,
            _ => usize::try_from(count).unwrap_or(1).max(1),
        };
        Ok(this)
    }

    /// Packets in the pipeline: a packet's frame is final once `depth() - 1` more have been fed (pthread_frame.c: the call
    /// that hands a packet to the last free thread waits for the oldest one).
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Feeds one packet made of `parts`, and takes out everything that is ready. `Err`: the packet never went in.
    pub fn feed(&mut self, parts: &[&[u8]], pts: i64) -> Result<Fed, EngineError> {
        let size = parts.iter().map(|part| part.len()).sum::<usize>();
        let packet = self.packet.as_ptr();
        match c_int::try_from(size) {
            // SAFETY: `packet` is a valid packet without data (unreferenced after each use).
            Ok(size) if size > 0 => match unsafe { ff::av_new_packet(packet, size) } {
                0 => {}
                error => return Err(EngineError::Unavailable(describe(error))),
            },
            _ => return Err(EngineError::Damaged(format!("{size} bytes of coded data"))),
        }
        let mut fed = Fed::default();
        // SAFETY: av_new_packet() gave `size` writable bytes, and the parts fill exactly these. The context is open, and
        // this thread is the only one that uses it.
        let mut code = unsafe {
            let mut to = (*packet).data;
            for part in parts {
                to.copy_from_nonoverlapping(part.as_ptr(), part.len());
                to = to.add(part.len());
            }
            (*packet).pts = pts;
            let code = ff::avcodec_send_packet(self.ctx.as_ptr(), packet);
            ff::av_packet_unref(packet);
            code
        };
        // All the way to EAGAIN, past errors: a result left inside would be taken for the next packet's, and FFmpeg 7
        // would not take that packet in.
        for _ in 0..MAX_OUTPUTS {
            if code == ff::AVERROR(libc::EAGAIN) || code == ff::AVERROR_EOF {
                break;
            }
            if code < 0 {
                fed.error.get_or_insert(code);
            }
            // SAFETY: the context is open and `output` a valid frame, which the call unreferences first.
            code = unsafe { ff::avcodec_receive_frame(self.ctx.as_ptr(), self.output.as_ptr()) };
            if code == 0 {
                // SAFETY: the call filled in the frame.
                let (pts, flags) = unsafe {
                    (
                        self.output.as_ref().pts,
                        self.output.as_ref().decode_error_flags,
                    )
                };
                if flags != 0 {
                    fed.damaged.push(pts);
                }
            }
        }
        // SAFETY: a valid frame; it must not keep a buffer from the pool.
        unsafe { ff::av_frame_unref(self.output.as_ptr()) };
        Ok(fed)
    }

    /// The buffer that was allocated last for the packet with `pts`.
    pub fn take(&mut self, pts: i64) -> Option<Arc<PlanarFrame>> {
        self.captured.take(pts)
    }

    /// Rows of macroblocks that were finished of a picture in the frame of packet `pts`; see [`Bands::take`].
    pub fn finished_rows(&mut self, pts: i64, structure: i32, row: i32) -> u32 {
        let mut bands = self
            .captured
            .bands
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        bands.take(pts, structure, row)
    }

    /// Waits for all threads, then forgets references and whatever was in the pipeline.
    pub fn flush(&mut self) {
        // SAFETY: the context is open, and this thread is the only one that uses it.
        unsafe { ff::avcodec_flush_buffers(self.ctx.as_ptr()) };
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let (mut ctx, mut packet, mut output) = (
            self.ctx.as_ptr(),
            self.packet.as_ptr(),
            self.output.as_ptr(),
        );
        // SAFETY: the three are ours alone; freeing the context joins its threads.
        unsafe {
            ff::avcodec_free_context(&mut ctx);
            ff::av_packet_free(&mut packet);
            ff::av_frame_free(&mut output);
        }
    }
}

/// The text of an error code.
pub(super) fn describe(code: c_int) -> String {
    let mut text = [0u8; ff::AV_ERROR_MAX_STRING_SIZE];
    // SAFETY: the buffer has the length given, and the call terminates it.
    unsafe { ff::av_strerror(code, text.as_mut_ptr().cast(), text.len()) };
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    format!("{} ({code})", String::from_utf8_lossy(text))
}

/// `AVCodecContext::get_buffer2`: allocates as libavcodec does by itself, and keeps a reference. Called from any of the
/// decoder's threads.
unsafe extern "C" fn get_buffer2(
    ctx: *mut ff::AVCodecContext,
    frame: *mut ff::AVFrame,
    flags: c_int,
) -> c_int {
    // SAFETY: libavcodec calls with its own context and frame.
    let code = unsafe { ff::avcodec_default_get_buffer2(ctx, frame, flags) };
    if code < 0 {
        return code;
    }
    // SAFETY: `frame` was filled in by the call above, nobody else has it yet.
    let (pts, format, width, height, data, linesize, buffers) = unsafe {
        (
            (*frame).pts,
            (*frame).format,
            (*frame).width,
            (*frame).height,
            (*frame).data,
            (*frame).linesize,
            (*frame).buf,
        )
    };
    let Some(&(_, bit_depth, planes)) = FORMATS
        .iter()
        .find(|(known, _, _)| *known as c_int == format)
    else {
        return ff::AVERROR_INVALIDDATA;
    };
    let mut held = Buffers(Vec::with_capacity(planes));
    for buffer in buffers.into_iter().filter(|buffer| !buffer.is_null()) {
        // SAFETY: a buffer reference of the frame.
        match NonNull::new(unsafe { ff::av_buffer_ref(buffer) }) {
            Some(buffer) => held.0.push(buffer),
            None => return ff::AVERROR(libc::ENOMEM),
        }
    }
    let (Ok(width), Ok(height)) = (u32::try_from(width), u32::try_from(height)) else {
        return ff::AVERROR_INVALIDDATA;
    };
    let strides = linesize.map(|stride| usize::try_from(stride).unwrap_or(0));
    // SAFETY: libavcodec allocated `planes` planes of this format, `height` (chroma: half, rounded up) rows of `linesize`
    // bytes each, in `buffers`; `held` keeps them allocated.
    let planar = unsafe {
        PlanarFrame::new(
            width,
            height,
            bit_depth,
            planes,
            [data[0], data[1], data[2]],
            [strides[0], strides[1], strides[2]],
            held,
        )
    };
    let Some(planar) = planar else {
        return ff::AVERROR_INVALIDDATA;
    };
    // SAFETY: `opaque` is the `Captured` of the `Context` that owns this codec context, which outlives it.
    let captured = unsafe { (*ctx).opaque.cast::<Captured>().as_ref() };
    if let Some(captured) = captured {
        captured.put(pts, planar);
    }
    0
}

/// `AVCodecContext::draw_horiz_band`: rows of a frame are done. Called from any of the decoder's threads.
unsafe extern "C" fn draw_horiz_band(
    ctx: *mut ff::AVCodecContext,
    frame: *const ff::AVFrame,
    _offset: *mut c_int,
    y: c_int,
    structure: c_int,
    height: c_int,
) {
    // SAFETY: libavcodec calls with its own context and frame; `opaque` is the `Captured` of the `Context` that owns this
    // codec context, which outlives it.
    let (packet, captured) = unsafe { ((*frame).pts, (*ctx).opaque.cast::<Captured>().as_ref()) };
    if let Some(captured) = captured {
        let mut bands = captured
            .bands
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        bands.add(Band {
            packet,
            structure,
            y,
            height,
        });
    }
}

/// `AVCodecContext::get_format`: the first offered format that the engine can pack; no hardware, no other subsampling.
unsafe extern "C" fn get_format(
    _ctx: *mut ff::AVCodecContext,
    formats: *const ff::AVPixelFormat,
) -> ff::AVPixelFormat {
    // As integers: a libavcodec newer than the bindings may offer values that the enum lacks.
    let formats = formats.cast::<c_int>();
    for i in 0.. {
        // SAFETY: the list ends with AV_PIX_FMT_NONE (-1), and no element behind that is read.
        let offered = unsafe { *formats.add(i) };
        if offered == ff::AVPixelFormat::AV_PIX_FMT_NONE as c_int {
            break;
        }
        if let Some(&(format, _, _)) = FORMATS
            .iter()
            .find(|(format, _, _)| *format as c_int == offered)
        {
            return format;
        }
    }
    ff::AVPixelFormat::AV_PIX_FMT_NONE
}

/// References to the buffers behind a frame.
pub(super) struct Buffers(Vec<NonNull<ff::AVBufferRef>>);

// SAFETY: AVBufferRef counts atomically, and this value owns its references.
unsafe impl Send for Buffers {}
// SAFETY: no method reads through a shared reference.
unsafe impl Sync for Buffers {}

impl Drop for Buffers {
    fn drop(&mut self) {
        for buffer in &self.0 {
            let mut buffer = buffer.as_ptr();
            // SAFETY: a reference of ours, released once.
            unsafe { ff::av_buffer_unref(&mut buffer) };
        }
    }
}
