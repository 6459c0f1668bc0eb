// SPDX-License-Identifier: BSD-2-Clause
//! A libavcodec client: software decoding, and decoding through the VA-API hwaccel on a shared device.
#![allow(unsafe_code)]

use crate::{
    packets::Packets,
    pixels::{FrameMd5, Layout},
};
use anyhow::{Context, Result, bail, ensure};
use ffmpeg_sys_next::*;
use std::{ffi::CString, ptr::null_mut};
use v4l2_common::picture::Codec;

/// A VA-API device of libavutil: one `VADisplay`, for any number of decoders in any threads.
pub struct Device(*mut AVBufferRef);

// SAFETY: libavutil's devices are reference counted and thread-safe; the pointer itself never changes.
unsafe impl Send for Device {}
// SAFETY: as above.
unsafe impl Sync for Device {}

impl Device {
    /// Opens the display that `DISPLAY` names.
    ///
    /// # Errors
    /// libva finds no driver.
    pub fn open() -> Result<Self> {
        let mut device = null_mut();
        let mut options = null_mut();
        // Without this, a machine with a render node would be asked for its own driver.
        // SAFETY: terminated strings; the dictionary is freed below.
        unsafe {
            av_dict_set(
                &mut options,
                c"connection_type".as_ptr(),
                c"x11".as_ptr(),
                0,
            )
        };
        let kind = AVHWDeviceType::AV_HWDEVICE_TYPE_VAAPI;
        // SAFETY: an out pointer, the default device, live options.
        let code = unsafe {
            let code = av_hwdevice_ctx_create(&mut device, kind, std::ptr::null(), options, 0);
            av_dict_free(&mut options);
            code
        };
        ensure!(code >= 0, "no VA-API device: {}", message(code));
        Ok(Self(device))
    }

    /// The `VADisplay`.
    pub fn display(&self) -> va_sys::VADisplay {
        // SAFETY: `hwctx` of a VA-API device is an `AVVAAPIDeviceContext`, whose first member is the display.
        unsafe {
            let device = (*self.0).data.cast::<AVHWDeviceContext>();
            *(*device).hwctx.cast::<va_sys::VADisplay>()
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: our own reference.
        unsafe { av_buffer_unref(&mut self.0) }
    }
}

/// One decoder.
pub struct Decoder {
    context: *mut AVCodecContext,
    packet: *mut AVPacket,
    frame: *mut AVFrame,
    copy: *mut AVFrame,
    hardware: bool,
}

// SAFETY: a decoder is used by one thread at a time, which is all that libavcodec asks for.
unsafe impl Send for Decoder {}

/// Takes VA-API or nothing: no silent software decoding.
unsafe extern "C" fn only_vaapi(
    _: *mut AVCodecContext,
    formats: *const AVPixelFormat,
) -> AVPixelFormat {
    let mut at = formats;
    loop {
        // SAFETY: libavcodec ends the list with `AV_PIX_FMT_NONE`.
        match unsafe { *at } {
            AVPixelFormat::AV_PIX_FMT_NONE => return AVPixelFormat::AV_PIX_FMT_NONE,
            AVPixelFormat::AV_PIX_FMT_VAAPI => return AVPixelFormat::AV_PIX_FMT_VAAPI,
            // SAFETY: not the end of the list.
            _ => at = unsafe { at.add(1) },
        }
    }
}

impl Decoder {
    /// A decoder on `device`, or in software.
    ///
    /// # Errors
    /// libavcodec lacks the decoder.
    pub fn new(codec: Codec, device: Option<&Device>) -> Result<Self> {
        let name = match (codec, device) {
            (Codec::H264, _) => "h264",
            (Codec::Vp9, _) => "vp9",
            (Codec::Av1, Some(_)) => "av1",
            (Codec::Av1, None) => "libdav1d",
        };
        let c_name = CString::new(name)?;
        // SAFETY: each pointer is checked before use; `open2` gets a context made for this codec.
        unsafe {
            let found = avcodec_find_decoder_by_name(c_name.as_ptr());
            ensure!(!found.is_null(), "libavcodec has no {name}");
            let context = avcodec_alloc_context3(found);
            let this = Self {
                context,
                packet: av_packet_alloc(),
                frame: av_frame_alloc(),
                copy: av_frame_alloc(),
                hardware: device.is_some(),
            };
            ensure!(
                !context.is_null()
                    && !this.packet.is_null()
                    && !this.frame.is_null()
                    && !this.copy.is_null(),
                "out of memory"
            );
            (*context).thread_count = 1;
            if let Some(device) = device {
                (*context).hw_device_ctx = av_buffer_ref(device.0);
                (*context).get_format = Some(only_vaapi);
            }
            let code = avcodec_open2(context, found, null_mut());
            ensure!(code >= 0, "{name}: {}", message(code));
            Ok(this)
        }
    }

