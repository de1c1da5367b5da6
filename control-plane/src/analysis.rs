//! From what was reported to what an operator reads: pairs looked at under a shadow's own rules, and reports put
//! together from windows. No IO here but for what it is handed.

pub mod assemble;
pub mod document;
pub mod look;
pub mod plan;
pub mod redact;
