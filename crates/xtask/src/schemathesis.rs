//! `cargo xtask schemathesis`: the API against its own description, by generated requests. Whatever is sent, no answer is
//! a failure of the server, and none is outside of its schema.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::checkout::Checkout;
use crate::http::Client;
use crate::process::Process;
use crate::tools::schemathesis;
use crate::{interrupt, ports, run};

/// The first admin's token; the server lives as long as this command, on loopback.
const TOKEN: &str = "umbra_bootstrap_a2659b7e6b802fa73ad76ac67648d91704a0411e8b1c3c37ade9bced870d40a6";

/// What there is to be asked for.
const SEED: &str = include_str!("../schemathesis/seed.yaml");

/// What each answer is held to. That a request which fits the schema is accepted is not among it: a name that is not
/// there, a time that is no time, two fields that exclude each other are refused in words that no schema has. That
/// everything asks for its role is a test of the server's own, read off its table of routes.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection,\
                      unsupported_method,missing_required_header";

/// The same requests every time.
const SEED_NUMBER: &str = "1";

/// How long requests are sent, in seconds: those that the description itself suggests, then made-up ones.
const SECONDS: &str = "60";
/// The same of what takes away, which is four routes.
const SECONDS_OF_DELETE: &str = "15";

/// Ends a run that hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// The server is ready in well under a second.
const START: Duration = Duration::from_secs(20);

/// Ends a build that hangs.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Builds the server, and what plays an Envoy for it.
///
/// # Errors
/// When the build fails.
pub(crate) fn build(checkout: &Checkout) -> Result<()> {
    let arguments = ["build", "--workspace", "--bins", "--examples"];
    run::show(Command::new("cargo").args(arguments).current_dir(&checkout.root), BUILD_LIMIT)
}

/// Asks the built server whatever its description allows, and more.
///
/// # Errors
/// When an answer is not as described, or something cannot be installed or started.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let tool = schemathesis::install(checkout)?;
    let folder = checkout.target.join("schemathesis");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
    let server = Server::start(checkout, &folder)?;
    server.seed(checkout)?;
    // Everything but what takes away, so that what is asked for is there; the stream of events never ends, and has
    // tests of its own.
    let others = ["--exclude-method", "DELETE", "--exclude-path", "/api/v1/events"];
    server.ask(&tool, &folder, SECONDS, &others)?;
    // The tool learns ids from answers, and may well revoke the token that it shows.
    server.ask(&tool, &folder, SECONDS_OF_DELETE, &["--include-method", "DELETE"])
}

/// **Invariant:** the process runs as long as the value lives.
struct Server {
    _process: Process,
    api: u16,
    xds: u16,
}

impl Server {
    fn start(checkout: &Checkout, folder: &Path) -> Result<Self> {
        let [api, xds] = ports::free()?;
        let mut command = Command::new(checkout.binaries().join("umbra"));
        command
            .args(["serve", "--listen-api", &format!("127.0.0.1:{api}")])
            .args(["--listen-xds", &format!("127.0.0.1:{xds}"), "--writes-per-second", "100000"])
            .env("UMBRA_BOOTSTRAP_TOKEN", TOKEN)
            .current_dir(folder);
        let mut process = Process::start_logged("umbra", &mut command, &folder.join("umbra.log"))?;
        let client = Client::new(api);
        interrupt::wait_for("the control plane", START, || {
            process.must_run()?;
            Ok(client.is_ok("/readyz").then_some(()))
        })?;
        Ok(Self { _process: process, api, xds })
    }

    /// Resources, a node, and evidence.
    fn seed(&self, checkout: &Checkout) -> Result<()> {
        let authorization = format!("Bearer {TOKEN}");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/yaml")];
        let answer = Client::new(self.api).send("POST", "/api/v1/apply", &headers, Some(SEED))?;
        ensure!(answer.status == 200, "the seed was not applied: {}", answer.body);
        let envoy = checkout.binaries().join("examples/evidence");
        run::show(Command::new(envoy).arg(format!("127.0.0.1:{}", self.xds)), START)
    }

    fn ask(&self, tool: &Path, folder: &Path, seconds: &str, which: &[&str]) -> Result<()> {
        let mut command = Command::new(tool);
        command
            .arg("run")
            .arg(format!("http://127.0.0.1:{}/api/v1/openapi.json", self.api))
            .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
            .args(["--generation-with-security-parameters", "false"])
            .args(["--phases", "examples,coverage,fuzzing", "--checks", CHECKS])
            .args(["--seed", SEED_NUMBER, "--max-time", seconds, "--max-examples", "30"])
            .args(["--generation-database", "none", "--request-timeout", "20", "--continue-on-failure"])
            .args(which)
            .current_dir(folder);
        run::show(&mut command, LIMIT).context("an answer of the API is not as its description says")
    }
}
