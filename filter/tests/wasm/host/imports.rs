//! The functions that the module imports, with Envoy's semantics. One that no test is meant to reach traps.

use super::Headers;
use super::process::{Call, Stream, StreamState};
use super::vm::Data;
use wasmi::{Caller, Error, Extern, Func, Linker, Memory, Module, Store};

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const CAS_MISMATCH: u32 = 8;
const INTERNAL_FAILURE: u32 = 10;

type Ctx<'a> = Caller<'a, Data>;

pub(super) fn link(linker: &mut Linker<Data>, store: &mut Store<Data>, module: &Module) {
    clocks_and_log(linker).unwrap();
    headers(linker).unwrap();
    shared_data(linker).unwrap();
    metrics(linker).unwrap();
    streams(linker).unwrap();
    calls(linker).unwrap();
    for import in module.imports() {
        let (of, name) = (import.module().to_owned(), import.name().to_owned());
        let Some(ty) = import.ty().func().cloned() else { panic!("{of}.{name} is not a function") };
        let message = format!("{of}.{name} was called");
        let trap = Func::new(&mut *store, ty, move |_, _, _| Err(Error::new(message.clone())));
        // Fails for those that are there already, which is what is wanted.
        let _ = linker.define(&of, &name, trap);
    }
}

fn clocks_and_log(linker: &mut Linker<Data>) -> Result<(), wasmi::errors::LinkerError> {
    linker.func_wrap("env", "proxy_log", |mut c: Ctx<'_>, _level: u32, text: u32, size: u32| {
        let line = String::from_utf8_lossy(&read(&c, text, size)).into_owned();
        called(&mut c).log.push(line);
        OK
    })?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", |mut c: Ctx<'_>, period: u32| {
        called(&mut c);
        assert_eq!(period, 100, "workers look at the shared data ten times a second");
        OK
    })?;
    linker.func_wrap("env", "proxy_set_effective_context", |_: Ctx<'_>, _context: u32| OK)?;
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |mut c: Ctx<'_>, path: u32, size: u32, to: u32, to_size: u32| {
            let path = String::from_utf8(read(&c, path, size)).unwrap().replace('\0', ".");
            let value = called(&mut c).properties.get(&path).cloned();
            let value = c.data().properties.get(&path).cloned().or(value);
            answer(&mut c, value, to, to_size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut c: Ctx<'_>, _kind: u32, start: u32, most: u32, to: u32, to_size: u32| {
            called(&mut c);
            let rest = c.data().buffer.iter().copied().skip(start as usize);
            let bytes: Vec<u8> = rest.take(most as usize).collect();
            answer(&mut c, Some(bytes), to, to_size)
        },
    )?;
    linker.func_wrap(
        "wasi_snapshot_preview1",
        "clock_time_get",
        |mut c: Ctx<'_>, clock: u32, _precision: u64, to: u32| {
            let process = called(&mut c);
            let nanoseconds = if clock == 0 { process.wall_ns } else { process.monotonic_ns };
            drop(process);
            write(&mut c, to, &nanoseconds.to_le_bytes());
            0_u32
        },
    )?;
    linker.func_wrap("wasi_snapshot_preview1", "random_get", |mut c: Ctx<'_>, to: u32, size: u32| {
        let mut bytes = Vec::new();
        for _ in 0..size {
            let mut process = called(&mut c);
            process.random = process.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.push((process.random >> 56) as u8);
        }
        write(&mut c, to, &bytes);
        0_u32
    })?;
    Ok(())
}

fn headers(linker: &mut Linker<Data>) -> Result<(), wasmi::errors::LinkerError> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |mut c: Ctx<'_>, map: u32, to: u32, to_size: u32| {
            called(&mut c);
            at_hand(&c, map);
            let pairs = serialize(&c.data().headers);
            answer(&mut c, Some(pairs), to, to_size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |mut c: Ctx<'_>, map: u32, name: u32, size: u32, to: u32, to_size: u32| {
            called(&mut c);
            at_hand(&c, map);
            let name = read(&c, name, size);
            let value =
                c.data().headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
            answer(&mut c, value, to, to_size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |mut c: Ctx<'_>, map: u32, name: u32, size: u32| {
            called(&mut c);
            changed(&c, map);
            let name = read(&c, name, size);
            c.data_mut().headers.retain(|(other, _)| *other != name);
            OK
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |mut c: Ctx<'_>, map: u32, name: u32, name_size: u32, value: u32, value_size: u32| {
            called(&mut c);
            changed(&c, map);
            let line = (read(&c, name, name_size), read(&c, value, value_size));
            c.data_mut().headers.push(line);
            OK
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |mut c: Ctx<'_>, map: u32, name: u32, name_size: u32, value: u32, value_size: u32| {
            called(&mut c);
            changed(&c, map);
            let line = (read(&c, name, name_size), read(&c, value, value_size));
            c.data_mut().headers.retain(|(other, _)| *other != line.0);
            c.data_mut().headers.push(line);
            OK
        },
    )?;
    Ok(())
}

