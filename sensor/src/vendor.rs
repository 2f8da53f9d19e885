//! Vendors by the longest assigned prefix of a universally administered MAC.
