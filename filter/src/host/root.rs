//! A plugin instance in one VM.

use super::http::{CopyContext, PrimaryContext};
use super::{envoy, state};
use crate::flow::config::{self, Plugin, Primary};
use crate::flow::node;
use crate::flow::outbox::Reply;
use crate::flow::worker::Level;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType};
use std::rc::Rc;
use std::time::Duration;

/// How often workers look at the shared data. It bounds how long a change takes to reach them all.
const TICK: Duration = Duration::from_millis(100);

/// The longest plugin configuration that is read, in bytes.
const MAX_CONFIGURATION_BYTES: usize = 8 << 20;

/// The longest message from the control plane that is read, in bytes: a policy of the greatest size and its envelope.
const MAX_MESSAGE_BYTES: usize = 5 << 20;

/// The longest answer to a report that is read, in bytes: it has one number.
const MAX_ANSWER_BYTES: usize = 1_024;

/// gRPC's status of a call that was answered.
const OK: u32 = 0;

/// gRPC's status of a report that will never be taken.
const INVALID_ARGUMENT: u32 = 3;

pub(super) struct Root {
    id: u32,
    role: Role,
}

enum Role {
    Primary(Rc<Primary>),
    Shadow,
}

impl Root {
    pub(super) fn new(id: u32) -> Self {
        Self { id, role: Role::Primary(Rc::default()) }
    }
}

impl RootContext for Root {
    /// Runs more often than a plugin is configured: Envoy tries each configuration in a VM that it throws away.
    /// Nothing here reaches beyond the VM but the log; the first tick starts the rest.
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, MAX_CONFIGURATION_BYTES);
        let text = text.ok().flatten().unwrap_or_default();
        let config::Parsed { plugin, error } = config::parse(&text, node::attributes(envoy::property));
        if let Some(error) = &error {
            let instead = match plugin {
                Plugin::Primary(_) => "strips control headers and does nothing else",
                Plugin::Shadow(_) => "does nothing",
            };
            envoy::log(Level::Error, &format!("plugin configuration refused: {error}; the filter {instead}"));
        }
        let fallback = match &plugin {
            Plugin::Primary(primary) => &primary.fallback,
            Plugin::Shadow(policy) => policy,
        };
        state::with(|state| state.configured(self.id, error.is_some(), fallback.clone()));
        match plugin {
            Plugin::Primary(mut primary) => {
                if let Some(control_plane) = &mut primary.control_plane {
                    control_plane.envoy_version = node::version(envoy::property).into();
                }
                if primary.control_plane.is_some() {
                    state::with(|state| state.join(self.id));
                }
                self.role = Role::Primary(Rc::new(primary));
                let _ = hostcalls::set_tick_period(TICK);
            }
            Plugin::Shadow(_) => self.role = Role::Shadow,
        }
        // Refusing would keep Envoy from starting, whatever it is to do when a filter fails.
        true
    }

    fn on_tick(&mut self) {
        if let Role::Primary(primary) = &self.role {
            let revision = primary.fallback.as_ref().map(|policy| policy.revision());
            state::with(|state| state.tick(self.id, primary.control_plane.as_ref(), revision));
        }
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(match &self.role {
            Role::Primary(config) => Box::new(PrimaryContext::new(Rc::clone(config))),
            Role::Shadow => Box::new(CopyContext::default()),
        })
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Root {
    fn on_grpc_call_response(&mut self, token: u32, status: u32, size: usize) {
        let answer = || {
            let size = size.min(MAX_ANSWER_BYTES);
            hostcalls::get_buffer(BufferType::GrpcReceiveBuffer, 0, size).ok().flatten().unwrap_or_default()
        };
        let reply = match status {
            OK => {
                umbra_wire::telemetry::acknowledgement(&answer()).map_or(Reply::Failed, Reply::Acknowledged)
            }
            INVALID_ARGUMENT => Reply::Refused,
            _ => Reply::Failed,
        };
        state::with(|state| state.on_report(token, reply));
    }

    fn on_grpc_stream_initial_metadata(&mut self, token: u32, entries: u32) {
        state::with(|state| state.on_metadata(token, entries));
    }

    fn on_grpc_stream_message(&mut self, token: u32, size: usize) {
        if let Ok(Some(bytes)) =
            hostcalls::get_buffer(BufferType::GrpcReceiveBuffer, 0, size.min(MAX_MESSAGE_BYTES))
        {
            state::with(|state| state.on_message(self.id, token, &bytes));
        }
    }

    fn on_grpc_stream_close(&mut self, token: u32, status: u32) {
        state::with(|state| state.on_close(self.id, token, status));
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        state::with(|state| state.leave(self.id));
    }
}
