//! TCP connect.
