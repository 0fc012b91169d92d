//! The order of the objects (`SortOrderTransformer`): legacy puts what others need first.

use crate::context::{Context, Result};
use crate::error::Code;
use crate::identity::Gvk;
use crate::position::Spot;
use crate::resource::Resource;

/// Origin: kustomize v5.8.1, `SortOrderTransformer`.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// `sortOptions` of the root kustomization.
#[derive(Debug, Clone, Default)]
pub(crate) struct SortOptions {
    pub(crate) order: String,
    pub(crate) legacy: Option<LegacyOrder>,
    pub(crate) spot: Option<Spot>,
}

/// Kinds that come first and last.
#[derive(Debug, Clone)]
pub(crate) struct LegacyOrder {
    pub(crate) first: Vec<String>,
    pub(crate) last: Vec<String>,
}

impl Default for LegacyOrder {
    fn default() -> Self {
        let owned = |kinds: &[&str]| kinds.iter().map(|&kind| kind.to_owned()).collect();
        Self { first: owned(&FIRST), last: owned(&LAST) }
    }
}

impl LegacyOrder {
    fn rank(&self, kind: &str) -> isize {
        let position = |kinds: &[String]| kinds.iter().rposition(|known| known == kind).map(signed);
        if let Some(position) = position(&self.last) {
            return position + 1;
        }
        position(&self.first).map_or(0, |position| position - signed(self.first.len()))
    }
}

fn signed(length: usize) -> isize {
    isize::try_from(length).unwrap_or(isize::MAX)
}

fn or<'a>(text: &'a str, empty: &'a str) -> &'a str {
    if text.is_empty() { empty } else { text }
}

fn gvk_text(gvk: &Gvk) -> String {
    format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"))
}

/// The order of kinds in field tables.
pub(crate) fn default_rank(gvk: &Gvk) -> (isize, String) {
    static ORDER: std::sync::LazyLock<LegacyOrder> = std::sync::LazyLock::new(LegacyOrder::default);
    (ORDER.rank(&gvk.kind), gvk_text(gvk))
}

/// Sorts by `sortOptions`.
pub(crate) fn sort_as_asked(
    list: &mut [Resource],
    options: &SortOptions,
    context: &mut Context<'_>,
) -> Result<()> {
    let spot = options.spot.unwrap_or(Spot::NOWHERE);
    match (options.order.as_str(), &options.legacy) {
        ("legacy", None) => sort_legacy(list, &LegacyOrder::default()),
        ("legacy", Some(order)) => sort_legacy(list, order),
        ("fifo", None) => {}
        ("fifo", Some(_)) => {
            let what =
                "`legacySortOptions` is set, but `sortOptions.order` is `fifo`, not `legacy`";
            return Err(context.fail_with_help(
                Code::InvalidValue,
                spot,
                what,
                "Set `order: legacy`, or remove `legacySortOptions`",
            ));
        }
        (other, _) => {
            let what =
                format!("`sortOptions.order` is `{other}`, and only `fifo` and `legacy` are known");
            return Err(context.fail_with_help(
                Code::InvalidValue,
                spot,
                what,
                "Write `order: fifo` or `order: legacy`",
            ));
        }
    }
    Ok(())
}

/// Sorts by kind, then group, version and kind as text, then namespace and name.
pub(crate) fn sort_legacy(list: &mut [Resource], order: &LegacyOrder) {
    list.sort_by_cached_key(|resource| {
        let id = &resource.id;
        let text = gvk_text(&id.gvk);
        // Namespaces are sorted the other way round: the group-less ones first.
        let reversed = &*id.gvk.kind == "Namespace" && id.gvk.group.is_empty();
        (
            order.rank(&id.gvk.kind),
            !reversed,
            text,
            format!("{}|{}", or(&id.namespace, "~X"), or(&id.name, "~N")),
        )
    });
}
