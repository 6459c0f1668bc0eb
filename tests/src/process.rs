// SPDX-License-Identifier: BSD-2-Clause
//! Child processes with a time limit, their output and what they cost.

use anyhow::{Context, Result};
use md5::{Digest, Md5};
use std::{
    ffi::OsStr,
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};
use wait4::Wait4;

/// What a finished process left.
#[derive(Debug)]
pub struct Finished {
    /// As `waitpid` reports it.
    pub status: ExitStatus,
    /// Whether the time limit ended it.
    pub timed_out: bool,
    /// Bytes written to standard output.
    pub bytes: u64,
    /// The end of standard error, at most 64 KiB.
    pub stderr: String,
    /// Wall-clock time.
    pub wall: Duration,
    /// User and system time of all its threads.
    pub cpu: Duration,
    /// Peak resident set in bytes.
    pub peak_rss: u64,
}

impl Finished {
    /// Exited with 0 within its time.
    pub fn ok(&self) -> bool {
        self.status.success() && !self.timed_out
    }

    /// Why it failed, in one line: time-out, signal, or the last line of standard error.
    pub fn reason(&self) -> String {
        if self.timed_out {
            return "timed out".into();
        }
        let last = self
            .stderr
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("");
        let last: String = last.trim().chars().take(160).collect();
        // `timeout` dies by the signal that its child died by, or reports it as a shell does.
        let code = self.status.code().unwrap_or(0);
        match self
            .status
            .signal()
            .or((129..=165).contains(&code).then_some(code - 128))
        {
            Some(signal) => format!("died by signal {signal}: {last}"),
            None if code == 0 => last,
            None => format!("exit status {code}: {last}"),
        }
    }
}

/// Runs `program` to its end, or kills it after `limit`; standard output goes to `sink`.
///
/// # Errors
/// The process cannot be started, or `sink` fails.
pub fn run<S, I>(
    program: &str,
    args: I,
    env: &[(String, String)],
    limit: Duration,
    sink: &mut dyn Write,
) -> Result<Finished>
where
    S: AsRef<OsStr>,
    I: IntoIterator<Item = S>,
{
    let started = Instant::now();
    let mut child = Command::new("timeout")
        .args([
            "--signal=KILL",
            &format!("{:.1}", limit.as_secs_f64()),
            program,
        ])
        .args(args)
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program} (coreutils' timeout)"))?;
    let mut errors = child.stderr.take().context("no standard error")?;
    let tail = std::thread::spawn(move || keep_tail(&mut errors));
    let mut output = child.stdout.take().context("no standard output")?;
    let mut block = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let n = output.read(&mut block)?;
        if n == 0 {
            break;
        }
        sink.write_all(&block[..n])?;
        bytes += n as u64;
    }
    let usage = child.wait4()?;
    let wall = started.elapsed();
    let stderr = tail.join().unwrap_or_default();
    let killed = usage.status.code() == Some(137) || usage.status.code().is_none();
    Ok(Finished {
        status: usage.status,
        timed_out: killed && wall >= limit,
        bytes,
        stderr,
        wall,
        cpu: usage.rusage.utime + usage.rusage.stime,
        peak_rss: usage.rusage.maxrss,
    })
}

fn keep_tail(from: &mut dyn Read) -> String {
    const KEEP: usize = 64 << 10;
    let mut kept = Vec::new();
    let mut block = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut block) {
        kept.extend_from_slice(&block[..n]);
        if kept.len() > 2 * KEEP {
            kept.drain(..kept.len() - KEEP);
        }
    }
    kept.drain(..kept.len().saturating_sub(KEEP));
    String::from_utf8_lossy(&kept).into_owned()
}

/// Runs a process whose output is text.
///
/// # Errors
/// As [`run`]; an exit status other than 0 is an error, too.
pub fn text<S: AsRef<OsStr>>(
    program: &str,
    args: impl IntoIterator<Item = S>,
    env: &[(String, String)],
    limit: Duration,
) -> Result<String> {
    let mut out = Vec::new();
    let done = run(program, args, env, limit, &mut out)?;
    anyhow::ensure!(done.ok(), "{program}: {}", done.reason());
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// A sink that keeps only the MD5 of what it gets.
#[derive(Default)]
pub struct Md5Sink(Md5);

impl Md5Sink {
    /// Lower-case hexadecimal digits.
    pub fn hex(self) -> String {
        self.0
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl Write for Md5Sink {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// MD5 of a byte string, lower-case hexadecimal.
pub fn md5_hex(data: &[u8]) -> String {
    let mut sink = Md5Sink::default();
    sink.0.update(data);
    sink.hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit_ms: u64) -> (Finished, String) {
        let mut sink = Md5Sink::default();
        let done = run(
            "sh",
            ["-c", script],
            &[],
            Duration::from_millis(limit_ms),
            &mut sink,
        )
        .unwrap();
        (done, sink.hex())
    }

    #[test]
    fn output_is_digested_and_counted() {
        let (done, md5) = sh("printf abc; echo problem >&2; exit 3", 5000);
        assert_eq!(md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!((done.bytes, done.ok()), (3, false));
        assert_eq!(done.reason(), "exit status 3: problem");
    }

    #[test]
    fn time_limit_and_signals_are_told_apart() {
        let (slow, _) = sh("sleep 20", 300);
        assert!(
            slow.timed_out && slow.wall < Duration::from_secs(10),
            "{slow:?}"
        );
        let (crashed, _) = sh("kill -SEGV $$", 5000);
        assert!(!crashed.timed_out && !crashed.ok());
        assert!(
            crashed.reason().starts_with("died by signal 11"),
            "{}",
            crashed.reason()
        );
    }

    #[test]
    fn cpu_time_is_that_of_the_child() {
        let (busy, _) = sh("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", 20000);
        assert!(
            busy.cpu > Duration::from_millis(20) && busy.peak_rss > 100_000,
            "{busy:?}"
        );
    }
}
