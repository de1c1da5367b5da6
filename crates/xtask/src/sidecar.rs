//! The configuration in `envoy/sidecar`, with this machine's ports and paths in place of those that are written there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use crate::checkout::Checkout;

/// Where the configuration looks for the module.
const MODULE: &str = "/etc/envoy/umbra-filter.wasm";

/// What a cluster says of its connections.
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Envoy's Lua filter.
const LUA: &str = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua";

/// An Envoy configuration that can still be changed.
#[derive(Debug, Clone)]
pub(crate) struct Sidecar {
    config: Value,
}

impl Sidecar {
    /// Reads the file and puts the built module in.
    ///
    /// # Errors
    /// When it cannot be read, is not YAML, or does not name the module where it is expected.
    pub(crate) fn load(checkout: &Checkout) -> Result<Self> {
        Self::load_with(checkout, &checkout.filter())
    }

    /// The same with another module.
    ///
    /// # Errors
    /// As [`Sidecar::load`].
    pub(crate) fn load_with(checkout: &Checkout, module: &Path) -> Result<Self> {
        let file = checkout.root.join("envoy/sidecar/envoy.yaml");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut config: Value =
            serde_saphyr::from_str(&text).with_context(|| format!("{} is not YAML", file.display()))?;
        let module = module.to_string_lossy().into_owned();
        let mut places = 0;
        each_string(&mut config, &mut |text| {
            if text == MODULE {
                text.clone_from(&module);
                places += 1;
            }
        });
        ensure!(places > 0, "{} does not name {MODULE}", file.display());
        Ok(Self { config })
    }

    /// Moves the admin page.
    ///
    /// # Errors
    /// When the configuration has none.
    pub(crate) fn set_admin_port(&mut self, port: u16) -> Result<()> {
        self.set("/admin/address/socket_address/port_value", json!(port))
    }

    /// Moves the listener.
    ///
    /// # Errors
    /// When the configuration has none.
    pub(crate) fn set_listener_port(&mut self, port: u16) -> Result<()> {
        self.set("/static_resources/listeners/0/address/socket_address/port_value", json!(port))
    }

