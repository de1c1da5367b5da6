//! Envoy's configuration from typed parameters: the shape that `docs/operating.md` gives, with limits
//! far above what the tests send, so that what is tested is the filter.

use crate::client::Protocol;
use crate::environment;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The name of the cluster that the filter finds the control plane in.
const CONTROL_PLANE: &str = "umbra-control-plane";

/// Far above the defaults (100 headers, 60 KB).
const MAX_HEADERS: u32 = 4000;
const MAX_HEADERS_KB: u32 = 2048;

/// An Envoy to start.
#[derive(Clone, Debug)]
pub struct EnvoyOptions {
    /// The node's id.
    pub node: String,
    /// The node's cluster.
    pub cluster: String,
    /// The node's zone.
    pub zone: String,
    /// The node's region.
    pub region: String,
    /// The node's metadata.
    pub metadata: Vec<(&'static str, &'static str)>,
    /// Worker threads.
    pub concurrency: u32,
    /// Whether the filter is in it, and the mirror policies.
    pub umbra: bool,
    /// Another wasm module in the place of the filter.
    pub module: Option<PathBuf>,
    /// Where the control plane is.
    pub control_plane: Option<ControlPlaneLink>,
    /// `token` of the plugin configuration.
    pub token: Option<String>,
    /// `max_staleness` of the plugin configuration.
    pub max_staleness: &'static str,
    /// Resources of the static fallback.
    pub fallback: Option<Vec<Value>>,
    /// Where requests and copies go. The first is where requests go that no route names.
    pub clusters: Vec<Cluster>,
    /// Path prefixes with the clusters that take them.
    pub routes: Vec<(&'static str, &'static str)>,
    /// The route's timeout, which is also a copy's, in seconds.
    pub timeout_seconds: f64,
    /// A fixed port for the listener, for those who must know it beforehand.
    pub listener_port: Option<u16>,
    /// Listener and clusters come from files that may be replaced.
    pub dynamic: bool,
    /// What Envoy does when a VM fails: fields of the plugin's configuration.
    pub failure: Value,
    /// The VM's configuration: another one makes Envoy start new VMs.
    pub vm_configuration: String,
}

/// The way to the control plane.
#[derive(Clone, Debug)]
pub struct ControlPlaneLink {
    /// Its xDS port.
    pub port: u16,
    /// With TLS.
    pub tls: Option<Tls>,
}

/// How Envoy trusts the control plane and shows who it is.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Who signed the control plane's certificate.
    pub authority: PathBuf,
    /// The name in it.
    pub server_name: String,
    /// Envoy's own certificate and key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Somewhere that requests or copies go.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name.
    pub name: &'static str,
    /// The port of its only endpoint.
    pub port: u16,
    /// What the endpoint speaks.
    pub protocol: Protocol,
    /// Whether the filter's shadow role runs on it.
    pub shadow: bool,
    /// Fields of Envoy's cluster that stand in place of the usual ones, or beside them.
    pub fields: Value,
}

impl Cluster {
    /// Production: HTTP/1.1.
    pub fn primary(name: &'static str, port: u16) -> Self {
        Self { name, port, protocol: Protocol::Http1, shadow: false, fields: json!({}) }
    }

    /// A shadow or a control: HTTP/1.1, with the filter's shadow role.
    pub fn shadow(name: &'static str, port: u16) -> Self {
        Self { shadow: true, ..Self::primary(name, port) }
    }

    /// The same over HTTP/2.
    pub fn http2(self) -> Self {
        Self { protocol: Protocol::Http2, ..self }
    }

    /// The same with TLS, to whoever shows any certificate.
    pub fn tls(self) -> Self {
        let socket = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
        self.with(json!({"transport_socket": {"name": "tls", "typed_config": {"@type": socket}}}))
    }

    /// The same, found under a name that the name server on this port is asked for again and again.
    pub fn named(self, name_server: u16) -> Self {
        let resolver = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig";
        let at = json!({"socket_address": {"address": "shadow.test", "port_value": self.port}});
        let fields = json!({
            "type": "STRICT_DNS",
            "dns_lookup_family": "V4_ONLY",
            "dns_refresh_rate": "0.1s",
            "typed_dns_resolver_config": {
                "name": "envoy.network.dns_resolver.cares",
                "typed_config": {
                    "@type": format!("type.googleapis.com/{resolver}"),
                    "resolvers": [address(name_server)],
                },
            },
            "load_assignment": {
                "cluster_name": self.name,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": at}}]}],
            },
        });
        self.with(fields)
    }

