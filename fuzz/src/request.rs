//! Requests whose every part can be any bytes.

use std::net::IpAddr;

use umbra_policy::{BodyLength, RequestView};

use crate::input::Input;

pub(crate) const HOSTS: [&str; 12] =
    ["a", "b.a", "c.b.a:80", "d.c.b.a.", "A", "[::1]:80", "x.c", "", ".a", ":80", "[0:0::1]", "b.a..:1"];
pub(crate) const PATHS: [&str; 12] = [
    "/a",
    "/a/b",
    "/users/1",
    "/",
    "",
    "*",
    "//a",
    "/a/",
    "/a?x=a&y",
    "/a/b?%78=ab#f",
    "/a#?x=a",
    "/users/?x=+",
];
const HEADERS: [&str; 8] =
    ["x", "y", "cookie", "upgrade", "connection", "content-length", "x-umbra-pair", "x-umbra-slot"];
const VALUES: [&str; 10] =
    ["a", "ab", "1", "", "x=a; y=1", "x=; y", "upgrade", "y=\"ab\"", " x = a ;;y", "keep-alive, Upgrade"];

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Vec<u8>,
    pub(crate) authority: Vec<u8>,
    pub(crate) path: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: BodyLength,
    pub(crate) source_ip: Option<IpAddr>,
}

impl Request {
    pub(crate) fn of(input: &mut Input<'_>) -> Request {
        Request {
            method: input.word(&["GET", "POST", "CONNECT", "get"]),
            authority: input.word(&HOSTS),
            path: input.word(&PATHS),
            headers: input.list(4, |input| (input.pick(&HEADERS).to_owned(), input.word(&VALUES))),
            body: match input.below(4) {
                0 => BodyLength::None,
                1 => BodyLength::Known(1),
                2 => BodyLength::Known(input.number()),
                _ => BodyLength::Unknown,
            },
            source_ip: input.flag().then(|| [10, 0, 0, input.byte()].into()),
        }
    }
}

impl RequestView for Request {
    fn method(&self) -> &[u8] {
        &self.method
    }

    fn authority(&self) -> &[u8] {
        &self.authority
    }

    fn path(&self) -> &[u8] {
        &self.path
    }

    fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    fn body(&self) -> BodyLength {
        self.body
    }

    fn source_ip(&self) -> Option<IpAddr> {
        self.source_ip
    }
}
