//! The members: which hosts run etcd, and how that changes.

mod plan;
