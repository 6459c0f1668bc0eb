// SPDX-License-Identifier: BSD-2-Clause
//! A backend for tests: answers when it is told to, as it is told to.

use super::{Backend, DecodeSession, Job, Outcome};
use crate::error::{Error, Result};
use crate::lock::lock;
use engine::frame::{Frame, FrameBuffer, Plane};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use v4l2_common::picture::{Codec, Controls, Picture};

/// When sessions answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// A kicked picture and all before it, on a thread of their own, as the engine does.
    #[default]
    Kicked,
    /// Inside `submit`.
    AtOnce,
    /// Only when [`Control::answer`] says so.
    Told,
}

/// The test's hand on all sessions of a [`TestDouble`].
#[derive(Default)]
pub struct Control {
    when: When,
    queues: Mutex<Vec<Arc<Queue>>>,
    /// Sessions opened so far.
    pub opened: AtomicUsize,
    /// Sessions closed so far.
    pub closed: AtomicUsize,
    /// Pictures seen so far, without those that have no output.
    pub pictures: Mutex<Vec<Picture>>,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<VecDeque<(u64, Job, Picture)>>,
    next: AtomicU64,
}

/// A backend that writes, as luma, the first byte of the picture's bitstream. A second byte `d` makes it a damaged
/// picture, `f` a failed one, `l` a lost one, `r` one that `submit` refuses, `x` one that is dropped without an answer.
pub struct TestDouble(pub Arc<Control>);

struct Session {
    control: Arc<Control>,
    queue: Arc<Queue>,
}

impl Control {
    /// A hand that answers at these times.
    pub fn new(when: When) -> Arc<Self> {
        Arc::new(Self {
            when,
            ..Self::default()
        })
    }

    /// Pictures that are not answered.
    pub fn waiting(&self) -> usize {
        lock(&self.queues)
            .iter()
            .map(|queue| lock(&queue.jobs).len())
            .sum()
    }

    /// Answers everything that any session has.
    pub fn answer(&self) {
        let queues = lock(&self.queues).clone();
        for queue in queues {
            queue.answer(u64::MAX);
        }
    }
}

impl Queue {
    fn answer(&self, up_to: u64) {
        // Under the lock: answers keep their order.
        let mut jobs = lock(&self.jobs);
        while jobs
            .front()
            .is_some_and(|(sequence, ..)| *sequence <= up_to)
        {
            let Some((_, job, picture)) = jobs.pop_front() else {
                return;
            };
            match picture.bitstream.get(1) {
                Some(b'x') => drop(job),
                Some(b'f') => job.fail("told to fail".into()),
                Some(b'l') => {
                    job.conceal();
                    job.complete(Outcome::Damaged("told to be lost".into()), None);
                }
                mark => {
                    let value = picture.bitstream.first().copied().unwrap_or_default();
                    let surfaces = [job.target(), job.display()];
                    for (surface, value) in surfaces.into_iter().zip([value, value | 0x80]) {
                        let Some(surface) = surface else { continue };
                        let layout = surface.layout();
                        let stored = surface.store(frame(layout.width, layout.height, 8, value));
                        assert_eq!(stored, Ok(()));
                    }
                    let outcome = match mark {
                        Some(b'd') => Outcome::Damaged("told to be damaged".into()),
                        _ => Outcome::Decoded,
                    };
                    job.complete(outcome, None);
                }
            }
        }
    }
}

impl Backend for TestDouble {
    fn name(&self) -> &'static str {
        "test double"
    }

    fn parallel(&self) -> usize {
        1
    }

    fn open(&self, _codec: Codec) -> Result<Box<dyn DecodeSession>> {
        let queue = Arc::new(Queue::default());
        lock(&self.0.queues).push(Arc::clone(&queue));
        self.0.opened.fetch_add(1, Ordering::SeqCst);
        let control = Arc::clone(&self.0);
        Ok(Box::new(Session { control, queue }))
    }
}

impl DecodeSession for Session {
    fn submit(&self, picture: Picture, job: Job) -> Result<u64> {
        if picture.bitstream.get(1) == Some(&b'r') {
            job.fail("told to refuse".into());
            return Err(Error::Decoding("told to refuse".into()));
        }
        if job.target().is_some() {
            lock(&self.control.pictures).push(picture.clone());
        }
        let sequence = self.queue.next.fetch_add(1, Ordering::SeqCst);
        lock(&self.queue.jobs).push_back((sequence, job, picture));
        if self.control.when == When::AtOnce {
            self.queue.answer(sequence);
        }
        Ok(sequence)
    }

    fn kick(&self, sequence: u64) {
        if self.control.when == When::Kicked {
            let queue = Arc::clone(&self.queue);
            std::thread::spawn(move || queue.answer(sequence));
        }
    }

    fn flush(&self) {
        self.kick(u64::MAX);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        lock(&self.queue.jobs).clear();
        lock(&self.control.queues).retain(|queue| !Arc::ptr_eq(queue, &self.queue));
        self.control.closed.fetch_add(1, Ordering::SeqCst);
    }
}

/// A picture of the test double's own making.
pub fn picture(timestamp: u64, bitstream: Vec<u8>) -> Picture {
    Picture {
        controls: Controls::Vp9(Box::default()),
        bitstream,
        timestamp,
    }
}

/// Planes of one value each.
struct Flat {
    size: [(usize, usize); 3],
    planes: [Vec<u8>; 3],
}

impl FrameBuffer for Flat {
    fn plane(&self, index: usize) -> Option<Plane<'_>> {
        let &(width, height) = self.size.get(index)?;
        Some(Plane {
            data: self.planes.get(index)?,
            stride: width,
            width,
            height,
        })
    }
}

/// A frame whose luma, Cb and Cr are `value`, `value + 1` and `value + 2`.
pub fn frame(width: u32, height: u32, bit_depth: u8, value: u8) -> Arc<Frame> {
    let luma = (width as usize, height as usize);
    let chroma = (luma.0.div_ceil(2), luma.1.div_ceil(2));
    let plane = |size: (usize, usize), value| vec![value; size.0 * size.1];
    let planes = [
        plane(luma, value),
        plane(chroma, value.wrapping_add(1)),
        plane(chroma, value.wrapping_add(2)),
    ];
    let buffer = Box::new(Flat {
        size: [luma, chroma, chroma],
        planes,
    });
    Arc::new(Frame {
        width,
        height,
        bit_depth,
        buffer,
    })
}
