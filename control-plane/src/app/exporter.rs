//! The exporter of traces, set up by OpenTelemetry's standard variables.

use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;

/// The variables that say where a collector is; without one, nothing is exported.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];

/// What exports spans, if the variables ask for it. `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`,
/// `OTEL_BSP_*` and `OTEL_EXPORTER_OTLP_*` are read by the SDK. To be called where the runtime is.
///
/// # Errors
/// A variable has a value that cannot be done.
pub(crate) fn from_variables(
    variable: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<Option<SdkTracerProvider>> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    let is_off = given("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || given("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    if is_off || ENDPOINTS.iter().all(|name| given(name).is_none()) {
        return Ok(None);
    }
    for name in PROTOCOLS {
        if let Some(protocol) = given(name)
            && protocol != "grpc"
        {
            anyhow::bail!(
                "{name} is {protocol}: umbra speaks grpc; give grpc, and the collector's port for it"
            );
        }
    }
    let exporter = SpanExporter::builder().with_tonic().build()?;
    // The service's name of the variables wins.
    let resource = match given("OTEL_SERVICE_NAME") {
        Some(_) => Resource::builder(),
        None => Resource::builder().with_service_name("umbra"),
    };
    Ok(Some(
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build(),
    ))
}

#[cfg(test)]
mod tests {
    use super::from_variables;

    fn with(variables: &[(&str, &str)]) -> anyhow::Result<bool> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        from_variables(variable).map(|provider| provider.is_some())
    }

    #[tokio::test]
    async fn nothing_is_exported_unless_a_collector_is_named() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
        assert!(!with(&[]).unwrap());
        assert!(!with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]).unwrap());
        assert!(!with(&[endpoint, ("OTEL_SDK_DISABLED", "true")]).unwrap());
        assert!(!with(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]).unwrap());
        assert!(with(&[endpoint]).unwrap());
        let error = with(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]).unwrap_err();
        assert!(error.to_string().contains("OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf"), "{error}");
    }
}
