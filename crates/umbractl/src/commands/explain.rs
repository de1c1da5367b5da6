//! `umbractl explain`: what a node would do with a request, and why, by manifests or by what the control plane has.

use umbra_policy::BodyLength;
use umbra_resource::{
    Kind, NodeAttributes, ResourceSet,
    explain::{self, ExplainRequest, Explanation, Outcome as Decision, ShadowExplanation, StampExplanation},
};

use crate::{
    cli::{ExplainArgs, Files},
    client::Client,
    failure::{Failure, Outcome},
    manifest::{self, Manifests, Origins},
    output::Output,
    value::{BodyBytes, NodeField},
};

/// Headers that a node does not take from the list of headers, and the option that stands for each.
const HAS_ITS_OPTION: [(&str, &str); 4] = [
    ("host", "--host"),
    (":authority", "--host"),
    ("content-length", "--body-bytes N"),
    ("transfer-encoding", "--body-bytes unknown"),
];

/// Explains one request. The control plane is asked only where no manifests are given.
pub(super) async fn run(
    connect: impl FnOnce() -> Result<Client, Failure>,
    args: &ExplainArgs,
    output: &Output,
) -> Result<Outcome, Failure> {
    let request = request(args)?;
    let node = node(&args.node);
    let manifests = if args.filename.is_empty() {
        stored(&connect()?).await?
    } else {
        manifest::read(&Files { filename: args.filename.clone(), recursive: args.recursive })?
    };
    let origins = manifests.origins;
    let located = |problems: Vec<umbra_resource::Problem>| {
        let findings: Vec<_> = problems.into_iter().map(|problem| origins.locate_problem(problem)).collect();
        Failure::invalid(&findings)
    };
    let set = ResourceSet::new(manifests.resources).map_err(located)?;
    let explanation = explain::explain(&set, &node, &request).map_err(located)?;
    output.show(&explanation, || text(&request, &explanation))?;
    Ok(Outcome::Yes)
}

async fn stored(client: &Client) -> Result<Manifests, Failure> {
    let mut resources = client.list(Kind::Stamp).await?.items;
    resources.extend(client.list(Kind::Shadow).await?.items);
    Ok(Manifests { resources, origins: Origins::default() })
}

fn request(args: &ExplainArgs) -> Result<ExplainRequest, Failure> {
    for header in &args.header {
        let name = header.name.to_lowercase();
        if let Some((_, option)) = HAS_ITS_OPTION.iter().find(|(known, _)| *known == name) {
            return Err(Failure::error(format!("--header {name}: give {option} instead")));
        }
    }
    Ok(ExplainRequest {
        method: args.method.clone(),
        host: args.host.clone(),
        path: args.path.clone(),
        headers: args
            .header
            .iter()
            .map(|header| (header.name.clone(), header.value.clone().into_bytes()))
            .collect(),
        cookies: args.cookie.iter().map(|cookie| (cookie.name.clone(), cookie.value.clone())).collect(),
        source_ip: args.source_ip,
        body: match args.body_bytes {
            None => BodyLength::None,
            Some(BodyBytes::Known(bytes)) => BodyLength::Known(bytes),
            Some(BodyBytes::Unknown) => BodyLength::Unknown,
        },
    })
}

fn node(fields: &[NodeField]) -> NodeAttributes {
    let mut node = NodeAttributes::default();
    for field in fields {
        match field.clone() {
            NodeField::Id(value) => node.id = value,
            NodeField::Cluster(value) => node.cluster = value,
            NodeField::Zone(value) => node.zone = value,
            NodeField::Region(value) => node.region = value,
            NodeField::Metadata(key, value) => {
                node.metadata.insert(key, value);
            }
        }
    }
    node
}

fn text(request: &ExplainRequest, explanation: &Explanation) -> String {
    let mut lines = vec![format!("{} {}{}", request.method, request.host, request.path)];
    let node = node_words(&explanation.node);
    if !node.is_empty() {
        lines.push(format!("node {node}"));
    }
    if explanation.stamps.is_empty() && explanation.shadows.is_empty() {
        lines.push("there is no stamp and no shadow: the request stays as it is".to_owned());
    }
    for stamp in &explanation.stamps {
        stamp_lines(stamp, &mut lines);
    }
    for shadow in &explanation.shadows {
        shadow_lines(shadow, &mut lines);
    }
    for header in &explanation.headers {
        let when = header.when.as_ref().map(|when| format!(" (when {when})")).unwrap_or_default();
        lines.push(format!("header {}: {}{when}", header.name, header.value));
    }
    lines.join("\n")
}

/// As it is given on the command line.
fn node_words(node: &NodeAttributes) -> String {
    let named =
        [("id", &node.id), ("cluster", &node.cluster), ("zone", &node.zone), ("region", &node.region)];
    let mut words: Vec<_> = named
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    words.extend(node.metadata.iter().map(|(key, value)| format!("metadata.{key}={value}")));
    words.join(",")
}

fn stamp_lines(stamp: &StampExplanation, lines: &mut Vec<String>) {
    lines.push(format!("stamp {}: {}", stamp.name, if stamp.stamped { "yes" } else { "no" }));
    for clause in &stamp.clauses {
        lines.push(match &clause.failed {
            Some(failed) => format!("  {}: {}", failed.field, failed.words),
            None => format!("  {}: fits", clause.field),
        });
    }
}

fn shadow_lines(shadow: &ShadowExplanation, lines: &mut Vec<String>) {
    let decision = match shadow.decision {
        Decision::Mirrored => "mirrored".to_owned(),
        Decision::Sampled => format!("sampled: {}", shadow.words),
        Decision::Skipped => format!("skipped ({}): {}", shadow.reason.unwrap_or_default(), shadow.words),
        Decision::NotStamped => format!("not stamped: {}", shadow.words),
    };
    lines.push(format!("shadow {}: {decision}", shadow.name));

    let share = &shadow.share;
    let from = match &share.from {
        Some(from) => {
            let place: Vec<_> = from.place.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!(" by {} ({})", from.field, place.join(" "))
        }
        None => String::new(),
    };
    let switch = if share.enabled { "" } else { ", switched off" };
    lines.push(format!("  share: {}%{from}{switch}", share.percent));

    let sampling = &shadow.sampling;
    let name = sampling.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let key = sampling.key.as_ref().map(|key| format!(", key {key:?}")).unwrap_or_default();
    let bucket =
        sampling.bucket_percent.map(|bucket| format!(", which falls at {bucket}%")).unwrap_or_default();
    lines.push(format!("  sample: by {}{name}, salt {}{key}{bucket}", sampling.by, sampling.salt));

    for copy in &shadow.copies {
        let slots: Vec<_> = copy.slots.iter().map(ToString::to_string).collect();
        lines.push(format!("  {}: to {} in slot {}", copy.role, copy.cluster, slots.join(" or ")));
    }
    if let Some(rate) = shadow.max_rps {
        lines.push(format!("  limit: {rate} requests a second on a node, which is not looked at here"));
    }
}