    /// The same with these fields of Envoy's cluster.
    pub fn with(mut self, fields: Value) -> Self {
        let own = self.fields.as_object_mut().expect("an object");
        own.extend(fields.as_object().cloned().expect("an object"));
        self
    }
}

impl EnvoyOptions {
    /// One worker, with Umbra, no control plane and no fallback.
    pub fn new(node: &str, clusters: Vec<Cluster>) -> Self {
        Self {
            node: node.to_owned(),
            cluster: "edge".to_owned(),
            zone: "zone-1".to_owned(),
            region: "region-1".to_owned(),
            metadata: Vec::new(),
            concurrency: 1,
            umbra: true,
            module: None,
            control_plane: None,
            token: None,
            max_staleness: "10m",
            fallback: None,
            clusters,
            routes: Vec::new(),
            timeout_seconds: 15.0,
            listener_port: None,
            dynamic: false,
            failure: json!({"fail_open": true}),
            vm_configuration: "{}".to_owned(),
        }
    }

    fn plugin(&self, role: &str) -> Value {
        let mut plugin = json!({"role": role, "max_staleness": self.max_staleness});
        if self.control_plane.is_some() {
            plugin["control_plane"] = json!(CONTROL_PLANE);
        }
        if let Some(token) = &self.token {
            plugin["token"] = json!(token);
        }
        if let Some(resources) = &self.fallback {
            plugin["policy"] = json!({"resources": resources});
        }
        let name = format!("umbra-{role}");
        let module = self.module.clone().unwrap_or_else(environment::filter);
        let string = "type.googleapis.com/google.protobuf.StringValue";
        let mut config = json!({
            "name": name,
            "root_id": name,
            "vm_config": {
                "vm_id": "umbra",
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": module}},
                "configuration": {"@type": string, "value": self.vm_configuration},
            },
            "configuration": {"@type": string, "value": plugin.to_string()},
        });
        let fields = config.as_object_mut().expect("an object");
        fields.extend(self.failure.as_object().cloned().expect("an object"));
        let wasm = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
        json!({"name": name, "typed_config": {"@type": wasm, "config": config}})
    }
}

/// The file that Envoy starts with. `folder` is where the dynamic files are, if any.
pub fn bootstrap(options: &EnvoyOptions, folder: &Path) -> Value {
    let metadata = options.metadata.iter();
    let metadata: serde_json::Map<_, _> =
        metadata.map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let mut bootstrap = json!({
        "node": {
            "id": options.node,
            "cluster": options.cluster,
            "locality": {"region": options.region, "zone": options.zone},
            "metadata": metadata,
        },
        "admin": {"address": address(0)},
        "static_resources": {"clusters": control_plane_cluster(options)},
    });
    if options.dynamic {
        let file = |name: &str| json!({"path_config_source": {"path": folder.join(name)}});
        bootstrap["dynamic_resources"] = json!({
            "lds_config": file("listeners.json"),
            "cds_config": file("clusters.json"),
        });
    } else {
        let resources = &mut bootstrap["static_resources"];
        resources["listeners"] = json!([listener(options)]);
        let clusters = resources["clusters"].as_array_mut().unwrap();
        clusters.extend(options.clusters.iter().map(|c| cluster(options, c)));
    }
    bootstrap
}

/// The clusters as a file to watch.
pub fn clusters_file(options: &EnvoyOptions) -> Value {
    let clusters = options.clusters.iter().map(|c| cluster(options, c));
    resources("envoy.config.cluster.v3.Cluster", clusters)
}

/// The listener as a file to watch.
pub fn listeners_file(options: &EnvoyOptions) -> Value {
    let listeners = [listener(options)].into_iter();
    resources("envoy.config.listener.v3.Listener", listeners)
}

fn resources(kind: &str, of: impl Iterator<Item = Value>) -> Value {
    let resources = of.map(|mut resource| {
        resource["@type"] = json!(format!("type.googleapis.com/{kind}"));
        resource
    });
    json!({"resources": resources.collect::<Vec<_>>()})
}

