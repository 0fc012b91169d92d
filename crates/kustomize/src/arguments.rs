//! What the fields of a kustomization and the objects of `transformers` and `generators` say.

use crate::config::FieldSpec;
use crate::decode::{Decoder, Located, Pairs, Text};
use crate::identity::{Gvk, Id, split_api_version};
use crate::position::Spot;
use crate::yaml::Node;

/// Which objects are meant. The fields of a patch or replacement target are regular expressions, those
/// of a replacement source are exact.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    pub(crate) gvk: Gvk,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) annotations: String,
    pub(crate) labels: String,
    pub(crate) spot: Spot,
}

/// An entry of `patches` or `patchesJson6902`.
#[derive(Debug, Clone)]
pub(crate) struct PatchArguments {
    pub(crate) path: Option<Text>,
    pub(crate) patch: Option<Text>,
    pub(crate) target: Option<Selector>,
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
    pub(crate) spot: Spot,
}

/// An entry of `images`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImageArguments {
    pub(crate) name: String,
    pub(crate) new_name: String,
    pub(crate) tag_suffix: String,
    pub(crate) new_tag: String,
    pub(crate) digest: String,
    pub(crate) spot: Option<Spot>,
}

/// An entry of `replicas`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReplicaArguments {
    pub(crate) name: String,
    pub(crate) count: i64,
    pub(crate) spot: Option<Spot>,
}

/// An entry of `labels`.
#[derive(Debug, Clone)]
pub(crate) struct LabelArguments {
    pub(crate) pairs: Pairs,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    pub(crate) fields: Vec<FieldSpec>,
    pub(crate) spot: Spot,
}

/// Options of generators, for one or for all of a kustomization.
#[derive(Debug, Clone, Default)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) annotations: Vec<(String, String)>,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}

/// An entry of `configMapGenerator` or `secretGenerator`.
#[derive(Debug, Clone)]
pub(crate) struct GeneratorArguments {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) behavior: String,
    pub(crate) literals: Vec<Text>,
    pub(crate) files: Vec<Text>,
    pub(crate) envs: Vec<Text>,
    pub(crate) options: Option<GeneratorOptions>,
    /// Of secrets.
    pub(crate) kind: String,
    pub(crate) spot: Spot,
}

/// An entry of `vars`.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: Text,
    pub(crate) target: Id,
    pub(crate) field_path: String,
}

impl Decoder<'_, '_> {
    pub(crate) fn selector(&mut self, node: &Node, what: &str) -> Selector {
        let known = [
            "group",
            "version",
            "kind",
            "name",
            "namespace",
            "annotationSelector",
            "labelSelector",
        ];
        let mut selector = Selector {
            gvk: Gvk::default(),
            name: String::new(),
            namespace: String::new(),
            annotations: String::new(),
            labels: String::new(),
            spot: node.spot,
        };
        for (name, _, value) in self.fields(node, what, &known) {
            let text = self.text(value, name).value;
            match name {
                "group" => selector.gvk.group = text.into(),
                "version" => selector.gvk.version = text.into(),
                "kind" => selector.gvk.kind = text.into(),
                "name" => selector.name = text,
                "namespace" => selector.namespace = text,
                "annotationSelector" => selector.annotations = text,
                _ => selector.labels = text,
            }
        }
        selector
    }

    pub(crate) fn patch(&mut self, node: &Node, what: &str) -> PatchArguments {
        let mut patch = PatchArguments {
            path: None,
            patch: None,
            target: None,
            allow_name_change: false,
            allow_kind_change: false,
            spot: node.spot,
        };
        for (name, _, value) in self.fields(node, what, &["path", "patch", "target", "options"]) {
            match name {
                "path" => patch.path = self.optional_text(value, "path"),
                "patch" => patch.patch = self.optional_text(value, "patch"),
                "target" => patch.target = Some(self.selector(value, "the target of a patch")),
                _ => {
                    for (option, _, value) in self.fields(
                        value,
                        "the options of a patch",
                        &["allowNameChange", "allowKindChange"],
                    ) {
                        let allowed = self.boolean(value, option);
                        if option == "allowNameChange" {
                            patch.allow_name_change = allowed;
                        } else {
                            patch.allow_kind_change = allowed;
                        }
                    }
                }
            }
        }
        patch
    }

    pub(crate) fn image(&mut self, node: &Node) -> ImageArguments {
        let mut image = ImageArguments { spot: Some(node.spot), ..ImageArguments::default() };
        for (name, _, value) in
            self.fields(node, "an image", &["name", "newName", "tagSuffix", "newTag", "digest"])
        {
            let text = self.text(value, name).value;
            match name {
                "name" => image.name = text,
                "newName" => image.new_name = text,
                "tagSuffix" => image.tag_suffix = text,
                "newTag" => image.new_tag = text,
                _ => image.digest = text,
            }
        }
        image
    }

    pub(crate) fn replica(&mut self, node: &Node) -> ReplicaArguments {
        let mut replica = ReplicaArguments { spot: Some(node.spot), ..ReplicaArguments::default() };
        for (name, _, value) in self.fields(node, "an entry of replicas", &["name", "count"]) {
            match name {
                "name" => replica.name = self.text(value, name).value,
                _ => replica.count = self.integer(value, name),
            }
        }
        replica
    }

