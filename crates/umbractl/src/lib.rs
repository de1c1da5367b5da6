//! Umbra's command line.
