//! Who gets in, and what they may do then.

mod changes;
mod nodes;
mod offline;
mod oidc;
mod routes;
mod sessions;
mod tokens;
