//! Running the binary.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use crate::fake::Fake;

/// What a run ended with.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary, with nothing of this process's environment that it reads.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbractl"));
    for variable in ["SERVER", "TOKEN", "CA_CERT", "CLIENT_CERT", "CLIENT_KEY", "TIMEOUT"]
        .map(|name| format!("UMBRA_{name}"))
    {
        command.env_remove(variable);
    }
    command
}

/// Runs it to its end, with `stdin`.
pub(crate) fn finish(mut command: Command, stdin: &str) -> Run {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().expect("ended by a signal"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs it without a control plane, in a directory.
pub(crate) fn offline(directory: &Path, arguments: &[&str]) -> Run {
    let mut command = binary();
    command.current_dir(directory).args(arguments).env("UMBRA_SERVER", "http://127.0.0.1:9");
    finish(command, "")
}

/// Runs it against a control plane.
pub(crate) fn against(fake: &Fake, arguments: &[&str]) -> Run {
    with_stdin(fake, arguments, "")
}

/// Runs it against a control plane, with `stdin`.
pub(crate) fn with_stdin(fake: &Fake, arguments: &[&str], stdin: &str) -> Run {
    let mut command = binary();
    command.args(arguments).env("UMBRA_SERVER", fake.url());
    let mut run = finish(command, stdin);
    // The port differs from run to run.
    run.stdout = run.stdout.replace(&fake.url(), "http://control-plane");
    run.stderr = run.stderr.replace(&fake.url(), "http://control-plane");
    run
}

impl Run {
    /// Everything that a user sees of it.
    pub(crate) fn seen(&self) -> String {
        let Run { code, stdout, stderr } = self;
        format!("exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }

    /// Its standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{}", self.seen()))
    }

    /// The same, once it ended with this exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Run {
        assert_eq!(self.code, code, "{}", self.seen());
        self
    }
}
