//! Where settings come from, and which go together.

use std::collections::HashMap;
use std::io;

use clap::Parser;
use umbra_control_plane::app::config::{Config, LogFormat};
use umbra_control_plane::app::options::{Command, Options};

/// What a command line, an environment and `umbra.toml` come to.
fn resolve(flags: &[&str], variables: &[(&str, &str)], file: Option<&str>) -> Result<Config, String> {
    let parsed = Options::try_parse_from(["umbra", "serve"].iter().chain(flags));
    let Command::Serve(options) = parsed.map_err(|error| error.to_string())?.command else {
        panic!("another command")
    };
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    Config::resolve(
        &options,
        |name| variables.get(name).map(|value| (*value).to_owned()),
        |path| match (path, file) {
            ("umbra.toml", Some(text)) => Ok(text.to_owned()),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        },
    )
    .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn defaults_are_closed() {
    let config = resolve(&[], &[], None).unwrap();
    assert_eq!(config.api.address.to_string(), "127.0.0.1:8080");
    assert_eq!(config.xds.address.to_string(), "127.0.0.1:18000");
    assert_eq!(config.database.path().to_str(), Some("umbra.db"));
    assert_eq!((config.dev, config.insecure, config.log_format), (false, false, LogFormat::Text));
    assert_eq!((config.api.tls, config.xds.tls), (None, None));
}

#[test]
fn flag_over_variable_over_file_over_default() {
    const FILE: &str = "listen-api = \"127.0.0.3:1\"";
    let port = |flags: &[&str], variables: &[(&str, &str)], file| {
        resolve(flags, variables, file).unwrap().api.address.to_string()
    };
    let (config, flag) = (["--config", "umbra.toml"], "--listen-api=127.0.0.1:1");
    let variable = [("UMBRA_LISTEN_API", "127.0.0.2:1")];
    assert_eq!(port(&[&config[..], &[flag]].concat(), &variable, Some(FILE)), "127.0.0.1:1");
    assert_eq!(port(&config, &variable, Some(FILE)), "127.0.0.2:1");
    assert_eq!(port(&config, &[("UMBRA_LISTEN_API", "")], Some(FILE)), "127.0.0.3:1", "empty is not set");
    assert_eq!(port(&[], &[("UMBRA_CONFIG", "umbra.toml")], Some(FILE)), "127.0.0.3:1");
    assert_eq!(port(&[], &[], Some(FILE)), "127.0.0.1:8080", "a file that nobody names is not read");
}

#[test]
fn every_setting_is_read_from_everywhere() {
    let text = [
        ("database-url", "sqlite:///x.db"),
        ("listen-api", "[::1]:1"),
        ("listen-xds", "localhost:2"),
        ("api-tls-cert", "a"),
        ("api-tls-key", "b"),
        ("api-tls-client-ca", "c"),
        ("xds-tls-cert", "d"),
        ("xds-tls-key", "e"),
        ("xds-tls-client-ca", "f"),
        ("token-key-file", "g"),
        ("bootstrap-token-file", "h"),
        ("session-idle", "1h"),
        ("session-for", "2h"),
        ("allowed-hosts", "i, j"),
        ("xds-allowed-sans", "spiffe://k/*"),
        ("max-nodes", "5"),
        ("max-node-streams", "6"),
        ("max-xds-connections", "7"),
        ("log-format", "json"),
        ("log-filter", "warn"),
    ];
    let flags: Vec<String> = text.iter().map(|(key, value)| format!("--{key}={value}")).collect();
    let mut flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    flags.extend(["--dev", "--insecure"]);
    let by_flag = resolve(&flags, &[], None).unwrap();

    let name = |key: &str| format!("UMBRA_{}", key.to_uppercase().replace('-', "_"));
    let names: Vec<(String, &str)> = text.iter().map(|(key, value)| (name(key), *value)).collect();
    let mut variables: Vec<(&str, &str)> =
        names.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    variables.extend([("UMBRA_DEV", "true"), ("UMBRA_INSECURE", "1")]);
    assert_eq!(resolve(&[], &variables, None).unwrap(), by_flag);

    let lines: Vec<String> = text.iter().map(|(key, value)| format!("{key} = \"{value}\"")).collect();
    let file = format!("{}\ndev = true\ninsecure = true", lines.join("\n"));
    assert_eq!(resolve(&["--config=umbra.toml"], &[], Some(&file)).unwrap(), by_flag);

    assert!(by_flag.dev && by_flag.insecure);
    assert_eq!(by_flag.xds.tls.unwrap().client_ca.unwrap().to_str(), Some("f"));
    let limits = by_flag.limits;
    assert_eq!((limits.nodes.get(), limits.node_streams.get(), limits.connections.get()), (5, 6, 7));
    assert_eq!((by_flag.log_format, by_flag.log_filter.as_str()), (LogFormat::Json, "warn"));
}

#[test]
fn errors_name_the_setting_and_where_it_was_given() {
    let file = ["--config", "umbra.toml"];
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], Option<&'a str>, &'a str);
    let cases: &[Case<'_>] = &[
        (
            &["--listen-api", "here"],
            &[],
            None,
            "--listen-api: \"here\" is not an address: give an IP address and a port",
        ),
        (&[], &[("UMBRA_LISTEN_XDS", "here")], None, "UMBRA_LISTEN_XDS: \"here\" is not an address"),
        (&file, &[], Some("listen-api = \"here\""), "listen-api in umbra.toml: \"here\" is not an address"),
        (&file, &[], Some("listen-api = 8080"), "listen-api in umbra.toml: give text in quotes, not integer"),
        (
            &file,
            &[],
            Some("listen-apis = \"x\""),
            "listen-apis in umbra.toml: unknown key: known are dev, database-url",
        ),
        (&file, &[], Some("[api]\nlisten = \"x\""), "api in umbra.toml: unknown key"),
        (&file, &[], Some("dev = "), "umbra.toml: TOML parse error at line 1"),
        (&file, &[], None, "--config: cannot read umbra.toml"),
        (&[], &[("UMBRA_CONFIG", "umbra.toml")], None, "UMBRA_CONFIG: cannot read umbra.toml"),
        (&["--dev=perhaps"], &[], None, "--dev: \"perhaps\" is neither true nor false"),
        (&["--max-nodes=0"], &[], None, "--max-nodes: \"0\" is not a number: give how many, 1 or more"),
        (&["--log-format", "xml"], &[], None, "--log-format: \"xml\" is not a log format: give text or json"),
        (&["--log-filter", "a=b=c"], &[], None, "--log-filter: \"a=b=c\" is not a log filter"),
        (
            &["--database-url", "umbra.db"],
            &[],
            None,
            "--database-url: \"umbra.db\" is not a database: give sqlite://",
        ),
        (&["--database-url", "sqlite://"], &[], None, "--database-url: the path is missing"),
        (
            &["--database-url", "postgres://x"],
            &[],
            None,
            "--database-url: this release keeps state in SQLite only",
        ),
        (&["--api-tls-cert", "c"], &[], None, "--api-tls-cert: --api-tls-key is missing"),
        (&["--xds-tls-key", "k"], &[], None, "--xds-tls-key: --xds-tls-cert is missing"),
        (
            &["--api-tls-client-ca", "a"],
            &[],
            None,
            "--api-tls-client-ca: clients cannot show certificates without TLS",
        ),
    ];
    for (flags, variables, file, message) in cases {
        let error = resolve(flags, variables, *file).unwrap_err();
        assert!(error.starts_with(message), "{error}\n{message}");
    }
    let once = resolve(&["--xds-require-token=maybe"], &[], None).unwrap_err();
    assert_eq!(once, "--xds-require-token: \"maybe\" is neither true nor false");
    let both = resolve(&["--listen-api=x", "--log-format=y"], &[], None).unwrap_err();
    assert_eq!(both.lines().count(), 2, "all errors at once: {both}");
}