/// A callback sees the headers of its own message; others may be gone.
fn at_hand(c: &Ctx<'_>, map: u32) {
    assert_eq!(map, c.data().map, "the headers of the message at hand");
}

/// The same where they are changed: an answer is nothing that the filter may touch.
fn changed(c: &Ctx<'_>, map: u32) {
    at_hand(c, map);
    assert_eq!(map, 0, "only requests are changed");
}

fn shared_data(linker: &mut Linker<Data>) -> Result<(), wasmi::errors::LinkerError> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |mut c: Ctx<'_>, key: u32, size: u32, to: u32, to_size: u32, to_version: u32| {
            let key = read(&c, key, size);
            let Some((value, version)) = called(&mut c).shared.get(&key).cloned() else { return NOT_FOUND };
            write(&mut c, to_version, &version.to_le_bytes());
            answer(&mut c, Some(value), to, to_size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |mut c: Ctx<'_>, key: u32, key_size: u32, value: u32, value_size: u32, version: u32| {
            let (key, value) = (read(&c, key, key_size), read(&c, value, value_size));
            if called(&mut c).write_shared(key, value, version) { OK } else { CAS_MISMATCH }
        },
    )?;
    Ok(())
}

fn metrics(linker: &mut Linker<Data>) -> Result<(), wasmi::errors::LinkerError> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut c: Ctx<'_>, _kind: u32, name: u32, size: u32, to: u32| {
            let name = String::from_utf8(read(&c, name, size)).unwrap();
            let mut process = called(&mut c);
            process.metrics.entry(name.clone()).or_default();
            process.metric_names.push(name);
            let id = u32::try_from(process.metric_names.len() - 1).unwrap();
            drop(process);
            write(&mut c, to, &id.to_le_bytes());
            OK
        },
    )?;
    linker.func_wrap("env", "proxy_increment_metric", |mut c: Ctx<'_>, id: u32, offset: i64| {
        let mut process = called(&mut c);
        let name = process.metric_names[id as usize].clone();
        *process.metrics.get_mut(&name).unwrap() += u64::try_from(offset).unwrap();
        OK
    })?;
    linker.func_wrap("env", "proxy_record_metric", |mut c: Ctx<'_>, id: u32, value: u64| {
        let mut process = called(&mut c);
        let name = process.metric_names[id as usize].clone();
        process.metrics.insert(name, value);
        OK
    })?;
    Ok(())
}

fn streams(linker: &mut Linker<Data>) -> Result<(), wasmi::errors::LinkerError> {
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        |mut c: Ctx<'_>,
         service: u32,
         service_size: u32,
         name: u32,
         name_size: u32,
         method: u32,
         method_size: u32,
         metadata: u32,
         metadata_size: u32,
         to: u32| {
            let cluster = cluster_of(&read(&c, service, service_size));
            let called_for = (read(&c, name, name_size), read(&c, method, method_size));
            assert_eq!(called_for.0, b"envoy.service.discovery.v3.AggregatedDiscoveryService");
            assert_eq!(called_for.1, b"DeltaAggregatedResources");
            if !called(&mut c).clusters.contains(&cluster) {
                return INTERNAL_FAILURE;
            }
            c.data_mut().next_token += 4;
            let (vm, root, token) = (c.data().number, c.data().context, c.data().next_token);
            let metadata = read(&c, metadata, metadata_size);
            let stream = Stream { vm, root, token, metadata, sent: Vec::new(), state: StreamState::Open };
            c.data().envoy.get_mut().streams.push(stream);
            write(&mut c, to, &token.to_le_bytes());
            OK
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_send",
        |mut c: Ctx<'_>, token: u32, message: u32, size: u32, _end: u32| {
            let message = read(&c, message, size);
            on_stream(&mut c, token, |stream| {
                assert_eq!(stream.state, StreamState::Open, "nothing is sent on a stream that is gone");
                stream.sent.push(message);
            })
        },
    )?;
    linker.func_wrap("env", "proxy_grpc_cancel", |mut c: Ctx<'_>, token: u32| {
        let (vm, root) = (c.data().number, c.data().context);
        let mut process = c.data().envoy.get_mut();
        if let Some(call) = process.calls.iter_mut().find(|call| (call.vm, call.token) == (vm, token)) {
            assert_eq!((call.root, call.is_open), (root, true), "a call belongs to the context that made it");
            call.is_open = false;
            return OK;
        }
        drop(process);
        on_stream(&mut c, token, |stream| {
            assert_eq!(stream.state, StreamState::Open);
            stream.state = StreamState::Cancelled;
        })
    })?;
    linker.func_wrap("env", "proxy_grpc_close", |mut c: Ctx<'_>, token: u32| {
        on_stream(&mut c, token, |stream| {
            assert_eq!(stream.state, StreamState::Ended, "a token is closed in its close callback, once");
            stream.state = StreamState::Closed;
        })
    })?;
    Ok(())
}

