//! What makes objects: config maps and secrets from files and literals, and an IAM service account.

pub(crate) mod config_map;
pub(crate) mod iam_policy;
pub(crate) mod key_values;
