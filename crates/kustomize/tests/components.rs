//! What components do to the field tables of the kustomizations that name them.

use kustomize::{MemoryTree, Options, build};

/// The tables of a component come back sorted, and are merged into nothing: an entry for one kind, which sorts
/// before the default one for all kinds, hides it.
#[test]
fn a_table_for_one_kind_in_a_component_takes_the_place_of_the_one_for_all() {
    let built = |component: &str| {
        let files = [
            (
                "top/kustomization.yaml",
                "resources: [web.yaml]\ncomponents: [../part]\nnamePrefix: x-\n",
            ),
            ("top/web.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n"),
            ("part/kustomization.yaml", component),
            ("part/tables.yaml", "namePrefix:\n- path: metadata/name\n  kind: Example\n"),
        ];
        let tree: MemoryTree =
            files.map(|(path, text)| (path, text.to_owned())).into_iter().collect();
        let build = build(&tree, "top", &Options::default()).result.expect("it builds");
        build.objects[0].value()["metadata"]["name"].clone()
    };
    let head = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {a: b}\n";
    assert_eq!(built(head), "x-web");
    assert_eq!(built(&format!("{head}configurations: [tables.yaml]\n")), "web");
}
