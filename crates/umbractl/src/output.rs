//! The only module that prints.

use std::cell::Cell;
use std::future::pending;
use std::io::{self, IsTerminal, Write};
#[cfg(unix)]
use std::os::fd::AsFd;

use comfy_table::{Table, presets::NOTHING};
use serde::Serialize;
use serde_saphyr::ser_options;
#[cfg(unix)]
use tokio::{io::Interest, net::unix::pipe::Sender};

use crate::{cli::Format, failure::Failure};

/// Standard output and standard error, in the format that was asked for.
pub(crate) struct Output {
    format: Format,
    is_unread: Cell<bool>,
}

impl Output {
    /// Prints in this format.
    pub(crate) fn new(format: Format) -> Output {
        Output { format, is_unread: Cell::new(false) }
    }

    /// The format that was asked for.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Prints `text` for people, and `data` for programs.
    pub(crate) fn show<T: Serialize>(&self, data: &T, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.text(&text()),
            Format::Json => self.raw(&json(data)?),
            Format::Yaml => self.raw(&yaml(std::slice::from_ref(data))?),
        }
    }

    /// Prints text, with what could steer a terminal taken out: much of it comes from elsewhere.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut text = text.replace(|c: char| c.is_control() && c != '\n', " ");
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        self.raw(&text)
    }

    /// Prints bytes as they are. A reader that has gone (`| head`) has seen enough: that is no failure, and no answer.
    pub(crate) fn raw(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.is_unread.set(true),
            Err(error) => return Err(Failure::error(format!("cannot write to standard output: {error}"))),
            Ok(()) => {}
        }
        Ok(())
    }

    /// Whether the reader was found to have gone: what goes on and on ends then.
    pub(crate) fn is_unread(&self) -> bool {
        self.is_unread.get()
    }

    /// Ends when the reader goes, where the system tells that without anything being printed.
    pub(crate) async fn unread(&self) {
        // It is told of a pipe. Of a file it never is.
        #[cfg(unix)]
        if let Ok(stdout) = io::stdout().as_fd().try_clone_to_owned()
            && let Ok(stdout) = Sender::from_owned_fd_unchecked(stdout)
            && stdout.ready(Interest::ERROR).await.is_ok_and(|ready| ready.is_error())
        {
            return;
        }
        pending().await
    }

    /// Begins anew at the top, if standard output is a terminal and what is shown is for people.
    pub(crate) fn afresh(&self) -> Result<(), Failure> {
        if self.format == Format::Table && io::stdout().is_terminal() {
            self.raw("\x1b[H\x1b[2J")?;
        }
        Ok(())
    }

    /// Says how far it is, over what was last said so, on standard error if that is a terminal.
    pub(crate) fn progress(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        if stderr.is_terminal() {
            // A terminal that has gone has seen enough.
            let _ = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
        }
    }

    /// Says something that is not part of the answer, on standard error.
    pub(crate) fn note(&self, text: &str) {
        let text = text.replace(|c: char| c.is_control() && c != '\n', " ");
        // There is nowhere left to say that standard error cannot be written to.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// Rows under a header, in columns two blanks apart, without any lines: made for grep, awk and narrow eyes.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.iter().copied());
    for row in rows {
        // An empty cell would let the cells after it move up to it under awk.
        table.add_row(row.into_iter().map(|cell| match cell.as_str() {
            "" => "-".to_owned(),
            _ => cell.replace(char::is_control, " "),
        }));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt() + "\n"
}

/// Indented JSON with a newline at its end.
///
/// # Errors
/// Where the data cannot be written as JSON, which would be a fault of umbractl.
pub(crate) fn json<T: Serialize>(data: &T) -> Result<String, Failure> {
    match serde_json::to_string_pretty(data) {
        Ok(text) => Ok(text + "\n"),
        Err(error) => Err(Failure::error(format!("cannot write JSON: {error}"))),
    }
}

/// YAML, one document for each of the data.
///
/// # Errors
/// Where the data cannot be written as YAML, which would be a fault of umbractl.
pub(crate) fn yaml<T: Serialize>(data: &[T]) -> Result<String, Failure> {
    // A folded regular expression is hard to read and to search for.
    let options = ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_multiple_with_options(data, options)
        .map_err(|error| Failure::error(format!("cannot write YAML: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_plain_columns() {
        let text = table(
            &["NAME", "REASON", "END"],
            [
                vec!["a".to_owned(), String::new(), "x".to_owned()],
                vec!["longer".to_owned(), "two\nlines".to_owned(), "y".to_owned()],
            ],
        );
        assert_eq!(text, "NAME    REASON     END\na       -          x\nlonger  two lines  y\n");
    }
}
