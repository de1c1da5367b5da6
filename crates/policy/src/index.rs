//! The clauses of a policy by host and path, so that a request meets only those whose host and path fit.
//!
//! A lookup costs one hash of the host, one for each of its labels where there are wildcards, and one for
//! each segment of the path. Regular expressions, and clauses without a path, cannot be looked up by path: all
//! those of the request's host are tried.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use crate::clause::Clause;
use crate::host::{Host, HostPattern};
use crate::path::{PathPattern, Segment};

/// A clause's position in the policy's list.
pub(crate) type ClauseIndex = u32;

/// A hash map without a random seed: its keys come from the policy alone, so no client can make them
/// collide, and the filter's module needs no random numbers for it.
type Map<V> = HashMap<Box<[u8]>, V, BuildHasherDefault<DefaultHasher>>;

#[derive(Debug, Default)]
pub(crate) struct Index {
    exact: Map<Paths>,
    /// By what is after the star and its dot.
    suffix: Map<Paths>,
    any: Paths,
}

/// The clauses of one host pattern.
#[derive(Debug, Default)]
struct Paths {
    /// What is before the first slash: nothing, in every path that begins with one.
    root: Node,
    /// Without a path, or with a regular expression.
    rest: Vec<ClauseIndex>,
}

/// A place in the trie of segments.
#[derive(Debug, Default)]
struct Node {
    literal: Map<Node>,
    any: Option<Box<Node>>,
    /// Exact paths and templates that end here.
    ends: Vec<ClauseIndex>,
    /// Prefixes that end here, whatever follows.
    prefixes: Vec<ClauseIndex>,
}

impl Index {
    pub(crate) fn new(clauses: &[Clause]) -> Index {
        let mut index = Index::default();
        for (position, clause) in (0..).zip(clauses) {
            if clause.hosts.is_empty() {
                index.any.insert(clause, position);
            }
            for host in &clause.hosts {
                let paths = match host {
                    HostPattern::Exact(name) => index.exact.entry(name.clone()).or_default(),
                    HostPattern::Suffix(name) => index.suffix.entry(name.clone()).or_default(),
                    HostPattern::Any => &mut index.any,
                };
                paths.insert(clause, position);
            }
        }
        index
    }

    /// Hands out the clauses whose host and path fit (of those with a regular expression, all of the host's),
    /// in lists in which the clauses of one stamp are neighbours. A clause with several hosts may come twice.
    pub(crate) fn look_up(&self, host: &Host, path: &[u8], found: &mut impl FnMut(&[ClauseIndex])) {
        let host = host.as_bytes();
        if let Some(paths) = self.exact.get(host) {
            paths.look_up(path, found);
        }
        if !self.suffix.is_empty() {
            // A dot in the first place has no label before it.
            for (dot, _) in host.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'.') {
                let suffix = host.get(dot + 1..).unwrap_or_default();
                if let Some(paths) = self.suffix.get(suffix) {
                    paths.look_up(path, found);
                }
            }
        }
        self.any.look_up(path, found);
    }
}

impl Paths {
    fn insert(&mut self, clause: &Clause, position: ClauseIndex) {
        let list = match &clause.path {
            None | Some(PathPattern::Regex(_)) => &mut self.rest,
            Some(PathPattern::Exact(path)) => &mut self.root.literals(path).ends,
            Some(PathPattern::Prefix(path)) => &mut self.root.literals(path).prefixes,
            Some(PathPattern::Template(segments)) => {
                let mut node = &mut self.root;
                for segment in segments {
                    node = match segment {
                        Segment::Literal(text) => node.literal.entry(text.clone()).or_default(),
                        Segment::Any => node.any.get_or_insert_default(),
                    };
                }
                &mut node.ends
            }
        };
        // The hosts of one clause may repeat.
        if list.last() != Some(&position) {
            list.push(position);
        }
    }

    fn look_up(&self, path: &[u8], found: &mut impl FnMut(&[ClauseIndex])) {
        match path.strip_prefix(b"/") {
            Some(segments) => self.root.look_up(Some(segments), found),
            // The empty path is the prefix `/` without its slash. Anything else here (`*`) is no path.
            None if path.is_empty() => self.root.look_up(None, found),
            None => {}
        }
        found(&self.rest);
    }
}

impl Node {
    /// The node of a path that begins with a slash, or of the empty one, made where there is none.
    fn literals(&mut self, path: &[u8]) -> &mut Node {
        // The first piece is what is before the leading slash.
        path.split(|byte| *byte == b'/')
            .skip(1)
            .fold(self, |node, segment| node.literal.entry(segment.into()).or_default())
    }

    /// Recurses once for each segment of a rule, which validation bounds, and not of the request.
    fn look_up(&self, rest: Option<&[u8]>, found: &mut impl FnMut(&[ClauseIndex])) {
        found(&self.prefixes);
        let Some(rest) = rest else {
            found(&self.ends);
            return;
        };
        let slash = rest.iter().position(|byte| *byte == b'/');
        let segment = rest.get(..slash.unwrap_or(rest.len())).unwrap_or_default();
        let after = slash.and_then(|slash| rest.get(slash + 1..));
        if let Some(node) = self.literal.get(segment) {
            node.look_up(after, found);
        }
        if let Some(node) = &self.any
            && !segment.is_empty()
        {
            node.look_up(after, found);
        }
    }
}
