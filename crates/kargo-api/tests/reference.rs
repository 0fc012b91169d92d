//! `docs/reference.md` is made from the code, and this test keeps the two equal.
//!
//! After a change of a field, a reason, a name or a metric:
//! `UPDATE_DOCS=1 cargo test -p kargo-api --test reference`.

use std::{fmt::Write as _, path::Path};

use kargo_api::reasons::{ConditionType, EventReason, Reason};
use serde_json::Value;

const NAMES: &str = include_str!("../src/names.rs");
const METRICS: &str = include_str!("../../kargo-controller/src/metrics.rs");

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test that reads, and on request writes, a file of the checkout"
)]
fn the_reference_says_what_the_code_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference.md");
    let expected = reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).expect("docs/reference.md can be written");
    }
    let found = std::fs::read_to_string(&path).expect("docs/reference.md can be read");
    assert!(
        found == expected,
        "docs/reference.md is not what the code says; run: UPDATE_DOCS=1 cargo test -p kargo-api --test reference"
    );
}

fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    let schema = schema();
    text.push_str("\n## The KargoApp\n\n");
    text.push_str("`kubectl explain kargoapp.spec` says the same. All but `source.repoURL` may be left out.\n\n");
    table(&mut text, ["field of `spec`", "type", "default", "meaning"], &fields(&schema["spec"]));
    text.push_str("\n### Its status\n\n");
    let status: Vec<[String; 3]> = fields(&schema["status"])
        .into_iter()
        .map(|[path, kind, _, meaning]| [path, kind, meaning])
        .collect();
    table(&mut text, ["field of `status`", "type", "meaning"], &status);

    text.push_str("\n## Conditions\n\n");
    table(
        &mut text,
        ["type", "meaning"],
        &words(ConditionType::ALL, ConditionType::as_str, ConditionType::meaning),
    );
    text.push_str("\n### Their reasons\n\n");
    table(&mut text, ["reason", "meaning"], &words(Reason::ALL, Reason::as_str, Reason::meaning));
    text.push_str(
        "\n## Events\n\nOn the KargoApp; `kubectl events --for kargoapp/shop` lists them.\n\n",
    );
    table(
        &mut text,
        ["reason", "meaning"],
        &words(EventReason::ALL, EventReason::as_str, EventReason::meaning),
    );

    text.push_str("\n## Limits for git servers\n\nAn installation sets others by `--git-limit NAME=VALUE`, or `KARGO_GIT_LIMITS`.\n\n");
    let limits = kargo_git::Limits::table();
    let limits: Vec<[String; 3]> = limits
        .into_iter()
        .map(|[name, default, meaning]| [code(&name), default, meaning])
        .collect();
    table(&mut text, ["limit", "default", "meaning"], &limits);

    text.push_str("\n## Labels, annotations and other names\n\n");
    table(&mut text, ["name", "meaning"], &names());
    text.push_str(
        "\n## Metrics\n\nServed at `/metrics` on port 8080, in the OpenMetrics format.\n\n",
    );
    table(&mut text, ["metric", "type", "meaning"], &metrics());
    text
}

const INTRODUCTION: &str = "\
<!-- Made from the code: UPDATE_DOCS=1 cargo test -p kargo-api --test reference -->

# Reference

Every name that Kargo puts into a cluster, and what it means. The flags of the controller are in
`kargo controller --help`, the values of the chart in `helm show values charts/kargo`.
";

fn schema() -> Value {
    let definition = serde_json::to_value(kargo_api::crd()).expect("a definition is JSON");
    let properties = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties");
    properties.expect("the definition has a schema").clone()
}

/// Path, type, default and meaning of every field below a schema.
fn fields(schema: &Value) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    collect(schema, "", &mut rows);
    assert!(!rows.is_empty(), "the schema has no fields");
    rows
}

fn collect(schema: &Value, prefix: &str, rows: &mut Vec<[String; 4]>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{prefix}{name}");
        let has_fields = field.get("properties").is_some();
        let default = field.get("default").filter(|_| !has_fields).map(|value| code(&plain(value)));
        rows.push([code(&path), kind(field), default.unwrap_or_default(), meaning(field)]);
        collect(field, &format!("{path}."), rows);
        // Kubernetes documents its own types.
        if path != "conditions" {
            collect(&field["items"], &format!("{path}[]."), rows);
        }
    }
}

fn kind(field: &Value) -> String {
    if let Some(values) = field["enum"].as_array() {
        return values.iter().map(plain).map(|value| code(&value)).collect::<Vec<_>>().join(", ");
    }
    match (field["type"].as_str(), field["items"]["type"].as_str()) {
        (Some("array"), Some(item)) => format!("list of {item}s"),
        (Some(kind), _) => field["format"]
            .as_str()
            .filter(|format| *format == "date-time")
            .unwrap_or(kind)
            .to_owned(),
        (None, _) => String::new(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn meaning(field: &Value) -> String {
    field["description"]
        .as_str()
        .unwrap_or_else(|| panic!("a field has no description: {field}"))
        .to_owned()
}

fn words<T: Copy>(
    all: &[T],
    word: fn(T) -> &'static str,
    meaning: fn(T) -> &'static str,
) -> Vec<[String; 2]> {
    all.iter().map(|each| [code(word(*each)), meaning(*each).to_owned()]).collect()
}

/// The constants of `names.rs` that are one text, with their documentation.
fn names() -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    let mut documentation: Vec<&str> = Vec::new();
    for line in NAMES.lines() {
        if let Some(sentence) = line.strip_prefix("///") {
            documentation.push(sentence.trim());
        } else if let Some(rest) = line.strip_prefix("pub const ") {
            if let Some((_, value)) = rest.split_once(": &str = \"") {
                rows.push([code(value.trim_end_matches("\";")), documentation.join(" ")]);
            }
            documentation.clear();
        }
    }
    assert!(!rows.is_empty(), "names.rs is not written as it was");
    rows
}

/// What `metrics.rs` registers.
fn metrics() -> Vec<[String; 3]> {
    let row = |call: &str| {
        let mut texts = call.split('"').skip(1).step_by(2);
        let (Some(name), Some(help)) = (texts.next(), texts.next()) else {
            panic!("not a name and a help text: {call}");
        };
        let is_gauge = METRICS.contains(&format!("{name}: Gauge"));
        let (kind, suffix) = if is_gauge { ("gauge", "") } else { ("counter", "_total") };
        [code(&format!("kargo_{name}{suffix}")), kind.to_owned(), format!("{help}.")]
    };
    let rows: Vec<[String; 3]> = METRICS.split("registry.register(").skip(1).map(row).collect();
    assert!(!rows.is_empty(), "metrics.rs is not written as it was");
    rows
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn table<const COLUMNS: usize>(
    text: &mut String,
    header: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) {
    let line = |cells: &[String]| {
        // Links between items of the code mean nothing here.
        let clean = |cell: &String| {
            cell.replace("[`", "`")
                .replace("`]", "`")
                .replace('|', "\\|")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        format!("| {} |", cells.iter().map(clean).collect::<Vec<_>>().join(" | "))
    };
    let _ = writeln!(text, "| {} |\n|{}", header.join(" | "), "---|".repeat(COLUMNS));
    for row in rows {
        let _ = writeln!(text, "{}", line(row));
    }
}
