// SPDX-License-Identifier: BSD-2-Clause
//! Many threads on one driver, for a sanitizer to watch: each replays recorded streams in a context of its own, while others
//! query, read, export and destroy the same surfaces, known or stale, at any moment. Sessions of the engine run beside them.
//!
//! `threads CORPUS [--workers N] [--rounds N] [--seed S]`
#![allow(clippy::print_stdout)]

use calls::{
    driver::Driver,
    machine::Machine,
    mutate::Random,
    op::{self, Code, Op},
};
use entries::{session, va_calls};
use std::{
    error::Error,
    fs,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use v4l2_common::picture::Codec;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Surfaces of all workers, the newest last.
type Pool = Mutex<Vec<u32>>;

fn inputs(corpus: &Path, target: &str) -> Result<Vec<Vec<u8>>> {
    let mut files: Vec<_> = fs::read_dir(corpus.join(target))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(format!("no inputs of {target}").into());
    }
    Ok(files.iter().map(fs::read).collect::<std::io::Result<_>>()?)
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let corpus = words
        .next()
        .ok_or("usage: threads CORPUS [--workers N] [--rounds N] [--seed S]")?;
    let (mut workers, mut rounds, mut seed) = (6, 2, 1);
    while let Some(word) = words.next() {
        let number = words.next().ok_or("a number is missing")?.parse()?;
        match word.as_str() {
            "--workers" => workers = number,
            "--rounds" => rounds = number,
            "--seed" => seed = number,
            _ => return Err(format!("what is {word}?").into()),
        }
    }
    let corpus = Path::new(&corpus);
    let streams: Vec<Vec<Op>> = inputs(corpus, "va_calls")?
        .iter()
        .map(|data| op::decode(data))
        .collect();
    let sessions = [Codec::H264, Codec::Vp9, Codec::Av1]
        .map(|codec| Ok((inputs(corpus, &format!("{}_session", codec.name()))?, codec)));
    let sessions = sessions.into_iter().collect::<Result<Vec<_>>>()?;
    let driver = va_calls::driver();
    let (pool, done, calls) = (Pool::default(), AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (driver, pool, done, calls) = (&driver, &pool, &done, &calls);
            scope
                .spawn(move || disturb(driver, pool, done, calls, Random::new(seed << 8 | number)));
        }
        let sessions = &sessions;
        let engine = scope.spawn(move || {
            for (inputs, codec) in sessions.iter().cycle().take(3 * rounds as usize) {
                inputs
                    .iter()
                    .take(2)
                    .for_each(|input| session::run(*codec, input));
            }
        });
        let threads: Vec<_> = (0..workers)
            .map(|number| {
                let (driver, pool, streams, calls) = (&driver, &pool, &streams, &calls);
                scope.spawn(move || work(driver, pool, streams, calls, number as usize, rounds))
            })
            .collect();
        let failed = threads
            .into_iter()
            .chain([engine])
            .filter_map(|thread| thread.join().err())
            .count();
        done.store(true, Ordering::Relaxed);
        assert_eq!(failed, 0, "threads panicked");
    });
    println!(
        "{} calls by {workers} workers and 3 others",
        calls.load(Ordering::Relaxed)
    );
    Ok(())
}

/// Replays streams, each in its own client.
fn work(
    driver: &Driver,
    pool: &Pool,
    streams: &[Vec<Op>],
    calls: &AtomicU64,
    number: usize,
    rounds: u64,
) {
    for round in 0..rounds as usize {
        let mut machine = Machine::new(driver);
        for op in &streams[(number + round * 7) % streams.len()] {
            machine.step(op);
            calls.fetch_add(1, Ordering::Relaxed);
            if matches!(op.code, Code::CreateSurfaces | Code::Picture) {
                let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
                pool.push(machine.surface(op.args[1]));
                if pool.len() > 64 {
                    pool.remove(0);
                }
            }
        }
    }
}

/// Calls that any thread may make on any surface at any time.
fn disturb(driver: &Driver, pool: &Pool, done: &AtomicBool, calls: &AtomicU64, mut random: Random) {
    let mut machine = Machine::new(driver);
    machine.step(&Op::new(Code::CreateImage, &[0, 96, 80]));
    machine.step(&Op::new(Code::CreateImage, &[1, 96, 80]));
    let mut images = 2;
    while !done.load(Ordering::Relaxed) {
        let surface = {
            let pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
            pool.get(random.below(pool.len())).copied()
        };
        let Some(surface) = surface else {
            std::thread::yield_now();
            continue;
        };
        let place = machine.adopt_surface(surface);
        let op = match random.below(40) {
            0 => Op::new(Code::DestroySurfaces, &[place, 1]),
            1..=4 => Op::new(Code::Export, &[place, 0, 1 | 4]),
            5..=10 => Op::new(Code::SyncSurface, &[place]),
            11..=16 => Op::new(Code::SyncSurface2, &[place, 500]),
            17..=22 => Op::new(
                Code::GetImage,
                &[place, random.below(2) as u16, 0, 0, 64, 64],
            ),
            23..=26 => {
                if machine.step(&Op::new(Code::DeriveImage, &[place])) == 0 {
                    images += 1;
                }
                Op::new(Code::DestroyImage, &[images - 1])
            }
            27..=30 => Op::new(Code::QueryError, &[place]),
            31..=33 => Op::new(
                Code::Query,
                &[random.below(8) as u16, random.below(8) as u16, 1],
            ),
            _ => Op::new(Code::QueryStatus, &[place]),
        };
        machine.step(&op);
        calls.fetch_add(1, Ordering::Relaxed);
        if images > 40_000 {
            return;
        }
    }
}
