//! `umbractl analyze`: the report and the verdict on recorded pairs, line by line, in memory that does not grow with
//! the file.

mod line;
mod settings;
mod text;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    time::{Duration, Instant},
};

use umbra_compare::{
    report::{Report, judge, triple, view, words},
    verdict::Answer,
};

use self::{line::Line, settings::Settings};
use crate::{
    cli::{AnalyzeArgs, Format},
    failure::{Failure, Outcome},
    output::Output,
};

/// A line holds three answers. One that is longer is no pair, but a file without line ends.
const MAX_LINE_BYTES: u64 = 256 << 20;

/// How often it says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Reads the pairs, and says what they add up to.
pub(super) fn run(args: &AnalyzeArgs, output: &Output) -> Result<Outcome, Failure> {
    let settings = Settings::read(args.filename.as_deref(), args.shadow.as_deref())?;
    let report = read(&args.pairs, &settings, output)?;
    let judgement = judge::judge(&report, &settings.gates);
    let analysis = view::analysis(&judgement, &report, &settings.gates);
    match output.format() {
        Format::Table => output.text(&text::of(&judgement, &report))?,
        Format::Json => output.show(&analysis, String::new)?,
        Format::Yaml => {
            // What is embedded as JSON text would not be YAML: it goes through plain values.
            let plain = serde_json::to_value(&analysis)
                .map_err(|error| Failure::error(format!("cannot write YAML: {error}")))?;
            output.show(&plain, String::new)?;
        }
    }
    Ok(match judgement.answer {
        Answer::Go => Outcome::Yes,
        Answer::NoGo => Outcome::No,
        Answer::NotEnoughEvidence => Outcome::Unsettled,
    })
}

fn read(path: &Path, settings: &Settings, output: &Output) -> Result<Report, Failure> {
    let name = if path.as_os_str() == "-" { "stdin".to_owned() } else { path.display().to_string() };
    let failed = |error: io::Error| Failure::error(format!("{name}: {error}"));
    let mut source: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::with_capacity(1 << 20, File::open(path).map_err(failed)?))
    };
    let mut report = Report::default();
    let mut line = Vec::new();
    let mut said = Instant::now();
    let mut has_said = false;
    for number in 1_u64.. {
        line.clear();
        let read = source.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(failed)?;
        if read == 0 {
            break;
        }
        let wrong = |message: String| Failure::error(format!("{name}: line {number}: {message}"));
        if read as u64 == MAX_LINE_BYTES {
            return Err(wrong(format!("is longer than {MAX_LINE_BYTES} bytes")));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let added = Line::parse(&line).and_then(|line| {
            line.with(number, settings, |triple| {
                let examined = triple::examine(triple, &settings.choice);
                report.add(triple, examined.as_ref());
            })
        });
        if let Err(message) = added {
            if has_said {
                output.progress("");
            }
            return Err(wrong(message));
        }
        if said.elapsed() >= PROGRESS_EVERY {
            output.progress(&format!("{} pairs", words::number(report.whole.mirrored())));
            (said, has_said) = (Instant::now(), true);
        }
    }
    if has_said {
        output.progress("");
    }
    Ok(report)
}
