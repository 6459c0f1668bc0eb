// SPDX-License-Identifier: BSD-2-Clause
//! Traces of streams for replay without a client (`DAEDALUS_RECORD`): every picture, and what it showed.

use crate::lock::lock;
use crate::pixels::{Pixels, fourcc};
use md5::{Digest, Md5};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use v4l2_common::picture::{Codec, Picture};
use v4l2_common::trace::TraceWriter;

/// The trace file of one stream.
pub struct Trace {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    /// `None` after an error, which has been reported.
    writer: Option<TraceWriter>,
    /// The newest result, kept back: the second field of a pair replaces the first's.
    last: Option<Shown>,
}

/// What the picture or field pair of a timestamp showed.
struct Shown {
    timestamp: u64,
    pixels: Option<Checksum>,
}

struct Checksum {
    width: u32,
    height: u32,
    fourcc: u32,
    md5: [u8; 16],
}

impl Trace {
    /// A new file `CODEC-PID-NUMBER.trace` in `directory`; `None`, with a warning, if it cannot be made.
    pub fn create(directory: &Path, codec: Codec) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!(
            "{}-{}-{number:04}.trace",
            codec.name(),
            std::process::id()
        ));
        match TraceWriter::create(&path) {
            Ok(writer) => {
                let state = State {
                    writer: Some(writer),
                    last: None,
                };
                Some(Self {
                    path,
                    state: Mutex::new(state),
                })
            }
            Err(error) => {
                tracing::warn!("cannot record to {}: {error}", path.display());
                None
            }
        }
    }

    /// A picture is about to be submitted.
    pub fn picture(&self, picture: &Picture, output: bool) {
        self.write(&mut lock(&self.state), |writer| {
            writer.picture(picture, output)
        });
    }

    /// A picture came out; `pixels` holds `width` x `height` samples of it, unless it is damaged or missing.
    pub fn result(&self, timestamp: u64, shown: Option<(&Pixels, u32, u32)>) {
        let pixels = shown.map(|(pixels, width, height)| {
            let mut md5 = Md5::new();
            pixels.visible_rows(width, height, |row| md5.update(row));
            let fourcc = fourcc(pixels.layout().format);
            Checksum {
                width,
                height,
                fourcc,
                md5: md5.finalize().into(),
            }
        });
        let mut state = lock(&self.state);
        let shown = Shown { timestamp, pixels };
        let earlier = state.last.take();
        state.last = Some(match earlier {
            // A damaged first field leaves nothing to compare, however the second went.
            Some(Shown {
                timestamp: same,
                pixels: None,
            }) if same == timestamp => Shown {
                timestamp,
                pixels: None,
            },
            Some(earlier) if earlier.timestamp != timestamp => {
                self.settle(&mut state, earlier);
                shown
            }
            _ => shown,
        });
    }

    fn settle(&self, state: &mut State, shown: Shown) {
        let Shown {
            timestamp,
            pixels:
                Some(Checksum {
                    width,
                    height,
                    fourcc,
                    md5,
                }),
        } = shown
        else {
            return;
        };
        self.write(state, |writer| {
            writer.result(timestamp, width, height, fourcc, md5)
        });
    }

    fn write(
        &self,
        state: &mut State,
        record: impl FnOnce(&mut TraceWriter) -> std::io::Result<()>,
    ) {
        let Some(writer) = &mut state.writer else {
            return;
        };
        if let Err(error) = record(writer) {
            tracing::warn!("recording to {} ends: {error}", self.path.display());
            state.writer = None;
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(last) = state.last.take() {
            self.settle(&mut state, last);
        }
    }
}
