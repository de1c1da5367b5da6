//! `umbractl audit`: who changed what, and whether that is what was written.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;
use umbra_audit::{Chain, Hash, Line};

use super::get::{AUDIT_PAGE, audit_table};
use crate::{
    cli::audit::{AuditArgs, AuditCommand, AuditFilter},
    client::Client,
    failure::{Failure, Outcome},
    output::Output,
};

/// What was found of a trail.
#[derive(Debug, Serialize)]
struct Checked {
    rows: u64,
    ok: bool,
    /// The id of the first row that does not go on from the one before it.
    first_bad: Option<u64>,
    /// The hash of the last row that is good.
    head: String,
    /// The head that was asked for, and whether it is in the trail.
    #[serde(skip_serializing_if = "Option::is_none")]
    remembered: Option<Remembered>,
}

#[derive(Debug, Serialize)]
struct Remembered {
    head: String,
    found: bool,
}

/// Follows a chain until it breaks.
struct Follower {
    chain: Chain,
    wanted: Option<Hash>,
    /// The head before the break, and the row that does not fit.
    broken: Option<(Hash, u64)>,
}

/// Shows rows, exports them, or checks the chain.
pub(super) async fn run(
    connect: impl FnOnce() -> Result<Client, Failure>,
    args: &AuditArgs,
    output: &Output,
) -> Result<Outcome, Failure> {
    match &args.command {
        Some(AuditCommand::Verify { head, file }) => {
            let mut follower = Follower { chain: Chain::looking_for(*head), wanted: *head, broken: None };
            match file {
                Some(file) => read(file, &mut follower)?,
                None => {
                    let all = AuditFilter {
                        actor: None,
                        action: None,
                        kind: None,
                        name: None,
                        since: None,
                        until: None,
                    };
                    let asked = connect()?
                        .audit_export(&all.query(), |line| follower.follow(line).map(ControlFlow::Continue))
                        .await;
                    // No refusal says anything about the trail.
                    asked.map_err(Failure::into_error)?;
                }
            }
            show(&follower.checked(), output)
        }
        None if args.export => {
            let query = args.filter.query();
            let print = |line: &str| {
                output.raw(&format!("{line}\n"))?;
                Ok(if output.is_unread() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            };
            connect()?.audit_export(&query, print).await?;
            Ok(Outcome::Yes)
        }
        None => rows(&connect()?, args, output).await,
    }
}

async fn rows(client: &Client, args: &AuditArgs, output: &Output) -> Result<Outcome, Failure> {
    let query = args.filter.query();
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let (mut entries, mut before) = (Vec::new(), None);
    loop {
        let page = client.audit(args.limit.min(AUDIT_PAGE), before, &query).await?;
        entries.extend(page.items);
        // A page that does not go on from the one before would be asked for again and again.
        let goes_on = page.next.is_some_and(|next| before.is_none_or(|before| next < before));
        if entries.len() >= limit || !goes_on {
            break;
        }
        before = page.next;
    }
    entries.truncate(limit);
    if entries.is_empty() {
        output.note("no audit entries");
    }
    output.show(&serde_json::json!({ "items": entries }), || audit_table(&entries))?;
    Ok(Outcome::Yes)
}

fn read(file: &Path, follower: &mut Follower) -> Result<(), Failure> {
    let failed = |error| Failure::error(format!("{}: {error}", file.display()));
    let reader: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(file).map_err(failed)?))
    };
    reader.lines().try_for_each(|line| follower.follow(&line.map_err(failed)?))
}

impl Follower {
    fn follow(&mut self, line: &str) -> Result<(), Failure> {
        if self.broken.is_some() || line.trim().is_empty() {
            return Ok(());
        }
        let row = Line::read(line)
            .map_err(|error| Failure::error(format!("row {}: {error}", self.chain.rows() + 1)))?;
        let head = self.chain.head();
        let fits = row.hash().is_some_and(|hash| self.chain.check(&row.entry(), hash).is_ok());
        if !fits {
            self.broken = Some((head, row.entry().id));
        }
        Ok(())
    }

    fn checked(&self) -> Checked {
        let found = self.chain.remembers();
        Checked {
            rows: self.chain.rows(),
            ok: self.broken.is_none() && found,
            first_bad: self.broken.map(|(_, id)| id),
            head: self.broken.map_or(self.chain.head(), |(head, _)| head).to_string(),
            remembered: self.wanted.map(|head| Remembered { head: head.to_string(), found }),
        }
    }
}

fn show(checked: &Checked, output: &Output) -> Result<Outcome, Failure> {
    output.show(checked, || {
        let Checked { rows, head, .. } = checked;
        match (checked.first_bad, &checked.remembered) {
            (Some(id), _) => format!("row {id} is not what was written, or what was before it is not; head before it: {head}\n"),
            (None, Some(Remembered { head: wanted, found: false })) => {
                format!("{rows} rows, each goes on from the one before, but none has the hash {wanted}: the end was cut off, or all was made anew; head: {head}\n")
            }
            (None, _) => format!("{rows} rows, each goes on from the one before; head: {head}\n"),
        }
    })?;
    Ok(if checked.ok { Outcome::Yes } else { Outcome::No })
}
