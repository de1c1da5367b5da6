//! The resources operators write: manifests, validation, and compiling them for a node.
