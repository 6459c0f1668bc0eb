// SPDX-License-Identifier: BSD-2-Clause
//! The log: `tracing` events on standard error, filtered by `DAEDALUS_LOG`.
//!
//! The shared object carries its own, hidden copy of `tracing`: a subscriber installed here as the default sees the driver's
//! and the engine's events on all their threads, and never one of a host application that uses `tracing` itself. Where the
//! driver is linked as a Rust library instead, a subscriber that the host has installed stays.

use crate::environment::Environment;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

/// Installs the log unless there is one already (of this process's first display).
pub fn install(environment: &Environment) {
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into());
    let filter = builder.parse_lossy(environment.log.as_deref().unwrap_or_default());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .finish();
    // Fails where a subscriber is installed: then that one counts.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
