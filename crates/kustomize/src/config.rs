//! Which fields of which kinds a transformer works on: the defaults, and what `configurations` and
//! `crds` add to them.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::identity::Gvk;
use crate::transformers::sort_order::default_rank;

/// A field of the kinds that `gvk` selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldSpec {
    pub(crate) gvk: Gvk,
    pub(crate) path: FieldPath,
    /// Create the field where it is missing.
    pub(crate) create: bool,
}

/// A path such as `spec/template/spec/containers[]/image`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPath {
    pub(crate) text: Box<str>,
    pub(crate) parts: Box<[Part]>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: Box<str>,
    /// Written with `[]`: a list, which is never created.
    pub(crate) is_list: bool,
}

/// Where names of one kind are referred to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameReference {
    pub(crate) target: Gvk,
    pub(crate) referrers: Vec<FieldSpec>,
}

/// The field tables of all transformers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) name_prefix: Vec<FieldSpec>,
    pub(crate) name_suffix: Vec<FieldSpec>,
    pub(crate) namespace: Vec<FieldSpec>,
    pub(crate) common_labels: Vec<FieldSpec>,
    pub(crate) labels: Vec<FieldSpec>,
    pub(crate) template_labels: Vec<FieldSpec>,
    pub(crate) common_annotations: Vec<FieldSpec>,
    pub(crate) name_reference: Vec<NameReference>,
    pub(crate) var_reference: Vec<FieldSpec>,
    pub(crate) images: Vec<FieldSpec>,
    pub(crate) replicas: Vec<FieldSpec>,
}

/// Two field tables disagree on whether to create a field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Conflict(pub(crate) String);

/// Origin: see the field `origin` of the file.
static DEFAULT: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let text = include_str!("../data/default-fieldspecs.json");
    let data: Value = serde_json::from_str(text).unwrap_or_default();
    let specs = |field: &str| specs_of(&data[field]);
    let mut config = Config {
        name_prefix: specs("namePrefix"),
        name_suffix: specs("nameSuffix"),
        namespace: specs("namespace"),
        common_labels: specs("commonLabels"),
        labels: specs("labels"),
        template_labels: specs("templateLabels"),
        common_annotations: specs("commonAnnotations"),
        name_reference: list(&data["nameReference"])
            .map(|reference| NameReference {
                target: gvk_of(reference),
                referrers: specs_of(&reference["fieldSpecs"]),
            })
            .collect(),
        var_reference: specs("varReference"),
        images: specs("images"),
        replicas: specs("replicas"),
    };
    // Labels for selectors go wherever those for templates go.
    config.common_labels.extend(config.template_labels.iter().cloned());
    config.sort();
    Arc::new(config)
});

/// The default tables as an accumulator has them: merged, one after the other, into empty ones.
static MERGED_DEFAULT: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let mut merged = Config::default();
    // The default tables do not disagree; a test makes sure.
    let _ = merged.merge(&DEFAULT);
    Arc::new(merged)
});

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn gvk_of(value: &Value) -> Gvk {
    let text = |field: &str| value[field].as_str().unwrap_or_default();
    Gvk::new(text("group"), text("version"), text("kind"))
}

fn specs_of(value: &Value) -> Vec<FieldSpec> {
    let spec = |value: &Value| FieldSpec {
        gvk: gvk_of(value),
        path: FieldPath::new(value["path"].as_str().unwrap_or_default()),
        create: value["create"].as_bool().unwrap_or_default(),
    };
    list(value).map(spec).collect()
}

impl FieldPath {
    pub(crate) fn new(text: &str) -> Self {
        let part = |name: String| match name.strip_suffix("[]") {
            Some(shorter) => Part { name: shorter.into(), is_list: true },
            None => Part { name: name.into(), is_list: false },
        };
        Self { text: text.into(), parts: split_path(text, '/').into_iter().map(part).collect() }
    }
}