    pub(crate) fn label(&mut self, node: &Node) -> LabelArguments {
        let mut label = LabelArguments {
            pairs: Located { value: Vec::new(), spot: node.spot },
            include_selectors: false,
            include_templates: false,
            fields: Vec::new(),
            spot: node.spot,
        };
        for (name, _, value) in self.fields(
            node,
            "an entry of labels",
            &["pairs", "includeSelectors", "includeTemplates", "fields"],
        ) {
            match name {
                "pairs" => label.pairs = self.pairs(value, name),
                "includeSelectors" => label.include_selectors = self.boolean(value, name),
                "includeTemplates" => label.include_templates = self.boolean(value, name),
                _ => label.fields = self.field_specs(value, name),
            }
        }
        label
    }

    pub(crate) fn field_specs(&mut self, node: &Node, field: &str) -> Vec<FieldSpec> {
        let list = self.list(node, field);
        list.iter().map(|element| self.field_spec(element, field)).collect()
    }

    fn field_spec(&mut self, node: &Node, field: &str) -> FieldSpec {
        let (mut gvk, mut path, mut create) = (Gvk::default(), String::new(), false);
        for (name, _, value) in self.fields(
            node,
            &format!("an entry of {field}"),
            &["group", "version", "kind", "path", "create"],
        ) {
            match name {
                "group" => gvk.group = self.text(value, name).value.into(),
                "version" => gvk.version = self.text(value, name).value.into(),
                "kind" => gvk.kind = self.text(value, name).value.into(),
                "path" => path = self.text(value, name).value,
                _ => create = self.boolean(value, name),
            }
        }
        FieldSpec::new(gvk, &path, create)
    }

    pub(crate) fn generator_options(&mut self, node: &Node) -> GeneratorOptions {
        let mut options = GeneratorOptions::default();
        let known = ["labels", "annotations", "disableNameSuffixHash", "immutable"];
        for (name, _, value) in self.fields(node, "the options of a generator", &known) {
            match name {
                "labels" => options.labels = self.pairs(value, name).value,
                "annotations" => options.annotations = self.pairs(value, name).value,
                "disableNameSuffixHash" => {
                    options.disable_name_suffix_hash = self.boolean(value, name);
                }
                _ => options.immutable = self.boolean(value, name),
            }
        }
        options
    }

    /// An entry of `configMapGenerator`, or of `secretGenerator` if it may have a `type`. `metadata` of a
    /// generator object takes the place of name and namespace.
    pub(crate) fn generator(
        &mut self,
        node: &Node,
        what: &str,
        is_secret: bool,
    ) -> GeneratorArguments {
        let mut generator = GeneratorArguments {
            name: String::new(),
            namespace: String::new(),
            behavior: String::new(),
            literals: Vec::new(),
            files: Vec::new(),
            envs: Vec::new(),
            options: None,
            kind: String::new(),
            spot: node.spot,
        };
        let mut single_env = None;
        let known = [
            "name",
            "namespace",
            "behavior",
            "literals",
            "files",
            "envs",
            "env",
            "options",
            "type",
        ];
        let known = if is_secret { &known[..] } else { &known[..8] };
        for (name, _, value) in self.fields(node, what, known) {
            match name {
                "name" => generator.name = self.text(value, name).value,
                "namespace" => generator.namespace = self.text(value, name).value,
                "behavior" => generator.behavior = self.text(value, name).value,
                "literals" => generator.literals = self.texts(value, name),
                "files" => generator.files = self.texts(value, name),
                "envs" => generator.envs = self.texts(value, name),
                "env" => single_env = self.optional_text(value, name),
                "options" => generator.options = Some(self.generator_options(value)),
                _ => generator.kind = self.text(value, name).value,
            }
        }
        generator.envs.extend(single_env);
        generator
    }

    pub(crate) fn variable(&mut self, node: &Node) -> Variable {
        let mut variable = Variable {
            name: Located { value: String::new(), spot: node.spot },
            target: Id::default(),
            field_path: "metadata.name".to_owned(),
        };
        for (name, _, value) in self.fields(node, "a variable", &["name", "objref", "fieldref"]) {
            match name {
                "name" => variable.name = self.text(value, name),
                "objref" => variable.target = self.object_reference(value),
                _ => {
                    for (field, _, value) in
                        self.fields(value, "the fieldref of a variable", &["fieldPath"])
                    {
                        if let Some(path) = self.optional_text(value, field) {
                            variable.field_path = path.value;
                        }
                    }
                }
            }
        }
        variable
    }

    fn object_reference(&mut self, node: &Node) -> Id {
        let mut id = Id::default();
        let mut api_version = String::new();
        let known = ["apiVersion", "group", "version", "kind", "name", "namespace"];
        for (name, _, value) in self.fields(node, "the objref of a variable", &known) {
            let text = self.text(value, name).value;
            match name {
                "apiVersion" => api_version = text,
                "group" => id.gvk.group = text.into(),
                "version" => id.gvk.version = text.into(),
                "kind" => id.gvk.kind = text.into(),
                "name" => id.name = text.into(),
                _ => id.namespace = text.into(),
            }
        }
        if !api_version.is_empty() {
            let (group, version) = split_api_version(&api_version);
            if !group.is_empty() {
                id.gvk.group = group.into();
            }
            id.gvk.version = version.into();
        }
        id
    }
}
