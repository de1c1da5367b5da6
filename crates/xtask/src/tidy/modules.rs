//! Which rooms of the control plane may look into which: read off the paths that their source names.

use std::collections::BTreeSet;

use super::code;
use super::files::File;

const SOURCE: &str = "control-plane/src/";

/// A room and the rooms it must not look into. `app` wires them all, so nobody looks into `app`.
const RULES: [(&str, &[&str]); 12] = [
    ("api", &["xds", "intake", "app", "console"]),
    ("xds", &["api", "intake", "app"]),
    ("intake", &["api", "xds", "app"]),
    ("console", &["api", "xds", "intake", "analysis", "store", "model", "access", "app"]),
    ("access", &["api", "xds", "intake", "app", "console"]),
    ("analysis", &["api", "xds", "intake", "app"]),
    ("evidence", &["api", "xds", "intake", "live", "app"]),
    ("live", &["api", "xds", "intake", "app"]),
    ("store", &["api", "xds", "intake", "live", "app"]),
    ("model", &["api", "xds", "intake", "app", "store", "analysis", "evidence", "live", "console", "access"]),
    ("listener", ROOMS),
    ("traces", ROOMS),
];

/// All that know of stamps, shadows and nodes: connections and spans are for anybody.
const ROOMS: &[&str] =
    &["api", "xds", "intake", "console", "access", "analysis", "evidence", "live", "store", "model", "app"];

/// What is no room, and sees all: the crate's roots, and what wires the rooms.
const NO_ROOMS: [&str; 3] = ["lib", "main", "app"];

/// What the model must not name: it is pure, and these do IO.
const NOT_IN_MODEL: [&str; 9] =
    ["axum", "envoy_types", "hyper", "hyper_util", "rustls", "sqlx", "tokio", "tonic", "tower"];

/// Every file of the control plane that looks where it must not.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files.iter().filter(|file| file.is_hand_written_rust()) {
        let Some(module) = file.path.strip_prefix(SOURCE) else { continue };
        let module: Vec<&str> = module.trim_end_matches(".rs").split('/').collect();
        let Some(room) = module.first() else { continue };
        if NO_ROOMS.contains(room) {
            continue;
        }
        let Some((_, forbidden)) = RULES.iter().find(|(name, _)| name == room) else {
            breaches.push(format!("{}: no rule says what `{room}` must not look into", file.path));
            continue;
        };
        let code = code::without_text(&file.text);
        let seen = rooms_named(&code, module.len());
        for other in forbidden.iter().filter(|other| seen.contains(**other)) {
            breaches.push(format!("{}: `{room}` must not look into `{other}`", file.path));
        }
        if *room == "model" {
            for name in NOT_IN_MODEL.iter().filter(|name| names_crate(&code, name)) {
                breaches.push(format!("{}: `model` is pure and must not name `{name}`", file.path));
            }
        }
    }
    breaches
}

/// The top-level modules that `code`, in a module `depth` levels below the crate's root, names from the root:
/// `crate::a`, `crate::{a, b::{c}}` and as many `super::` as lead there.
fn rooms_named(code: &str, depth: usize) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for root in ["crate::".to_owned(), "super::".repeat(depth)] {
        for (at, _) in code.match_indices(&root) {
            let before = code.get(..at).unwrap_or_default();
            if before.ends_with("::") || before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            rooms.extend(first_segments(code.get(at + root.len()..).unwrap_or_default()));
        }
    }
    rooms
}

/// The first segment of the path that `text` starts with, or of each path of the group that it starts with.
fn first_segments(text: &str) -> Vec<String> {
    let Some(group) = text.strip_prefix('{') else { return vec![identifier(text)] };
    let mut segments = Vec::new();
    let mut depth = 0_u32;
    let mut expecting = true;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expecting = true,
            _ if expecting && !character.is_whitespace() => {
                segments.push(identifier(group.get(at..).unwrap_or_default()));
                expecting = false;
            }
            _ => {}
        }
    }
    segments
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = code.get(..at).unwrap_or_default();
        !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_stay_apart() {
        for (path, text, expected) in [
            ("api/stamps.rs", "use crate::model::Model;", 0),
            ("api/stamps.rs", "use crate::xds::Streams;", 1),
            ("api/stamps.rs", "use crate::{model::{a, b}, xds::c};", 1),
            ("api/stamps.rs", "use crate::{model::{xds, intake}};", 0),
            ("api/stamps.rs", "use super::super::xds::c;", 1),
            ("api/stamps.rs", "use super::xds::c;", 0),
            ("api.rs", "use super::xds::c;", 1),
            ("api.rs", "fn f() { crate::intake::go(); crate::app::go() }", 2),
            ("api.rs", "// crate::xds", 0),
            ("model.rs", "use sqlx::Pool;", 1),
            ("model.rs", "use crate::store; use umbra_resource::Stamp;", 1),
            ("app.rs", "use crate::{api, xds, model};", 0),
            ("app/server.rs", "use crate::{api, xds, model};", 0),
            ("main.rs", "use umbra_control_plane::app;", 0),
            ("listener/tls.rs", "use crate::access::Identity;", 1),
            ("backup.rs", "fn f() {}", 1),
            ("backup/file.rs", "fn f() {}", 1),
            ("store/nodes.rs", "use tokio::time; use crate::model::Node;", 0),
        ] {
            let file = File { path: format!("{SOURCE}{path}"), text: text.to_owned() };
            assert_eq!(check(&[file]).len(), expected, "{path}: {text}");
        }
    }
}
