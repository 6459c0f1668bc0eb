// SPDX-License-Identifier: BSD-2-Clause
//! The environment variables that the driver heeds, read once per display.
//!
//! | variable | value | default |
//! |---|---|---|
//! | `DAEDALUS_LOG` | filter of the log on standard error, as in `debug` or `engine=trace` | `warn` |
//! | `DAEDALUS_THREADS` | pictures of one stream that may decode in parallel, 1 to 64 | processors, at most 8 |
//! | `DAEDALUS_STATS` | file to which each context appends a line of counts when it ends | none |
//! | `DAEDALUS_RECORD` | directory for a trace file per stream: every picture and the MD5 of its pixels | none |

use std::path::PathBuf;

/// Most threads that `DAEDALUS_THREADS` may ask for.
const MAX_THREADS: usize = 64;
/// Most threads without being asked: more gain little, and cost a frame each.
const DEFAULT_THREADS: usize = 8;

/// What the environment asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `DAEDALUS_LOG`
    pub log: Option<String>,
    /// `DAEDALUS_THREADS`
    pub threads: usize,
    /// `DAEDALUS_STATS`
    pub stats: Option<PathBuf>,
    /// `DAEDALUS_RECORD`
    pub record: Option<PathBuf>,
}

impl Environment {
    /// Reads the process's environment; in a process with raised privileges it counts for nothing.
    pub fn read() -> Self {
        let raised = raised_privileges();
        Self::from(|name| {
            if raised {
                None
            } else {
                std::env::var_os(name)?.into_string().ok()
            }
        })
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let processors = || {
            std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(DEFAULT_THREADS)
        };
        let threads = set("DAEDALUS_THREADS").and_then(|value| value.parse::<usize>().ok());
        Self {
            log: set("DAEDALUS_LOG"),
            threads: threads.map_or_else(processors, |threads| threads.clamp(1, MAX_THREADS)),
            stats: set("DAEDALUS_STATS").map(PathBuf::from),
            record: set("DAEDALUS_RECORD").map(PathBuf::from),
        }
    }
}

#[allow(unsafe_code)]
fn raised_privileges() -> bool {
    // SAFETY: reads a number that the kernel put beside the program's arguments.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_clamped_and_garbage_is_default() {
        let threads = |value: &str| Environment::from(|_| Some(value.into())).threads;
        assert_eq!(threads("3"), 3);
        assert_eq!(threads("0"), 1);
        assert_eq!(threads("100000"), MAX_THREADS);
        let default = Environment::from(|_| None);
        assert!((1..=DEFAULT_THREADS).contains(&default.threads));
        assert_eq!(threads("many"), default.threads);
        assert_eq!(threads(""), default.threads);
        assert_eq!(default.stats, None);
    }
}