    /// Decodes a packet (`None`: the end) and digests the frames that come out.
    ///
    /// # Errors
    /// The packet, or a frame, is refused; the decoder may be used on.
    pub fn decode(&mut self, data: Option<&[u8]>, frames: &mut Vec<FrameMd5>) -> Result<()> {
        // SAFETY: the packet owns a copy of the data with the padding that libavcodec reads beyond it.
        let code = unsafe {
            match data {
                None => avcodec_send_packet(self.context, std::ptr::null()),
                Some(data) => {
                    let code = av_new_packet(self.packet, i32::try_from(data.len())?);
                    ensure!(code >= 0, "{}", message(code));
                    std::ptr::copy_nonoverlapping(data.as_ptr(), (*self.packet).data, data.len());
                    let code = avcodec_send_packet(self.context, self.packet);
                    av_packet_unref(self.packet);
                    code
                }
            }
        };
        ensure!(code >= 0, "send_packet: {}", message(code));
        loop {
            // SAFETY: context and frame are live.
            let code = unsafe { avcodec_receive_frame(self.context, self.frame) };
            if code == AVERROR(EAGAIN) || code == AVERROR_EOF {
                return Ok(());
            }
            ensure!(code >= 0, "receive_frame: {}", message(code));
            let md5 = self.digest();
            // SAFETY: both frames are live.
            unsafe {
                av_frame_unref(self.frame);
                av_frame_unref(self.copy);
            }
            frames.push(md5?);
        }
    }

    /// Digest of `self.frame`.
    fn digest(&mut self) -> Result<FrameMd5> {
        let mut frame = self.frame;
        // SAFETY: the frames are live; planes have `linesize * rows` bytes.
        unsafe {
            if self.hardware {
                ensure!(
                    (*frame).format == AVPixelFormat::AV_PIX_FMT_VAAPI as i32,
                    "a frame that VA-API did not decode"
                );
                let code = av_hwframe_transfer_data(self.copy, frame, 0);
                ensure!(code >= 0, "av_hwframe_transfer_data: {}", message(code));
                frame = self.copy;
            }
            let format = (*frame).format;
            let is = |wanted: AVPixelFormat| format == wanted as i32;
            let (planes, bytes, shift) = if is(AVPixelFormat::AV_PIX_FMT_NV12) {
                (2, 1, 0)
            } else if is(AVPixelFormat::AV_PIX_FMT_P010LE) {
                (2, 2, 6)
            } else if is(AVPixelFormat::AV_PIX_FMT_YUV420P)
                || is(AVPixelFormat::AV_PIX_FMT_YUVJ420P)
            {
                (3, 1, 0)
            } else if is(AVPixelFormat::AV_PIX_FMT_YUV420P10LE) {
                (3, 2, 0)
            } else {
                bail!("pixel format {format}");
            };
            let (width, height) = (
                usize::try_from((*frame).width)?,
                usize::try_from((*frame).height)?,
            );
            let mut list = Vec::new();
            for index in 0..planes {
                let stride = usize::try_from((*frame).linesize[index])?;
                let (rows, columns) = if index == 0 {
                    (height, width)
                } else {
                    (
                        height.div_ceil(2),
                        width.div_ceil(2) * if planes == 2 { 2 } else { 1 },
                    )
                };
                let length = stride * rows.saturating_sub(1) + columns * bytes;
                list.push((
                    std::slice::from_raw_parts((*frame).data[index], length),
                    stride,
                ));
            }
            Layout {
                size: (width, height),
                planes: list,
                bytes,
                shift,
            }
            .md5()
            .context("a short plane")
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: all four are ours; libavcodec's free functions accept null.
        unsafe {
            avcodec_free_context(&mut self.context);
            av_packet_free(&mut self.packet);
            av_frame_free(&mut self.frame);
            av_frame_free(&mut self.copy);
        }
    }
}

/// Decodes a whole stream.
///
/// # Errors
/// Any packet fails.
pub fn decode(stream: &Packets, device: Option<&Device>) -> Result<Vec<FrameMd5>> {
    let mut decoder = Decoder::new(stream.codec, device)?;
    let mut frames = Vec::new();
    for (number, packet) in stream.packets.iter().enumerate() {
        decoder
            .decode(Some(&packet.data), &mut frames)
            .with_context(|| format!("packet {number}"))?;
    }
    decoder.decode(None, &mut frames)?;
    Ok(frames)
}

/// Whether this libavcodec's hwaccel knows `VAProfileH264High10` (it came to VA-API with 1.18, to FFmpeg with 7.1).
pub fn has_high10() -> bool {
    // SAFETY: a plain getter.
    unsafe { avcodec_version() >> 16 >= 61 }
}

/// Silences libavutil's log below errors, or altogether.
pub fn quiet() {
    // SAFETY: a plain setter.
    unsafe { av_log_set_level(AV_LOG_FATAL) }
}

fn message(code: i32) -> String {
    let mut text = [0; 128];
    // SAFETY: the buffer is as long as stated, and the result is terminated.
    unsafe {
        av_strerror(code, text.as_mut_ptr(), text.len());
        std::ffi::CStr::from_ptr(text.as_ptr())
            .to_string_lossy()
            .into_owned()
    }
}