fn listener(options: &EnvoyOptions) -> Value {
    let mut filters = Vec::new();
    if options.umbra {
        filters.push(strip());
        filters.push(options.plugin("primary"));
    }
    filters.push(json!({
        "name": "router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    }));
    json!({
        "name": "listener",
        "address": address(options.listener_port.unwrap_or(0)),
        "filter_chains": [{"filters": [{
            "name": "hcm",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "in",
                "codec_type": "AUTO",
                "upgrade_configs": [{"upgrade_type": "websocket"}],
                "common_http_protocol_options": {"max_headers_count": MAX_HEADERS},
                "max_request_headers_kb": MAX_HEADERS_KB,
                "route_config": route_config(options),
                "http_filters": filters,
            },
        }]}],
    })
}

fn route_config(options: &EnvoyOptions) -> Value {
    let timeout = format!("{}s", options.timeout_seconds);
    let route = |prefix: &str, cluster: &str| {
        json!({
            "match": {"prefix": prefix},
            "route": {"cluster": cluster, "timeout": timeout},
        })
    };
    let routes = options.routes.iter();
    let mut routes: Vec<Value> = routes.map(|(prefix, to)| route(prefix, to)).collect();
    routes.push(route("/", options.clusters[0].name));
    let mut config = json!({
        "name": "routes",
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
    });
    if options.umbra {
        config["request_mirror_policies"] = json!([mirror("1"), mirror("2")]);
    }
    config
}

/// What clients write into the steering headers goes, also while the filter's VM is gone.
fn strip() -> Value {
    let mutation = "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";
    let both = json!([{"remove": "x-umbra-mirror-1"}, {"remove": "x-umbra-mirror-2"}]);
    json!({
        "name": "umbra-strip",
        "typed_config": {"@type": mutation, "mutations": {"request_mutations": both}},
    })
}

fn mirror(slot: &str) -> Value {
    json!({
        "cluster_header": format!("x-umbra-mirror-{slot}"),
        "disable_shadow_host_suffix_append": true,
        "request_headers_mutations": [
            {"remove": "x-umbra-mirror-1"},
            {"remove": "x-umbra-mirror-2"},
            {"append": {
                "header": {"key": "x-umbra-slot", "value": slot},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }},
        ],
    })
}

fn cluster(options: &EnvoyOptions, cluster: &Cluster) -> Value {
    // Of 256 KiB each, three copies fit into what Envoy holds for a connection, and a peer that does not read is given up.
    let spared = json!({
        "max_concurrent_streams": 3,
        "connection_keepalive": {"interval": "2s", "timeout": "2s"},
    });
    let http2 = if cluster.shadow { spared } else { json!({}) };
    let mut protocol = match cluster.protocol {
        Protocol::Http1 => json!({"explicit_http_config": {"http_protocol_options": {}}}),
        Protocol::Http2 => json!({"explicit_http_config": {"http2_protocol_options": http2}}),
    };
    protocol["common_http_protocol_options"] = json!({"max_headers_count": MAX_HEADERS});
    if cluster.shadow && options.umbra {
        let codec = "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec";
        protocol["http_filters"] = json!([
            options.plugin("shadow"),
            {"name": "envoy.filters.http.upstream_codec", "typed_config": {"@type": codec}},
        ]);
    }
    let mut made = endpoint(cluster.name, cluster.port, protocol);
    let fields = made.as_object_mut().expect("an object");
    fields.extend(cluster.fields.as_object().cloned().expect("an object"));
    made
}

fn control_plane_cluster(options: &EnvoyOptions) -> Vec<Value> {
    let Some(link) = options.control_plane.as_ref().filter(|_| options.umbra) else {
        return Vec::new();
    };
    // A control plane that stays silent is noticed within two seconds.
    let protocol = json!({"explicit_http_config": {"http2_protocol_options": {
        "connection_keepalive": {"interval": "1s", "timeout": "1s"},
    }}});
    let mut cluster = endpoint(CONTROL_PLANE, link.port, protocol);
    if let Some(tls) = &link.tls {
        let mut common = json!({
            "alpn_protocols": ["h2"],
            "validation_context": {"trusted_ca": {"filename": tls.authority}},
        });
        if let Some((certificate, key)) = &tls.client {
            common["tls_certificates"] = json!([{
                "certificate_chain": {"filename": certificate},
                "private_key": {"filename": key},
            }]);
        }
        cluster["transport_socket"] = json!({
            "name": "tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": tls.server_name,
                "common_tls_context": common,
            },
        });
    }
    vec![cluster]
}

fn endpoint(name: &str, port: u16, protocol: Value) -> Value {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let mut protocol = protocol;
    protocol["@type"] = json!(format!("type.googleapis.com/{options}"));
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        // The default of 1,024 waiting requests would drop copies under a test's load.
        "circuit_breakers": {"thresholds": [
            {"max_connections": 4096, "max_pending_requests": 65536, "max_requests": 65536},
        ]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}],
        },
        "typed_extension_protocol_options": {options: protocol},
    })
}

fn address(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}
