// SPDX-License-Identifier: BSD-2-Clause
//! The system's libavcodec and libavutil, opened at run time and kept to ourselves.
//!
//! libva opens drivers with `RTLD_GLOBAL`. Were the driver linked against libavcodec, every part of the application that is
//! loaded later would meet that libavcodec before its own; and an application's libavcodec without symbol versions (as
//! Electron and browsers bundle one) would take the place of ours.
//!
//! Functions here have the names, types and contracts of FFmpeg's. They may be called only after [`load`] has succeeded.
#![allow(unsafe_code)]

pub(super) use ffmpeg_sys_next::{
    AV_CODEC_FLAG_OUTPUT_CORRUPT, AV_ERROR_MAX_STRING_SIZE, AVBufferRef, AVCodec, AVCodecContext,
    AVCodecID, AVERROR, AVERROR_EOF, AVERROR_INVALIDDATA, AVFrame, AVPacket, AVPixelFormat,
    FF_THREAD_FRAME, SLICE_FLAG_ALLOW_FIELD, SLICE_FLAG_CODED_ORDER,
};

use crate::error::EngineError;
use ffmpeg_sys_next::{AVDictionary, LIBAVCODEC_VERSION_MAJOR};
use libc::{c_char, c_int, c_void};
use std::ffi::CString;
use std::sync::LazyLock;

static LIBRARY: LazyLock<Result<Functions, String>> = LazyLock::new(Functions::open);

/// Opens the libraries, once per process.
///
/// # Errors
/// [`EngineError::Unavailable`]: they are not there, or lack a function.
pub(super) fn load() -> Result<(), EngineError> {
    LIBRARY
        .as_ref()
        .map(|_| ())
        .map_err(|reason| EngineError::Unavailable(reason.clone()))
}

macro_rules! functions {
    ($(fn $name:ident($($arg:ident: $kind:ty),*) $(-> $result:ty)?;)+) => {
        struct Functions {
            $($name: unsafe extern "C" fn($($kind),*) $(-> $result)?,)+
        }

        // The types are those that FFmpeg's headers give. Taken in a constant, so nothing is linked.
        $(const _: unsafe extern "C" fn($($kind),*) $(-> $result)? = ffmpeg_sys_next::$name;)+

        impl Functions {
            fn find(library: &Handle) -> Result<Self, String> {
                Ok(Self {
                    $(
                        // SAFETY: the symbol is that function of the library whose headers gave the type (checked above).
                        $name: unsafe {
                            std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($kind),*) $(-> $result)?>(
                                library.symbol(stringify!($name))?,
                            )
                        },
                    )+
                })
            }
        }

        $(
            pub(super) unsafe fn $name($($arg: $kind),*) $(-> $result)? {
                // SAFETY: the caller keeps the contract of FFmpeg's function.
                unsafe { (functions().$name)($($arg),*) }
            }
        )+
    };
}

functions! {
    fn av_buffer_ref(buffer: *const AVBufferRef) -> *mut AVBufferRef;
    fn av_buffer_unref(buffer: *mut *mut AVBufferRef);
    fn av_frame_alloc() -> *mut AVFrame;
    fn av_frame_free(frame: *mut *mut AVFrame);
    fn av_frame_unref(frame: *mut AVFrame);
    fn av_new_packet(packet: *mut AVPacket, size: c_int) -> c_int;
    fn av_packet_alloc() -> *mut AVPacket;
    fn av_packet_free(packet: *mut *mut AVPacket);
    fn av_packet_unref(packet: *mut AVPacket);
    fn av_strerror(code: c_int, text: *mut c_char, size: usize) -> c_int;
    fn avcodec_alloc_context3(codec: *const AVCodec) -> *mut AVCodecContext;
    fn avcodec_default_get_buffer2(context: *mut AVCodecContext, frame: *mut AVFrame, flags: c_int) -> c_int;
    fn avcodec_find_decoder(id: AVCodecID) -> *const AVCodec;
    fn avcodec_find_decoder_by_name(name: *const c_char) -> *const AVCodec;
    fn avcodec_flush_buffers(context: *mut AVCodecContext);
    fn avcodec_free_context(context: *mut *mut AVCodecContext);
    fn avcodec_open2(context: *mut AVCodecContext, codec: *const AVCodec, options: *mut *mut AVDictionary) -> c_int;
    fn avcodec_receive_frame(context: *mut AVCodecContext, frame: *mut AVFrame) -> c_int;
    fn avcodec_send_packet(context: *mut AVCodecContext, packet: *const AVPacket) -> c_int;
}

fn functions() -> &'static Functions {
    match &*LIBRARY {
        Ok(functions) => functions,
        // No decoder, frame or packet exists without `load`, so there is nothing to call a function with.
        Err(_) => std::process::abort(),
    }
}

/// An open library; it stays open, since FFmpeg's threads and thread-local data may outlive any decoder.
struct Handle(*mut c_void);

impl Handle {
    fn symbol(&self, name: &str) -> Result<*mut c_void, String> {
        let text = CString::new(name).map_err(|error| error.to_string())?;
        // SAFETY: an open handle and a NUL-terminated name.
        let address = unsafe { libc::dlsym(self.0, text.as_ptr()) };
        if address.is_null() {
            Err(format!("libavcodec has no {name}"))
        } else {
            Ok(address)
        }
    }
}

impl Functions {
    fn open() -> Result<Self, String> {
        let name = format!("libavcodec.so.{LIBAVCODEC_VERSION_MAJOR}");
        let text = CString::new(name.as_str()).map_err(|error| error.to_string())?;
        let mut flags = libc::RTLD_NOW | libc::RTLD_LOCAL;
        if foreign_functions_in_scope() {
            flags |= OWN_SCOPE_FIRST;
        }
        // SAFETY: opens a system library; its constructors are trusted.
        let handle = unsafe { libc::dlopen(text.as_ptr(), flags) };
        if handle.is_null() {
            return Err(format!("{name} cannot be opened"));
        }
        Self::find(&Handle(handle))
    }
}

/// Binds a library to its own dependencies before anything that the application has. Not without need: it also parts the
/// library from an application's allocator.
#[cfg(target_env = "gnu")]
const OWN_SCOPE_FIRST: c_int = libc::RTLD_DEEPBIND;
#[cfg(not(target_env = "gnu"))]
const OWN_SCOPE_FIRST: c_int = 0;

/// Whether what libavcodec calls in libavutil would be found in a library of the application's: one that defines the same
/// names without symbol versions, and is in the global scope. Names with another version bind to nothing of ours.
#[cfg(target_env = "gnu")]
fn foreign_functions_in_scope() -> bool {
    unsafe extern "C" {
        fn dlvsym(
            handle: *mut c_void,
            symbol: *const c_char,
            version: *const c_char,
        ) -> *mut c_void;
    }
    const MAJORS: std::ops::Range<u32> = 50..100;
    [c"av_malloc", c"av_buffer_ref", c"av_frame_alloc"]
        .into_iter()
        .any(|name| {
            // SAFETY: looks a NUL-terminated name up in the global scope.
            let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            let versioned = |major| {
                let Ok(version) = CString::new(format!("LIBAVUTIL_{major}")) else {
                    return false;
                };
                // SAFETY: as before, with a NUL-terminated version.
                address == unsafe { dlvsym(libc::RTLD_DEFAULT, name.as_ptr(), version.as_ptr()) }
            };
            !address.is_null() && !MAJORS.into_iter().any(versioned)
        })
}

#[cfg(not(target_env = "gnu"))]
fn foreign_functions_in_scope() -> bool {
    false
}
