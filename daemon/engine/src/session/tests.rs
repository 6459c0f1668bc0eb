// SPDX-License-Identifier: BSD-2-Clause
//! The session's promises, against a decoder that can be told to misbehave.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Instant;
use v4l2_common::picture::{Controls, Vp9Controls};

/// A pipeline of `depth`; the first byte of a picture says what happens.
struct Fake {
    depth: usize,
    pending: VecDeque<u64>,
    pushes: Arc<AtomicUsize>,
}

const PANIC: u8 = 1;
const LOSE: u8 = 2;
const SLEEP: u8 = 3;

impl Fake {
    fn pop(&mut self, done: &mut Vec<Decoded>) {
        if let Some(sequence) = self.pending.pop_front() {
            done.push(Decoded {
                sequence,
                frame: None,
                grained: None,
                error: None,
            });
        }
    }
}

impl Decoder for Fake {
    fn send(&mut self, sequence: u64, picture: Picture, done: &mut Vec<Decoded>) {
        match picture.bitstream.first() {
            Some(&PANIC) => panic!("told to"),
            Some(&LOSE) => return,
            Some(&SLEEP) => std::thread::sleep(Duration::from_millis(50)),
            _ => {}
        }
        self.pending.push_back(sequence);
        if self.pending.len() >= self.depth {
            self.pop(done);
        }
    }

    fn push(&mut self, done: &mut Vec<Decoded>) {
        self.pushes.fetch_add(1, Ordering::SeqCst);
        self.pop(done);
    }

    fn pending(&self) -> usize {
        self.pending.len()
    }
}

fn picture(timestamp: u64, order: u8) -> Picture {
    Picture {
        controls: Controls::Vp9(Box::<Vp9Controls>::default()),
        bitstream: vec![order],
        timestamp,
    }
}

fn session(depth: usize) -> (Session, Receiver<Completion>, Arc<AtomicUsize>) {
    let (sender, receiver) = channel();
    let pushes = Arc::new(AtomicUsize::new(0));
    let counter = pushes.clone();
    let open = move || -> Box<dyn Decoder> {
        Box::new(Fake {
            depth,
            pending: VecDeque::new(),
            pushes: counter.clone(),
        })
    };
    let decoder = open();
    let session = Session::with_decoder(
        Codec::Vp9,
        decoder,
        Box::new(move || Ok(open())),
        Box::new(move |completion| drop(sender.send(completion))),
    );
    (session.unwrap(), receiver, pushes)
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn every_picture_completes_once_and_in_order() {
    let (session, receiver, _) = session(4);
    for i in 0..1000 {
        assert_eq!(session.submit(picture(i + 1, 0)), Ok(i));
        if i % 7 == 0 {
            session.kick(i);
        }
    }
    session.flush();
    for i in 0..1000 {
        let completion = receiver.recv_timeout(LONG).unwrap();
        assert_eq!(
            (completion.sequence, completion.timestamp, completion.error),
            (i, i + 1, None)
        );
    }
    drop(session);
    assert!(receiver.recv_timeout(LONG).is_err());
}

#[test]
fn a_dry_queue_is_pushed_without_a_kick() {
    let (session, receiver, _) = session(8);
    session.submit(picture(1, 0)).unwrap();
    session.submit(picture(2, 0)).unwrap();
    assert_eq!(receiver.recv_timeout(LONG).unwrap().sequence, 0);
    assert_eq!(receiver.recv_timeout(LONG).unwrap().sequence, 1);
}

#[test]
fn a_kick_pushes_no_further_than_its_picture() {
    let (session, receiver, pushes) = session(8);
    let start = Instant::now();
    for i in 0..4 {
        session.submit(picture(i + 1, 0)).unwrap();
    }
    session.kick(1);
    session.kick(0);
    assert_eq!(receiver.recv_timeout(LONG).unwrap().sequence, 0);
    assert_eq!(receiver.recv_timeout(LONG).unwrap().sequence, 1);
    let pushed = pushes.load(Ordering::SeqCst);
    // Unless the machine was so slow that the queue counted as dry.
    assert!(pushed == 2 || start.elapsed() >= DRY, "{pushed} pushes");
}

#[test]
fn dropping_a_session_closes_what_is_pending() {
    let (session, receiver, _) = session(8);
    session.submit(picture(1, SLEEP)).unwrap();
    for i in 1..20 {
        session.submit(picture(i + 1, 0)).unwrap();
    }
    drop(session);
    let completions: Vec<_> = receiver.iter().collect();
    assert_eq!(
        completions.iter().map(|c| c.sequence).collect::<Vec<_>>(),
        (0..20).collect::<Vec<_>>()
    );
    assert!(
        completions
            .iter()
            .all(|c| matches!(c.error, None | Some(EngineError::Closed)))
    );
    assert_eq!(completions.last().unwrap().error, Some(EngineError::Closed));
}

#[test]
fn a_panicking_or_forgetful_decoder_is_replaced() {
    for order in [PANIC, LOSE] {
        let (session, receiver, _) = session(3);
        for (i, order) in [0, 0, order, 0].into_iter().enumerate() {
            session.submit(picture(i as u64 + 1, order)).unwrap();
        }
        session.flush();
        for i in 0..4 {
            let completion = receiver.recv_timeout(LONG).unwrap();
            assert_eq!(completion.sequence, i);
            if i == 2 {
                assert!(
                    matches!(completion.error, Some(EngineError::Damaged(_))),
                    "{completion:?}"
                );
            }
            if i == 3 {
                assert_eq!(completion.error, None);
            }
        }
    }
}

#[test]
fn another_codecs_picture_is_refused() {
    let (session, receiver, _) = session(1);
    let other = Picture {
        controls: Controls::H264(Box::default()),
        bitstream: vec![],
        timestamp: 1,
    };
    assert!(matches!(
        session.submit(other),
        Err(EngineError::Invalid(_))
    ));
    assert_eq!(session.submit(picture(1, 0)), Ok(0));
    assert_eq!(receiver.recv_timeout(LONG).unwrap().sequence, 0);
}

#[test]
fn a_completion_may_panic_and_may_drop_its_session() {
    let (sender, receiver) = channel();
    let (session_sender, session_receiver) = channel::<Session>();
    let open = || -> Box<dyn Decoder> {
        Box::new(Fake {
            depth: 1,
            pending: VecDeque::new(),
            pushes: Arc::default(),
        })
    };
    let session = Session::with_decoder(
        Codec::Vp9,
        open(),
        Box::new(move || Ok(open())),
        Box::new(move |completion| {
            if completion.sequence == 0 {
                panic!("told to");
            }
            drop(session_receiver.recv_timeout(LONG).unwrap());
            sender.send(completion.sequence).unwrap();
        }),
    )
    .unwrap();
    session.submit(picture(1, 0)).unwrap();
    session.submit(picture(2, 0)).unwrap();
    session_sender.send(session).unwrap();
    assert_eq!(receiver.recv_timeout(LONG), Ok(1));
}
