// SPDX-License-Identifier: BSD-2-Clause
//! What a backend owes for one picture.

use super::{Outcome, Pending, Progress};
use crate::record::Trace;
use crate::stats::Counters;
use crate::surface::Surface;
use std::sync::Arc;

/// So many damaged or failed pictures of a context are worth a warning each.
const LOUD_TROUBLES: u64 = 5;

/// One picture's destination, and the duty to answer. Dropped without an answer, the picture has failed.
pub struct Job {
    timestamp: u64,
    targets: Targets,
    duty: Option<Duty>,
}

#[derive(Default)]
struct Targets {
    clean: Option<Arc<Surface>>,
    shown: Option<Arc<Surface>>,
}

struct Duty {
    pending: Arc<Pending>,
    progress: Arc<Progress>,
    counters: Arc<Counters>,
    trace: Option<Arc<Trace>>,
}

impl Job {
    /// A picture whose frame goes to `target` and, where that is another surface, with film grain to `display`.
    pub(crate) fn new(
        timestamp: u64,
        target: Arc<Surface>,
        display: Option<Arc<Surface>>,
        pending: Arc<Pending>,
        progress: Arc<Progress>,
        counters: Arc<Counters>,
        trace: Option<Arc<Trace>>,
    ) -> Self {
        progress.begin();
        counters.submitted();
        let targets = Targets {
            clean: Some(target),
            shown: display,
        };
        Self {
            timestamp,
            targets,
            duty: Some(Duty {
                pending,
                progress,
                counters,
                trace,
            }),
        }
    }

    /// A picture that is decoded for the decoder's own state only.
    pub(crate) fn without_output(timestamp: u64) -> Self {
        Self {
            timestamp,
            targets: Targets::default(),
            duty: None,
        }
    }

    /// `Picture::timestamp`
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// Where the frame without film grain goes.
    pub fn target(&self) -> Option<&Surface> {
        self.targets.clean.as_deref()
    }

    /// Where the frame that the client shows goes, if that is another surface.
    pub fn display(&self) -> Option<&Surface> {
        self.targets.shown.as_deref()
    }

    pub(crate) fn pending(&self) -> Option<&Arc<Pending>> {
        self.duty.as_ref().map(|duty| &duty.pending)
    }

    /// Nothing came of the picture: leaves something presentable.
    pub fn conceal(&self) {
        for surface in [self.target(), self.display()].into_iter().flatten() {
            surface.conceal();
        }
    }

    /// Answers. The pixels, `size` of them, must have been written; `None` if there are none.
    pub fn complete(mut self, outcome: Outcome, size: Option<(u32, u32)>) {
        self.answer(outcome, size);
    }

    /// Answers that there is no picture, and why.
    pub fn fail(mut self, reason: String) {
        self.answer(Outcome::Failed(reason), None);
    }

    fn answer(&mut self, outcome: Outcome, size: Option<(u32, u32)>) {
        let timestamp = self.timestamp;
        let Some(duty) = self.duty.take() else {
            tracing::debug!(timestamp, ?outcome, "picture without output");
            return;
        };
        let troubles = duty.counters.completed(&outcome);
        match &outcome {
            Outcome::Decoded => tracing::trace!(timestamp, "decoded"),
            Outcome::Damaged(reason) | Outcome::Failed(reason)
                if troubles > LOUD_TROUBLES || duty.progress.is_abandoned() =>
            {
                tracing::debug!(timestamp, "{reason}");
            }
            Outcome::Damaged(reason) => {
                tracing::warn!(timestamp, "concealed a damaged picture: {reason}")
            }
            Outcome::Failed(reason) => tracing::warn!(timestamp, "a picture failed: {reason}"),
        }
        if let Some(trace) = &duty.trace {
            let pixels = self
                .display()
                .or(self.target())
                .and_then(|surface| surface.pixels().ok());
            let size = size.filter(|_| outcome == Outcome::Decoded);
            trace.result(
                timestamp,
                pixels
                    .as_ref()
                    .zip(size)
                    .map(|(pixels, (w, h))| (pixels.as_ref(), w, h)),
            );
        }
        // First the stream: whoever has waited for its last picture finds it idle.
        duty.progress.end();
        duty.pending.complete(outcome);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.duty.is_some() {
            self.answer(
                Outcome::Failed("the session ended before the picture was decoded".into()),
                None,
            );
        }
    }
}