/// Splits at a delimiter; a backslash before it keeps it, one delimiter in front is ignored.
pub(crate) fn split_path(text: &str, delimiter: char) -> Vec<String> {
    let mut raw: Vec<&str> = text.split(delimiter).collect();
    if raw.len() > 1 && raw[0].is_empty() {
        raw.remove(0);
    }
    let mut parts: Vec<String> = Vec::with_capacity(raw.len());
    for piece in raw {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(delimiter);
                last.push_str(piece);
            }
            _ => parts.push(piece.to_owned()),
        }
    }
    parts
}

impl FieldSpec {
    pub(crate) fn new(gvk: Gvk, path: &str, create: bool) -> Self {
        Self { gvk, path: FieldPath::new(path), create }
    }
}

/// Adds a field unless the table has one that covers it.
pub(crate) fn merge_one(table: &mut Vec<FieldSpec>, spec: &FieldSpec) -> Result<(), Conflict> {
    let covering =
        table.iter().find(|known| known.path == spec.path && known.gvk.is_selected_by(&spec.gvk));
    match covering {
        Some(known) if known.create != spec.create => Err(Conflict(spec.path.text.to_string())),
        Some(_) => Ok(()),
        None => {
            table.push(spec.clone());
            Ok(())
        }
    }
}

pub(crate) fn merge_all(table: &mut Vec<FieldSpec>, specs: &[FieldSpec]) -> Result<(), Conflict> {
    specs.iter().try_for_each(|spec| merge_one(table, spec))
}

impl Config {
    /// kustomize's own tables.
    pub(crate) fn default_tables() -> Arc<Self> {
        DEFAULT.clone()
    }

    /// Adds another set of tables.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<(), Conflict> {
        merge_all(&mut self.name_prefix, &other.name_prefix)?;
        merge_all(&mut self.name_suffix, &other.name_suffix)?;
        merge_all(&mut self.namespace, &other.namespace)?;
        merge_all(&mut self.common_annotations, &other.common_annotations)?;
        merge_all(&mut self.common_labels, &other.common_labels)?;
        merge_all(&mut self.labels, &other.labels)?;
        merge_all(&mut self.template_labels, &other.template_labels)?;
        merge_all(&mut self.var_reference, &other.var_reference)?;
        for reference in &other.name_reference {
            self.merge_name_reference(reference)?;
        }
        merge_all(&mut self.images, &other.images)?;
        merge_all(&mut self.replicas, &other.replicas)?;
        self.sort();
        Ok(())
    }

    pub(crate) fn merge_name_reference(&mut self, other: &NameReference) -> Result<(), Conflict> {
        let mut found = false;
        for known in self.name_reference.iter_mut().filter(|known| known.target == other.target) {
            merge_all(&mut known.referrers, &other.referrers)?;
            found = true;
        }
        if !found {
            self.name_reference.push(other.clone());
        }
        Ok(())
    }

    /// Number of fields in all tables.
    fn size(&self) -> u64 {
        let references = self.name_reference.iter().map(|reference| reference.referrers.len() + 1);
        let tables = [
            &self.name_prefix,
            &self.name_suffix,
            &self.namespace,
            &self.common_labels,
            &self.labels,
            &self.template_labels,
            &self.common_annotations,
            &self.var_reference,
            &self.images,
            &self.replicas,
        ];
        let fields = tables.iter().map(|table| table.len());
        (references.sum::<usize>() + fields.sum::<usize>()) as u64
    }

    /// Steps that it takes to merge these tables into others. Every field is compared with those before it.
    pub(crate) fn cost_of_adding_to(&self, other: &Self) -> u64 {
        self.size() * (self.size() + other.size()) / 16 + 1
    }

    /// In the order in which kustomize applies them: by kind.
    pub(crate) fn sort(&mut self) {
        let tables = [
            &mut self.name_prefix,
            &mut self.name_suffix,
            &mut self.namespace,
            &mut self.common_labels,
            &mut self.labels,
            &mut self.template_labels,
            &mut self.common_annotations,
            &mut self.var_reference,
            &mut self.images,
            &mut self.replicas,
        ];
        for table in tables {
            table.sort_by_cached_key(|spec| default_rank(&spec.gvk));
        }
        self.name_reference.sort_by_cached_key(|reference| default_rank(&reference.target));
    }
}

