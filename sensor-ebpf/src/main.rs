//! The XDP program. Natively there is nothing to run: the package builds so that one `cargo build` covers the workspace.
fn main() {}
