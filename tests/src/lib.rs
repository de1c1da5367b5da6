//! End-to-end tests with real Envoys; they talk to Umbra over the network only.
