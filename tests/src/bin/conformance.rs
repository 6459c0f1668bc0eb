// SPDX-License-Identifier: BSD-2-Clause
//! Decodes every stream at hand through the driver with unmodified clients and compares every frame.
#![allow(missing_docs)]

use anyhow::{Context, Result, bail};
use harness::{
    manifest::{self, Stream},
    parallel, process, setting,
    setting::Setting,
    streams,
    verdict::{self, Abilities, Client, Verdict},
};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

const USAGE: &str = "usage: conformance [options]
  --filter WORD     only streams whose name contains WORD (may be given several times)
  --client NAME     ffmpeg or gstreamer (default: both)
  --only SET        vectors or made (default: both)
  --jobs N          streams at a time (default 2)
  --timeout SECONDS for one stream (default 90)
  --list FILE       write every verdict, tab-separated
  --prepare         only make the self-made streams
  --verbose         print passes and skips, too
Vectors: DAEDALUS_VECTORS, or ../shared/vectors beside the project. Driver: DAEDALUS_DRIVER_DIR, or target/dri.";

struct Options {
    filters: Vec<String>,
    clients: Vec<Client>,
    only: Option<String>,
    jobs: usize,
    limit: Duration,
    list: Option<PathBuf>,
    prepare: bool,
    verbose: bool,
}

fn options() -> Result<Options> {
    use lexopt::prelude::*;
    let mut options = Options {
        filters: vec![],
        clients: Client::ALL.into(),
        only: None,
        jobs: 2,
        limit: Duration::from_secs(90),
        list: None,
        prepare: false,
        verbose: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("filter") => options.filters.push(parser.value()?.string()?),
            Long("client") => {
                let name = parser.value()?.string()?;
                options.clients = Client::ALL
                    .into_iter()
                    .filter(|client| client.name() == name)
                    .collect();
                anyhow::ensure!(!options.clients.is_empty(), "no client {name}");
            }
            Long("only") => {
                options.only =
                    Some(parser.value()?.string()?).filter(|set| set == "vectors" || set == "made")
            }
            Long("jobs") => options.jobs = parser.value()?.parse::<usize>()?.max(1),
            Long("timeout") => options.limit = Duration::from_secs(parser.value()?.parse()?),
            Long("list") => options.list = Some(parser.value()?.into()),
            Long("prepare") => (options.prepare, options.only) = (true, Some("made".into())),
            Long("verbose") => options.verbose = true,
            Long("help") => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            _ => bail!("{}\n{USAGE}", arg.unexpected()),
        }
    }
    Ok(options)
}

fn collect(options: &Options) -> Result<(Vec<Stream>, Vec<String>)> {
    let wanted = |name: &str| {
        options.filters.is_empty()
            || options
                .filters
                .iter()
                .any(|word| name.contains(word.as_str()))
    };
    let (mut list, mut broken) = (Vec::new(), Vec::new());
    if options.only.as_deref() != Some("made") {
        match setting::vectors()? {
            Some(dir) => list.extend(
                manifest::read(&dir)?
                    .into_iter()
                    .filter(|stream| wanted(&stream.name)),
            ),
            None => eprintln!(
                "\n*** The sample of conformance streams is not at hand (set DAEDALUS_VECTORS): only self-made streams are tested. ***\n"
            ),
        }
    }
    if options.only.as_deref() != Some("vectors") {
        let (made, failed) =
            streams::prepare(options.jobs, &|name| wanted(&format!("made/{name}")))?;
        list.extend(made);
        broken = failed;
    }
    Ok((list, broken))
}

