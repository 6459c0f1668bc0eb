// SPDX-License-Identifier: BSD-2-Clause
//! Whole pictures through an engine session: what a V4L2 client that knows no VA can send to the service.

use crate::{pictures, quiet};
use engine::session::{Session, SessionConfig};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};
use v4l2_common::picture::Codec;

/// Pictures of one input at most.
const MOST: usize = 24;

/// H.264
pub fn h264(data: &[u8]) {
    quiet::after(|| run(Codec::H264, data));
}

/// VP9
pub fn vp9(data: &[u8]) {
    quiet::after(|| run(Codec::Vp9, data));
}

/// AV1
pub fn av1(data: &[u8]) {
    quiet::after(|| run(Codec::Av1, data));
}

/// Every submission is completed once, in order, within a bounded time.
pub fn run(codec: Codec, data: &[u8]) {
    let (sender, completions) = mpsc::channel();
    let expected = Arc::new(AtomicU64::new(0));
    let next = expected.clone();
    let threads = 1 + usize::from(data.first().copied().unwrap_or(0) & 1);
    let on_complete = Box::new(move |completion: engine::session::Completion| {
        assert_eq!(
            completion.sequence,
            next.fetch_add(1, Ordering::SeqCst),
            "completions out of order"
        );
        if let Some(frame) = &completion.frame {
            for index in 0..3 {
                let plane = frame.buffer.plane(index);
                assert!(index > 0 || plane.is_some());
                if let Some(plane) = plane {
                    let row = plane.width * usize::from(frame.bit_depth).div_ceil(8);
                    let end = plane.stride * plane.height.saturating_sub(1) + row;
                    assert!(
                        row <= plane.stride && end <= plane.data.len(),
                        "a plane outside of its memory"
                    );
                    assert!(
                        plane
                            .data
                            .iter()
                            .step_by(61)
                            .fold(0u8, |sum, byte| sum ^ byte)
                            < 255
                            || plane.height > 0
                    );
                }
            }
        }
        sender
            .send(completion.sequence)
            .expect("the receiver lives");
    });
    let session = Session::new(SessionConfig { codec, threads }, on_complete).expect("a session");
    let mut submitted = 0;
    for picture in pictures::decode(codec, data).into_iter().take(MOST) {
        let kick = picture.timestamp % 5 == 0;
        if let Ok(sequence) = session.submit(picture) {
            assert_eq!(sequence, submitted);
            submitted += 1;
            if kick {
                session.kick(sequence);
            }
        }
    }
    session.flush();
    for _ in 0..submitted {
        completions
            .recv_timeout(Duration::from_secs(30))
            .expect("a picture is completed within its time");
    }
    end(session);
    assert_eq!(
        expected.load(Ordering::SeqCst),
        submitted,
        "a completion too many"
    );
}

/// Ends a session; it waits for its threads.
fn end(_session: Session) {}
