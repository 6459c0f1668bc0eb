// SPDX-License-Identifier: BSD-2-Clause
//! Runs a program's own body in a child process that has the driver and a display in its environment, and a time limit:
//! libva reads its settings only there, and a hang or a crash is then an exit status.

use anyhow::{Context, Result, bail};
use harness::setting::Setting;
use std::{
    env,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

const MARK: &str = "DAEDALUS_STRESS_CHILD";

/// Calls `body` in a child of this process, which gets the same arguments; reports how it ended.
pub fn main(limit: Duration, body: impl FnOnce() -> Result<()>) -> ExitCode {
    let result = if env::var_os(MARK).is_some() {
        body()
    } else {
        parent(limit, &[])
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr)]
fn report(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

/// Runs this program again as the child, with more variables in its environment.
///
/// # Errors
/// There is no driver or no display; the child fails, dies or does not end.
pub fn parent(limit: Duration, more: &[(&str, &str)]) -> Result<()> {
    let setting = Setting::new()?;
    let mut command = Command::new(env::current_exe()?);
    command
        .args(env::args_os().skip(1))
        .envs(setting.environment(None))
        .env(MARK, "1")
        .envs(more.iter().copied());
    let mut child = command.spawn().context("cannot start the child process")?;
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("the test process ended with {status}");
            }
            return Ok(());
        }
        if started.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("the test process did not end within {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
