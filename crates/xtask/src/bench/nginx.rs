//! nginx as the two services, and as a proxy to compare with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::load::{LONG_LIST, SHORT_LIST, Upstreams};
use crate::http::Client;
use crate::process::Process;
use crate::{interrupt, run};

/// Where the services say how many requests they had.
pub(crate) const STATUS: &str = "/status";

/// Debian keeps nginx where only root's `PATH` looks.
pub(crate) fn find() -> Option<PathBuf> {
    run::find("nginx").or_else(|| Some(PathBuf::from("/usr/sbin/nginx")).filter(|file| file.is_file()))
}

/// Starts nginx on the processors that `pinned` gives it, with its files in `folder`, and waits until it answers on `port`.
///
/// # Errors
/// When it does not come up.
pub(crate) fn start(
    name: &str,
    pinned: impl FnOnce(PathBuf) -> Command,
    config: &str,
    folder: &Path,
    port: u16,
) -> Result<Process> {
    let file = folder.join("nginx.conf");
    fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;
    let mut nginx = Process::start_logged(
        name,
        pinned(find().context("nginx is missing")?).arg("-p").arg(folder).arg("-c").arg(&file),
        &folder.join("nginx.log"),
    )?;
    let client = Client::new(port);
    interrupt::wait_for("nginx", Duration::from_secs(20), || {
        nginx.must_run()?;
        Ok(client.is_ok("/").then_some(()))
    })
    .with_context(|| format!("nginx did not come up{}", nginx.tail()))?;
    Ok(nginx)
}

/// Both services: text, and lists of orders from files in `folder`, of which the shadow's have another price in a tenth of
/// the answers.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn services(Upstreams { primary, shadow }: Upstreams, folder: &Path) -> Result<String> {
    for (path, orders) in [(SHORT_LIST, 28), (LONG_LIST, 280)] {
        for price in ["1", "2"] {
            let file = folder.join(format!("{}-{price}.json", path.trim_start_matches('/')));
            fs::write(&file, list(orders, price))
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    let lists = |path: &str, price: &str| {
        format!(
            "location {path} {{ default_type application/json; alias {}{path}-{price}.json; }}",
            folder.display()
        )
    };
    let server = |port: u16, price: &str| {
        format!(
            "server {{ listen 127.0.0.1:{port}; \
             location / {{ default_type text/plain; return 200 'a small answer'; }} \
             {} {} location {STATUS} {{ stub_status; }} }}",
            lists(SHORT_LIST, price),
            lists(LONG_LIST, price)
        )
    };
    let price = "split_clients $request_id $price { 10% 2; * 1; } open_file_cache max=8;";
    Ok(config(&format!("{price}\n{}\n{}", server(primary, "1"), server(shadow, "$price")), folder))
}

/// A proxy in front of the primary, with or without a mirror.
pub(crate) fn proxy(port: u16, upstreams: Upstreams, mirrors: bool, folder: &Path) -> String {
    let upstream = |name: &str, port: u16| {
        format!("upstream {name} {{ server 127.0.0.1:{port}; keepalive 64; keepalive_requests 100000000; }}")
    };
    let pass = "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_pass http://";
    let mirror = if mirrors { "mirror /mirrored;" } else { "" };
    let server = format!(
        "{}\n{}\nserver {{ listen 127.0.0.1:{port}; location / {{ {mirror} {pass}primary; }} \
         location = /mirrored {{ internal; {pass}shadow$request_uri; }} }}",
        upstream("primary", upstreams.primary),
        upstream("shadow", upstreams.shadow),
    );
    config(&server, folder)
}

/// One process, so that its CPU time is all there is.
fn config(servers: &str, folder: &Path) -> String {
    format!(
        "daemon off; master_process off; pid {0}/nginx.pid; error_log {0}/nginx-error.log;\n\
         worker_rlimit_nofile 4096; events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 100000000;\n\
         client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; fastcgi_temp_path {0}/t3; uwsgi_temp_path {0}/t4; scgi_temp_path {0}/t5;\n\
         {servers} }}\n",
        folder.display(),
    )
}

/// A list of orders, some 72 bytes of JSON each, of which the last has this price.
fn list(orders: usize, price: &str) -> String {
    let order = |id: usize, price: &str| {
        format!(r#"{{"id":{id},"name":"order number {id}","price":{price},"tags":["new","paid","shipped"]}}"#)
    };
    let mut list: Vec<String> = (101..100 + orders).map(|id| order(id, "1")).collect();
    list.push(order(100 + orders, price));
    format!("[{}]", list.join(","))
}