/// The tables of an accumulator: shared as long as they are the default ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedConfig {
    tables: Option<Arc<Config>>,
}

impl SharedConfig {
    pub(crate) fn tables(&self) -> Arc<Config> {
        self.tables.clone().unwrap_or_default()
    }

    /// Adds tables; free of cost where nothing changes.
    pub(crate) fn merge(&mut self, other: &Arc<Config>) -> Result<(), Conflict> {
        match &mut self.tables {
            None if Arc::ptr_eq(other, &DEFAULT) || Arc::ptr_eq(other, &MERGED_DEFAULT) => {
                self.tables = Some(MERGED_DEFAULT.clone());
            }
            None => {
                let mut merged = Config::default();
                merged.merge(other)?;
                self.tables = Some(Arc::new(merged));
            }
            Some(tables) if Arc::ptr_eq(tables, other) => {}
            // Everything starts from the default tables, so they are in already.
            Some(_) if Arc::ptr_eq(other, &DEFAULT) || Arc::ptr_eq(other, &MERGED_DEFAULT) => {}
            Some(tables) => {
                let mut merged = Config::clone(tables);
                merged.merge(other)?;
                if merged != **tables {
                    *tables = Arc::new(merged);
                }
            }
        }
        Ok(())
    }

    /// Steps that [`SharedConfig::merge`] takes.
    pub(crate) fn cost_of_merging(&self, other: &Arc<Config>) -> u64 {
        let is_default = Arc::ptr_eq(other, &DEFAULT) || Arc::ptr_eq(other, &MERGED_DEFAULT);
        match &self.tables {
            Some(tables) if !is_default && !Arc::ptr_eq(tables, other) => {
                other.cost_of_adding_to(tables) + tables.size()
            }
            None if !is_default => other.cost_of_adding_to(other),
            _ => 1,
        }
    }

    pub(crate) fn shared(&self) -> Option<&Arc<Config>> {
        self.tables.as_ref()
    }

    pub(crate) fn merge_other(&mut self, other: &Self) -> Result<(), Conflict> {
        other.tables.as_ref().map_or(Ok(()), |tables| self.merge(tables))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_tables_agree_with_each_other() {
        let mut merged = Config::default();
        assert_eq!(merged.merge(&DEFAULT), Ok(()));
        assert_eq!(merged, **MERGED_DEFAULT);
        assert!(merged.name_reference.len() >= 16 && merged.var_reference.len() >= 70);
    }

    #[test]
    fn paths_are_split_at_delimiters_that_are_not_escaped() {
        let table: [(&str, &[&str]); 5] = [
            ("a/b", &["a", "b"]),
            ("/a/b", &["a", "b"]),
            ("a\\/b/c", &["a/b", "c"]),
            ("a", &["a"]),
            ("", &[""]),
        ];
        for (path, parts) in table {
            assert_eq!(split_path(path, '/'), parts, "{path}");
        }
    }

    #[test]
    fn a_field_is_added_unless_another_covers_it() {
        let spec =
            |kind: &str, create| FieldSpec::new(Gvk::new("", "", kind), "metadata/name", create);
        let mut table = vec![spec("Example", false)];
        assert_eq!(merge_one(&mut table, &spec("", false)), Ok(()));
        assert_eq!(
            table.len(),
            1,
            "a table with one kind covers the entry for all kinds, as in kustomize"
        );
        assert_eq!(merge_one(&mut table, &spec("Other", false)), Ok(()));
        assert_eq!(table.len(), 2);
        assert_eq!(
            merge_one(&mut table, &spec("Other", true)),
            Err(Conflict("metadata/name".to_owned()))
        );
    }
}
