//! NetBIOS node status.