#[derive(Default)]
struct Count {
    pass: u32,
    fail: u32,
    skip: u32,
}

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("conformance: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode> {
    let started = Instant::now();
    let options = options()?;
    let (list, broken) = collect(&options)?;
    if options.prepare {
        broken
            .iter()
            .for_each(|reason| eprintln!("cannot be made: {reason}"));
        println!(
            "{} streams in {}",
            list.len(),
            streams::directory().display()
        );
        return Ok(if broken.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    let setting = Setting::new()?;
    let env = setting.environment(None);
    let vainfo = process::text(
        "vainfo",
        ["--display", "x11"],
        &env,
        Duration::from_secs(30),
    )
    .context("vainfo on the driver")?;
    let abilities = Abilities::parse(&vainfo);
    if options.clients.contains(&Client::Gstreamer) {
        setting.prepare_gstreamer()?;
    }
    let known = verdict::known_failures(
        &setting::root().join("tests/known-failures.tsv"),
        &verdict::release(),
    )?;

    let work: Vec<(Client, &Stream)> = list
        .iter()
        .flat_map(|stream| options.clients.iter().map(move |client| (*client, stream)))
        .collect();
    println!(
        "{} streams, {} runs, driver {}",
        list.len(),
        work.len(),
        setting.driver().display()
    );
    let mut results = parallel::map(&work, options.jobs, |(client, stream)| {
        let verdict = verdict::judge(&setting, &abilities, *client, stream, options.limit)
            .unwrap_or_else(|error| Verdict::Fail(format!("{error:#}")));
        let entry = known
            .iter()
            .find(|known| known.client == client.name() && known.stream == stream.name);
        let verdict = match (verdict, entry) {
            (Verdict::Fail(_), Some(known)) => Verdict::Skip(format!("known: {}", known.reason)),
            (Verdict::Pass(_), Some(_)) => {
                Verdict::Fail("passes, but is listed in tests/known-failures.tsv".into())
            }
            (verdict, _) => verdict,
        };
        if options.verbose || matches!(verdict, Verdict::Fail(_)) {
            println!("{:9} {} {verdict}", client.name(), stream.name);
        }
        (*client, *stream, verdict)
    })?;
    results.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    if let Some(path) = &options.list {
        let mut text = String::new();
        for (client, stream, verdict) in &results {
            writeln!(text, "{}\t{}\t{verdict}", client.name(), stream.name)?;
        }
        fs::write(path, text)?;
    }
    Ok(report(&results, &broken, started))
}

fn report(results: &[(Client, &Stream, Verdict)], broken: &[String], started: Instant) -> ExitCode {
    let mut suites: BTreeMap<(Client, String), Count> = BTreeMap::new();
    let mut reasons: BTreeMap<(Client, &str), Vec<&str>> = BTreeMap::new();
    let mut total = Count::default();
    for (client, stream, verdict) in results {
        for key in [stream.suite().to_owned(), format!("~ all {}", stream.codec)] {
            let count = suites.entry((*client, key)).or_default();
            match verdict {
                Verdict::Pass(_) => count.pass += 1,
                Verdict::Fail(_) => count.fail += 1,
                Verdict::Skip(_) => count.skip += 1,
            }
        }
        match verdict {
            Verdict::Pass(_) => total.pass += 1,
            Verdict::Fail(_) => total.fail += 1,
            Verdict::Skip(reason) => {
                total.skip += 1;
                reasons
                    .entry((*client, reason))
                    .or_default()
                    .push(&stream.name);
            }
        }
    }
    println!(
        "\n{:10} {:26} passed/total  not for this client",
        "client", "suite"
    );
    for ((client, suite), count) in &suites {
        let (all, suite) = (count.pass + count.fail, suite.trim_start_matches("~ "));
        println!(
            "{:10} {suite:26} {:>6}/{all:<5}  {}",
            client.name(),
            count.pass,
            if count.skip > 0 {
                count.skip.to_string()
            } else {
                String::new()
            }
        );
    }
    if !reasons.is_empty() {
        println!("\nNot for this client:");
    }
    for ((client, reason), names) in &reasons {
        let some = names.iter().take(4).copied().collect::<Vec<_>>().join(", ");
        println!(
            "  {} {:3} {reason}: {some}{}",
            client.name(),
            names.len(),
            if names.len() > 4 { ", ..." } else { "" }
        );
    }
    let failures: Vec<_> = results
        .iter()
        .filter(|(_, _, verdict)| matches!(verdict, Verdict::Fail(_)))
        .collect();
    if !failures.is_empty() || !broken.is_empty() {
        println!("\nFailures:");
    }
    for (client, stream, verdict) in failures {
        println!("  {:9} {} {verdict}", client.name(), stream.name);
    }
    for reason in broken {
        println!("  cannot be made: {reason}");
    }
    let failed = total.fail + u32::try_from(broken.len()).unwrap_or(u32::MAX);
    println!("\nconformance: {:.0} s", started.elapsed().as_secs_f64());
    println!(
        "{} passed, {failed} failed, {} skipped",
        total.pass, total.skip
    );
    if failed == 0 && total.pass > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
