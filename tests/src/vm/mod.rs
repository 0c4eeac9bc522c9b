//! Tests in virtual machines: kernels are fetched, booted with our programs and the original's, and heard.

mod accelerator;
mod console;
mod cpio;
mod guest;
mod initramfs;
mod kernel;
mod machine;
mod module;
mod options;
mod section;
mod suite;
mod table;

use std::process::ExitCode;
use std::time::Instant;

use ::tests::{package, performance};
use anyhow::{Context, Result};

use accelerator::Accelerator;
use console::{Line, Verdict};
use guest::Guest;
use kernel::Release;
use machine::Setup;

use options::Options;
use section::Section;
use suite::Suite;
use table::{Column, Table};

const COULD_NOT: u8 = 2;
const PANICKED: u8 = 3;
const STALLED: u8 = 4;

/// The program.
pub(crate) fn main() -> ExitCode {
    match options::parse(std::env::args().skip(1)) {
        Ok(None) => {
            print!("{}", options::HELP);
            ExitCode::SUCCESS
        }
        Ok(Some(options)) => run(&options).unwrap_or_else(|error| could_not(&error)),
        Err(error) => could_not(&error),
    }
}

fn could_not(error: &anyhow::Error) -> ExitCode {
    eprintln!("vm: {error:#}");
    ExitCode::from(COULD_NOT)
}

fn run(options: &Options) -> Result<ExitCode> {
    let cache = package::cache()?;
    // All kernels first: what is missing shall be known before an hour of tests.
    let kernels = options
        .releases
        .iter()
        .map(|release| Ok((*release, release.get(&cache)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut suite = if options.command.is_empty() {
        Suite::build(options.release)?
    } else {
        Suite::programs(options.release)?
    };
    suite.only(&options.only)?;
    let mut boots = suite.boots();
    if !options.command.is_empty() {
        boots.truncate(1);
    }
    let mut columns = Vec::new();
    let mut worst = 0;
    for (release, kernel) in kernels {
        let mut column = Column::new(release.name);
        for suite in &boots {
            let run = |accelerator| {
                let mut filled = column.clone();
                let (status, is_the_emulators) =
                    one(options, accelerator, suite, release, &kernel, &mut filled)
                        .with_context(|| format!("kernel {}", release.name))?;
                anyhow::Ok((filled, status, is_the_emulators))
            };
            let (mut filled, mut status, is_the_emulators) = run(options.accelerator)?;
            if is_the_emulators {
                // What is measured shall be so on what was asked for.
                let again = if options.bench { options.accelerator } else { Accelerator::OneThread };
                println!("{}: that is the emulator's fault: once more, {again:?}", release.name);
                (filled, status, _) = run(again)?;
            }
            column = filled;
            worst = worst.max(status);
        }
        columns.push(column);
    }
    if !options.command.is_empty() {
        return Ok(ExitCode::from(worst));
    }
    println!("\n{}", Table(&columns));
    let (passed, differing) = columns
        .iter()
        .map(Column::sums)
        .fold((0, 0), |(passed, differing), sums| (passed + sums.0, differing + sums.1));
    println!("virtual machines: {passed} passed, {differing} failed");
    Ok(ExitCode::from(worst))
}

/// One machine's run: fills its kernel's column, and gives the exit status that it deserves and whether its end is the emulator's fault.
fn one(
    options: &Options,
    accelerator: Accelerator,
    suite: &Suite,
    release: &Release,
    kernel: &kernel::Kernel,
    column: &mut Column,
) -> Result<(u8, bool)> {
    let begin = Instant::now();
    let guest = Guest { suite, filter: options.filter.as_deref(), command: &options.command };
    let scratch = tempfile::NamedTempFile::new().context("a scratch file")?;
    let length = guest.initramfs(kernel)?.write(scratch.path())?;
    println!("{}: {} with {} MiB of files", release.name, kernel.version, length >> 20);
    let setup = Setup {
        image: &kernel.image,
        initramfs: scratch.path(),
        lsm: &options.lsm,
        append: &options.append,
        accelerator,
        memory: options.memory,
        stall: options.stall,
    };
    let mut section = Section::default();
    let mut job = Instant::now();
    let mut status = 0;
    let report = setup.run(|text| {
        column.hear(text);
        if section.hear(text) {
            return;
        }
        match console::line(text) {
            Line::Kernel(_) | Line::Done | Line::Stop => {}
            Line::Start(name) => {
                job = Instant::now();
                println!("{}: {name} begins", release.name);
            }
            Line::End(name, ended) => {
                status = status.max(ended);
                let seconds = job.elapsed().as_secs_f32();
                println!("{}: {name} ended with {ended} after {seconds:.1} s", release.name);
            }
            _ => println!("{}| {text}", release.name),
        }
    })?;
    println!("{}: {} after {:.1} s", release.name, report.verdict, begin.elapsed().as_secs_f32());
    if report.verdict == Verdict::Stopped {
        column.stopped();
    }
    let status = match report.verdict {
        Verdict::Panic(_) => PANICKED,
        Verdict::Stall(..) => STALLED,
        Verdict::Ended(_) => COULD_NOT,
        Verdict::Finished | Verdict::Stopped if options.command.is_empty() => u8::from(column.sums().1 > 0),
        Verdict::Finished | Verdict::Stopped => u8::try_from(status).unwrap_or(u8::MAX),
    };
    let is_the_emulators = report.is_of_the_emulator();
    if let Some(path) = &options.write
        && !is_the_emulators
    {
        let text = section.text().context("the benchmark did not come to its end: nothing is written")?;
        performance::write(path, |page| performance::section(page, release.name, &text))?;
        println!("{}: written to {}", release.name, path.display());
    }
    for warning in &report.warnings {
        println!("{}: the kernel warns: {warning}", release.name);
    }
    if !matches!(report.verdict, Verdict::Finished | Verdict::Stopped) {
        for text in &report.kernel {
            println!("{} kernel| {text}", release.name);
        }
        column.fail(report.verdict.to_string());
    }
    Ok((status, is_the_emulators))
}
