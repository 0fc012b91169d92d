//! Which objects a patch or replacement means: regular expressions on the identity, selectors on labels
//! and annotations.

use std::sync::Arc;

use crate::arguments::Selector;
use crate::context::{Context, Failed, Result};
use crate::error::Code;
use crate::identity::Gvk;
use crate::label_selector::LabelSelector;
use crate::pattern::Pattern;
use crate::position::Spot;
use crate::resource::Resource;

/// Steps to match one object.
pub(crate) const SELECT_STEPS: u64 = 8;

/// A selector ready to match.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    group: Wanted,
    version: Wanted,
    kind: Wanted,
    name: Wanted,
    namespace: Wanted,
    labels: LabelSelector,
    annotations: LabelSelector,
    /// Group, version, kind, name and namespace are all empty.
    pub(crate) selects_any_id: bool,
    /// There are no selectors on labels and annotations.
    pub(crate) selects_any_metadata: bool,
}

/// A text, a regular expression that must match the whole text, or anything.
#[derive(Debug, Clone)]
enum Wanted {
    Any,
    Text(Box<str>),
    Regex(Arc<Pattern>),
}

impl Wanted {
    fn new(pattern: &str, spot: Spot, context: &mut Context<'_>) -> Result<Self> {
        if pattern.is_empty() {
            return Ok(Self::Any);
        }
        if pattern
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/'))
        {
            return Ok(Self::Text(pattern.into()));
        }
        if let Some(regex) = context.pattern(&format!("^(?:{pattern})$")) {
            Ok(Self::Regex(regex))
        } else {
            let what = format!("`{pattern}` is not a valid regular expression");
            Err(context.fail_with_help(
                Code::InvalidSelector,
                spot,
                what,
                "Escape special characters by `\\`",
            ))
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(own) => **own == *text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

impl Matcher {
    pub(crate) fn new(selector: &Selector, context: &mut Context<'_>) -> Result<Self> {
        let spot = selector.spot;
        let mut pattern = |text: &str| Wanted::new(text, spot, context);
        let (group, version, kind) = (
            pattern(&selector.gvk.group),
            pattern(&selector.gvk.version),
            pattern(&selector.gvk.kind),
        );
        let (name, namespace) = (pattern(&selector.name), pattern(&selector.namespace));
        let labels = parse_selector(&selector.labels, spot, context);
        let annotations = parse_selector(&selector.annotations, spot, context);
        Ok(Self {
            group: group?,
            version: version?,
            kind: kind?,
            name: name?,
            namespace: namespace?,
            labels: labels?,
            annotations: annotations?,
            selects_any_id: selector.gvk == Gvk::default()
                && selector.name.is_empty()
                && selector.namespace.is_empty(),
            selects_any_metadata: selector.labels.is_empty() && selector.annotations.is_empty(),
        })
    }

    pub(crate) fn matches_gvk(&self, group: &str, version: &str, kind: &str) -> bool {
        self.kind.matches(kind) && self.version.matches(version) && self.group.matches(group)
    }

    pub(crate) fn matches_name(&self, name: &str) -> bool {
        self.name.matches(name)
    }

    pub(crate) fn matches_namespace(&self, namespace: &str) -> bool {
        self.namespace.matches(namespace)
    }

    pub(crate) fn matches_metadata(&self, resource: &Resource) -> bool {
        self.selects_any_metadata
            || (self.labels.matches(&resource.metadata_texts("labels"))
                && self.annotations.matches(&resource.metadata_texts("annotations")))
    }

    /// By the first and the current identity, as the targets of patches are selected.
    pub(crate) fn selects(&self, resource: &Resource) -> bool {
        let gvk = &resource.id.gvk;
        self.matches_gvk(&gvk.group, &gvk.version, &gvk.kind)
            && (self.matches_name(resource.original_name()) || self.matches_name(&resource.id.name))
            && (self.matches_namespace(resource.original_namespace())
                || self.matches_namespace(resource.id.effective_namespace()))
            && self.matches_metadata(resource)
    }
}

fn parse_selector(
    text: &str,
    spot: Spot,
    context: &mut Context<'_>,
) -> Result<LabelSelector, Failed> {
    LabelSelector::parse(text).map_err(|why| {
        let what = format!("the selector `{text}` cannot be read: {why}");
        context.fail_with_help(
            Code::InvalidSelector,
            spot,
            what,
            "Write it like `app=web,tier in (front, back),!legacy`",
        )
    })
}