    /// Moves what a cluster points to.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub(crate) fn set_cluster_port(&mut self, name: &str, port: u16) -> Result<()> {
        let cluster = self.cluster(name)?;
        let place = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/port_value";
        *cluster.pointer_mut(place).with_context(|| format!("cluster {name} has no port"))? = json!(port);
        Ok(())
    }

    /// Adds a cluster that is like `like` but for its name and what it points to.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub(crate) fn add_cluster(&mut self, name: &str, like: &str, port: u16) -> Result<()> {
        let mut added = self.cluster(like)?.clone();
        for place in ["/name", "/load_assignment/cluster_name"] {
            *added.pointer_mut(place).with_context(|| format!("cluster {like} has no {place}"))? =
                json!(name);
        }
        let clusters = self.config.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
        clusters.context("the configuration has no clusters")?.push(added);
        self.set_cluster_port(name, port)
    }

    /// Has Envoy close connections to a cluster that were idle for so long.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub(crate) fn set_idle_timeout(&mut self, name: &str, timeout: &str) -> Result<()> {
        let cluster = self.cluster(name)?.as_object_mut().context("a cluster is no object")?;
        let options = cluster.entry("typed_extension_protocol_options").or_insert_with(|| {
            let explicit = json!({"http_protocol_options": {}});
            json!({HTTP_OPTIONS: {"@type": format!("type.googleapis.com/{HTTP_OPTIONS}"), "explicit_http_config": explicit}})
        });
        let options = options.get_mut(HTTP_OPTIONS).and_then(Value::as_object_mut);
        options
            .with_context(|| format!("cluster {name} has other options"))?
            .insert("common_http_protocol_options".to_owned(), json!({"idle_timeout": timeout}));
        Ok(())
    }

    /// Takes everything of Umbra out: filters, mirror slots and plugin configurations.
    pub(crate) fn remove_umbra(&mut self) {
        each_object(&mut self.config, &mut |object| {
            object.remove("request_mirror_policies");
            if let Some(Value::Array(filters)) = object.get_mut("http_filters") {
                filters.retain(|filter| !is_umbra(filter));
            }
        });
    }

    /// Has Envoy mirror every request by itself, whatever the filters say.
    ///
    /// # Errors
    /// When there is no listener with routes.
    pub(crate) fn mirror_natively(&mut self, cluster: &str) -> Result<()> {
        let routes = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config";
        let routes = self.config.pointer_mut(routes).and_then(Value::as_object_mut).context("no routes")?;
        let policy = json!({"cluster": cluster, "disable_shadow_host_suffix_append": true});
        routes.insert("request_mirror_policies".to_owned(), json!([policy]));
        Ok(())
    }

    /// Has Envoy's Lua filter do what Umbra does to a request that is stamped and mirrored: control headers of the client go,
    /// and the stamp, the steering header and a pair's id come.
    ///
    /// # Errors
    /// When there is no listener with filters.
    pub(crate) fn steer_by_lua(&mut self, cluster: &str) -> Result<()> {
        let script = format!(
            r#"
            local control = {{"stamp", "pair", "slot", "shadow", "mirror-1", "mirror-2"}}
            function envoy_on_request(handle)
              local headers = handle:headers()
              for _, name in ipairs(control) do headers:remove("x-umbra-" .. name) end
              if headers:get(":path"):sub(1, 1) == "/" then
                headers:add("x-umbra-stamp", "rule-0")
                if math.random() < 1 then
                  headers:add("x-umbra-mirror-1", "{cluster}")
                  headers:add("x-umbra-pair", string.format("%08x%08x", math.random(2^31), math.random(2^31)))
                end
              end
            end"#
        );
        let filters = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
        let filters = self.config.pointer_mut(filters).and_then(Value::as_array_mut).context("no filters")?;
        for filter in filters.iter_mut().filter(|filter| filter.get("name") == Some(&json!("umbra"))) {
            let config = json!({"@type": LUA, "default_source_code": {"inline_string": script}});
            *filter = json!({"name": "lua", "typed_config": config});
        }
        // On the shadow's cluster there is nothing to do: the route takes the steering headers from the copy.
        each_object(&mut self.config, &mut |object| {
            if let Some(Value::Array(filters)) = object.get_mut("http_filters") {
                filters.retain(|filter| !is_umbra(filter));
            }
        });
        Ok(())
    }

    /// Gives the filter these resources to run by itself, without a control plane.
    ///
    /// # Errors
    /// When a plugin configuration is not JSON.
    pub(crate) fn run_alone(&mut self, resources: &Value) -> Result<()> {
        let mut outcome = Ok(());
        each_object(&mut self.config, &mut |object| {
            let Some(Value::String(text)) =
                object.get_mut("configuration").and_then(|it| it.get_mut("value"))
            else {
                return;
            };
            match serde_json::from_str::<Value>(text) {
                Ok(configuration) => {
                    let role = configuration.get("role").cloned().unwrap_or_default();
                    *text = json!({"role": role, "policy": {"resources": resources}}).to_string();
                }
                Err(error) => outcome = Err(error),
            }
        });
        outcome.context("a plugin configuration is not JSON")
    }

    /// Writes it as JSON, which Envoy reads as well.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.config)?;
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    fn cluster(&mut self, name: &str) -> Result<&mut Value> {
        self.config
            .pointer_mut("/static_resources/clusters")
            .and_then(Value::as_array_mut)
            .and_then(|clusters| {
                clusters.iter_mut().find(|cluster| cluster.get("name") == Some(&json!(name)))
            })
            .with_context(|| format!("the configuration has no cluster {name}"))
    }

    fn set(&mut self, pointer: &str, value: Value) -> Result<()> {
        *self.config.pointer_mut(pointer).with_context(|| format!("the configuration has no {pointer}"))? =
            value;
        Ok(())
    }
}

/// Whether a filter is there for Umbra's sake.
fn is_umbra(filter: &Value) -> bool {
    filter.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with("umbra"))
}

fn each_object(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_object(item, change)),
        Value::Object(fields) => {
            change(fields);
            fields.values_mut().for_each(|field| each_object(field, change));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn each_string(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_string(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each_string(field, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