#[test]
fn only_loopback_is_open_to_anybody() {
    const TLS: [&str; 2] = ["--xds-tls-cert=c", "--xds-tls-key=k"];
    const CA: &str = "--xds-tls-client-ca=a";
    let xds = |address: &str, flags: &[&str]| {
        let listen = format!("--listen-xds={address}");
        resolve(&[&[listen.as_str()], flags].concat(), &[], None).map(|_| ())
    };
    for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
        let error = xds(address, &[]).unwrap_err();
        assert!(error.starts_with("--listen-xds: ") && error.contains("--xds-tls-client-ca"), "{error}");
        assert!(error.contains("--insecure"), "{error}");
        xds(address, &TLS).unwrap_err();
        xds(address, &["--insecure"]).unwrap();
        xds(address, &[&TLS[..], &[CA]].concat()).unwrap();
        let error = xds(address, &[&TLS[..], &[CA, "--dev"]].concat()).unwrap_err();
        assert!(error.contains("--dev asks nobody who they are"), "{error}");
        xds(address, &["--dev", "--insecure"]).unwrap_err();
        for asked in ["--xds-require-token", "--xds-require-token=true", "--xds-require-token=1"] {
            xds(address, &[&TLS[..], &[asked]].concat()).unwrap();
        }
        for not_asked in ["--xds-require-token=false", "--xds-require-token=0"] {
            xds(address, &[&TLS[..], &[not_asked]].concat()).unwrap_err();
        }
        xds(address, &["--xds-require-token"]).unwrap_err();
        let listen = format!("--listen-api={address}");
        resolve(&[&listen], &[], None).unwrap_err();
        resolve(&[&listen, "--api-tls-cert=c", "--api-tls-key=k"], &[], None).unwrap();
    }
    for address in ["127.0.0.1:1", "127.8.8.8:0", "[::1]:1", "localhost:1"] {
        xds(address, &[]).unwrap();
        xds(address, &["--dev"]).unwrap();
    }
}