fn calls(linker: &mut Linker<Data>) -> Result<(), wasmi::errors::LinkerError> {
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        |mut c: Ctx<'_>,
         service: u32,
         service_size: u32,
         name: u32,
         name_size: u32,
         method: u32,
         method_size: u32,
         metadata: u32,
         metadata_size: u32,
         message: u32,
         message_size: u32,
         _timeout: u32,
         to: u32| {
            let cluster = cluster_of(&read(&c, service, service_size));
            let called_for = (read(&c, name, name_size), read(&c, method, method_size));
            assert_eq!(called_for.0, b"umbra.telemetry.v1.TelemetryService");
            assert_eq!(called_for.1, b"Report");
            let message = read(&c, message, message_size);
            let metadata = read(&c, metadata, metadata_size);
            if !called(&mut c).clusters.contains(&cluster) {
                return INTERNAL_FAILURE;
            }
            c.data_mut().next_token += 4;
            let (vm, root, token) = (c.data().number, c.data().context, c.data().next_token);
            c.data().envoy.get_mut().calls.push(Call { vm, root, token, metadata, message, is_open: true });
            write(&mut c, to, &token.to_le_bytes());
            OK
        },
    )?;
    Ok(())
}

/// Envoy takes anything that parses as protobuf for a `GrpcService`, and aborts on one without a target.
fn cluster_of(service: &[u8]) -> String {
    let [10, outer, 10, inner, cluster @ ..] = service else {
        panic!("not a GrpcService with an EnvoyGrpc: {service:?}");
    };
    assert_eq!((usize::from(*outer), usize::from(*inner)), (cluster.len() + 2, cluster.len()));
    String::from_utf8(cluster.to_vec()).unwrap()
}

/// Envoy finds a token only in the context that opened the stream.
fn on_stream(c: &mut Ctx<'_>, token: u32, f: impl FnOnce(&mut Stream)) -> u32 {
    let (vm, root) = (c.data().number, c.data().context);
    let mut process = called(c);
    let stream = process.streams.iter_mut().find(|stream| (stream.vm, stream.token) == (vm, token));
    let Some(stream) = stream else { return NOT_FOUND };
    assert_eq!(stream.root, root, "a stream belongs to the context that opened it");
    f(stream);
    OK
}

fn called<'a>(c: &'a mut Ctx<'_>) -> std::cell::RefMut<'a, super::process::Process> {
    let mut process = c.data().envoy.get_mut();
    process.host_calls += 1;
    process
}

fn memory(c: &Ctx<'_>) -> Memory {
    c.get_export("memory").and_then(Extern::into_memory).expect("the module exports its memory")
}

fn read(c: &Ctx<'_>, at: u32, size: u32) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    memory(c).read(c, at as usize, &mut bytes).expect("the module passes its own memory");
    bytes
}

fn write(c: &mut Ctx<'_>, at: u32, bytes: &[u8]) {
    memory(c).write(c, at as usize, bytes).expect("the module passes its own memory");
}

/// Puts a value into memory that the module allocates, as Envoy does; an empty one has no address.
fn answer(c: &mut Ctx<'_>, value: Option<Vec<u8>>, to: u32, to_size: u32) -> u32 {
    let Some(value) = value else { return NOT_FOUND };
    let size = u32::try_from(value.len()).unwrap();
    let mut address = 0;
    if size > 0 {
        let allocate = c.get_export("proxy_on_memory_allocate").and_then(Extern::into_func).unwrap();
        address = allocate.typed::<u32, u32>(&*c).unwrap().call(&mut *c, size).unwrap();
        write(c, address, &value);
    }
    write(c, to, &address.to_le_bytes());
    write(c, to_size, &size.to_le_bytes());
    OK
}

fn serialize(headers: &Headers) -> Vec<u8> {
    let mut out = u32::try_from(headers.len()).unwrap().to_le_bytes().to_vec();
    for (name, value) in headers {
        out.extend_from_slice(&u32::try_from(name.len()).unwrap().to_le_bytes());
        out.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
    }
    for (name, value) in headers {
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(value);
        out.push(0);
    }
    out
}
