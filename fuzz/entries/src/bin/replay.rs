// SPDX-License-Identifier: BSD-2-Clause
//! Runs fuzz targets without a fuzzer, on a stable compiler: each input of a corpus, then repeatable mutations of it.
//!
//! `replay CORPUS [--mutations N] [--seed S] [TARGET...]`: `CORPUS/TARGET/` holds the inputs; a target without any is an
//! error, so that nothing is passed over in silence.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use calls::mutate::{self, Random};
use entries::{Form, TARGETS, Target};
use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

struct Options {
    corpus: PathBuf,
    mutations: u64,
    seed: u64,
    targets: Vec<String>,
}

fn options() -> Result<Options, String> {
    let mut words = std::env::args().skip(1);
    let corpus = words
        .next()
        .ok_or("usage: replay CORPUS [--mutations N] [--seed S] [TARGET...]")?
        .into();
    let mut options = Options {
        corpus,
        mutations: 20,
        seed: 1,
        targets: Vec::new(),
    };
    while let Some(word) = words.next() {
        let mut number = || {
            words
                .next()
                .and_then(|n| n.parse().ok())
                .ok_or(format!("{word} needs a number"))
        };
        match word.as_str() {
            "--mutations" => options.mutations = number()?,
            "--seed" => options.seed = number()?,
            name if TARGETS.iter().any(|target| target.name == name) => options.targets.push(word),
            _ => return Err(format!("no target is named {word}")),
        }
    }
    Ok(options)
}

fn replay(target: &Target, options: &Options) -> Result<(usize, u64), String> {
    let dir = options.corpus.join(target.name);
    let mut files: Vec<PathBuf> = fs::read_dir(&dir)
        .map_err(|error| format!("{}: {error}", dir.display()))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(format!("{} is empty", dir.display()));
    }
    let mut runs = 0;
    for (number, path) in files.iter().enumerate() {
        let input = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        (target.run)(&input);
        for mutation in 0..options.mutations {
            let mut random = Random::new(options.seed ^ (number as u64) << 32 ^ mutation);
            let mut mutated = input.clone();
            for _ in 0..=random.below(3) {
                match target.form {
                    Form::Bytes => mutate::bytes(&mut mutated, &mut random),
                    Form::Calls => {
                        mutated = mutate::sequence(&mutated, &mut random, &mut mutate::bytes)
                    }
                }
            }
            // What ran last is what to look at after a crash that no panic message tells of.
            if let Some(path) = std::env::var_os("REPLAY_LAST") {
                fs::write(&path, &mutated).map_err(|error| error.to_string())?;
            }
            (target.run)(&mutated);
        }
        runs += 1 + options.mutations;
    }
    Ok((files.len(), runs))
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("replay: {error}");
            return ExitCode::FAILURE;
        }
    };
    for target in TARGETS.iter().filter(|target| {
        options.targets.is_empty() || options.targets.iter().any(|name| name == target.name)
    }) {
        let started = Instant::now();
        match replay(target, &options) {
            Ok((inputs, runs)) => println!(
                "{:17} {inputs:4} inputs, {runs:6} runs, {:.1} s",
                target.name,
                started.elapsed().as_secs_f64()
            ),
            Err(error) => {
                eprintln!("replay: {}: {error}", target.name);
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
