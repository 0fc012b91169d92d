//! `kargo build` as people run it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The checkout that the folder seems to be in: the tree of the build ends here.
    fs::create_dir(folder.path().join(".git")).expect("a new folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a path in a folder")).expect("a new folder");
        fs::write(path, text).expect("a new file");
    }
    folder
}

fn build(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_kargo"))
        .arg("build")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  mode: \"0644\"\n  answer: \"yes\"\n";
const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n";

#[test]
fn objects_are_printed_as_kustomize_prints_them() {
    let folder = folder(&[
        ("k8s/kustomization.yaml", "namePrefix: dev-\nresources: [web.yaml, namespace.yaml]\n"),
        ("k8s/web.yaml", CONFIG),
        ("k8s/namespace.yaml", NAMESPACE),
    ]);
    let (code, stdout, stderr) = build(folder.path(), &["k8s"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(stdout, @r#"
    apiVersion: v1
    kind: Namespace
    metadata:
      name: shop
    ---
    apiVersion: v1
    data:
      answer: "yes"
      mode: "0644"
    kind: ConfigMap
    metadata:
      name: dev-web
    "#);
    // The file is as good as its folder.
    assert_eq!(build(folder.path(), &["k8s/kustomization.yaml"]).1, stdout);
}

#[test]
fn json_is_one_array_in_the_order_of_the_files_when_asked() {
    let folder = folder(&[
        ("kustomization.yaml", "resources: [web.yaml, namespace.yaml]\n"),
        ("web.yaml", CONFIG),
        ("namespace.yaml", NAMESPACE),
    ]);
    let (code, stdout, _) = build(folder.path(), &["-o", "json", "--order", "none"]);
    let objects: Vec<serde_json::Value> = serde_json::from_str(&stdout).unwrap();
    let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!((code, kinds), (Some(0), vec!["ConfigMap", "Namespace"]));
}

#[test]
fn explain_says_where_objects_come_from() {
    let folder = folder(&[
        (
            "kustomization.yaml",
            "namePrefix: dev-\nresources: [web.yaml]\nconfigMapGenerator:\n- name: settings\n  literals: [a=b]\n",
        ),
        ("web.yaml", CONFIG),
    ]);
    let (code, stdout, _) = build(folder.path(), &["--explain"]);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(stdout, @r"
    ConfigMap/dev-settings-4h2mbtbbt6
      made by ConfigMapGenerator at kustomization.yaml:4:3
      changed by PrefixTransformer at kustomization.yaml:1:13
      changed by HashTransformer at kustomization.yaml:4:3
    ConfigMap/dev-web
      written in web.yaml:1:1, document 1
      changed by PrefixTransformer at kustomization.yaml:1:13
    ");
}

#[test]
fn every_error_is_told_with_its_place_and_the_exit_code_is_1() {
    let folder = folder(&[
        (
            "k8s/kustomization.yaml",
            "resources:\n- web.yaml\n- namespcae.yaml\n- \"\x1b[31mred.yaml\"\n"
                .replace('\x1b', "\\e")
                .as_str(),
        ),
        ("k8s/web.yaml", "kind: ConfigMap\nmetadata:\n\tname: web\n"),
        ("k8s/namespace.yaml", NAMESPACE),
    ]);
    let (code, stdout, stderr) = build(folder.path(), &["k8s"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    insta::assert_snapshot!(stderr, @r"
    k8s/kustomization.yaml:3:3: error: `namespcae.yaml` does not exist. Did you mean `namespace.yaml`?
    k8s/kustomization.yaml:4:3: error: `·[31mred.yaml` does not exist. Add the file to the repository, or remove it from this list.
    k8s/web.yaml:3:1: error: tab used for indentation; YAML allows only spaces. Replace the tab by spaces.
    ");
}

#[test]
fn what_is_no_kustomization_is_refused_with_a_hint() {
    let folder = folder(&[("web.yaml", CONFIG)]);
    let (code, _, stderr) = build(folder.path(), &["web.yaml"]);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(stderr, @"error: web.yaml is not a kustomization file; give the folder that holds kustomization.yaml");
    let (code, _, stderr) = build(folder.path(), &["nowhere"]);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(stderr, @"error: nowhere cannot be read: No such file or directory (os error 2)");
}
