// SPDX-License-Identifier: BSD-2-Clause
//! What the fuzz targets run. Each entry takes any bytes and must neither panic nor hang nor leak; the targets under
//! `fuzz/fuzz_targets` hand it a fuzzer's inputs, and the `replay` program recorded ones and mutations of them.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test: a panic is how it reports

pub mod bits;
pub mod headers;
pub mod pictures;
mod quiet;
pub mod session;
pub mod trace;
pub mod translation;
pub mod va_calls;

/// How inputs of a target are built, for mutations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any bytes.
    Bytes,
    /// A call sequence, [`calls::op`].
    Calls,
}

/// One fuzz target.
pub struct Target {
    /// Name of the target, of its file, and of its corpus.
    pub name: &'static str,
    /// What it runs.
    pub run: fn(&[u8]),
    /// Form of its inputs.
    pub form: Form,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "bits",
        run: bits::run,
        form: Form::Bytes,
    },
    Target {
        name: "trace",
        run: trace::run,
        form: Form::Bytes,
    },
    Target {
        name: "h264_translation",
        run: translation::h264,
        form: Form::Calls,
    },
    Target {
        name: "vp9_translation",
        run: translation::vp9,
        form: Form::Calls,
    },
    Target {
        name: "av1_translation",
        run: translation::av1,
        form: Form::Calls,
    },
    Target {
        name: "h264_headers",
        run: headers::h264,
        form: Form::Bytes,
    },
    Target {
        name: "av1_headers",
        run: headers::av1,
        form: Form::Bytes,
    },
    Target {
        name: "h264_session",
        run: session::h264,
        form: Form::Bytes,
    },
    Target {
        name: "vp9_session",
        run: session::vp9,
        form: Form::Bytes,
    },
    Target {
        name: "av1_session",
        run: session::av1,
        form: Form::Bytes,
    },
    Target {
        name: "va_calls",
        run: va_calls::run,
        form: Form::Calls,
    },
];
