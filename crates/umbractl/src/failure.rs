//! How a command ends, and what the process says and returns then.

use std::process::ExitCode;

use reqwest::StatusCode;

use crate::{
    client::error::Error,
    manifest::{Finding, Origins},
};

/// How a command ended that could do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, or the answer is yes.
    Yes,
    /// The answer is no, and has been printed.
    No,
    /// There is no telling yet, which has been printed.
    Unsettled,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

/// Exit code: the answer is no.
const NO: u8 = 1;
/// Exit code: there is no telling yet.
const UNSETTLED: u8 = 3;
/// Exit code: it could not be tried.
const ERROR: u8 = 2;

impl Outcome {
    /// As the process returns it.
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Outcome::Yes => ExitCode::SUCCESS,
            Outcome::No => ExitCode::from(NO),
            Outcome::Unsettled => ExitCode::from(UNSETTLED),
        }
    }
}

impl Failure {
    /// The answer is no.
    pub(crate) fn no(message: impl Into<String>) -> Failure {
        Failure { code: NO, message: message.into() }
    }

    /// It could not be tried.
    pub(crate) fn error(message: impl Into<String>) -> Failure {
        Failure { code: ERROR, message: message.into() }
    }

    /// Manifests are invalid, each finding on a line of its own.
    pub(crate) fn invalid(findings: &[Finding]) -> Failure {
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        Failure::no(lines.join("\n"))
    }

    /// The control plane refused; what it says about resources is shown with the files that they came from.
    pub(crate) fn refused(error: &Error, origins: &Origins) -> Failure {
        let mut failure = Failure { code: code_of(error), message: error.to_string() };
        if let Error::Problem { problem, .. } = error {
            for wrong in &problem.errors {
                failure.message.push_str("\n  ");
                failure.message.push_str(&origins.locate(wrong).to_string());
            }
        }
        failure
    }

    /// The same words for a command whose answers are something else: it could not be tried.
    pub(crate) fn into_error(self) -> Failure {
        Failure { code: ERROR, ..self }
    }

    /// Adds a line.
    pub(crate) fn hint(mut self, line: impl AsRef<str>) -> Failure {
        self.message.push('\n');
        self.message.push_str(line.as_ref());
        self
    }

    /// What to say.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Whether it could not even be tried.
    pub(crate) fn is_error(&self) -> bool {
        self.code == ERROR
    }

    /// As the process returns it.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::refused(&error, &Origins::default())
    }
}

/// A control plane that understood and said no is an answer; everything else is not: who does not get in, is at the
/// wrong door, or was too slow or too fast, was told nothing about what was asked.
fn code_of(error: &Error) -> u8 {
    match error {
        Error::Problem { status, .. } => match *status {
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::MISDIRECTED_REQUEST
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS => ERROR,
            status if status.is_client_error() => NO,
            _ => ERROR,
        },
        _ => ERROR,
    }
}
