//! `HorizontalPodAutoscaler` of `autoscaling/v2beta1` to `autoscaling/v2`: each metric says what it measures and what its
//! target is in two parts of the same form. (`v2beta2` has that form already.)

use serde_json::{Map, Value, json};

use super::{
    remarks::Remarks,
    walk::{Object, map_at, maps_in, rename, take},
};

pub(super) fn rewrite(object: &mut Value, _: &mut Remarks<'_>) {
    let Some(spec) = map_at(object, &["spec"]) else { return };
    for (_, metric) in maps_in(spec, "metrics") {
        for (source, convert) in SOURCES {
            if let Some(source) = metric.get_mut(*source).and_then(Value::as_object_mut) {
                convert(source);
            }
        }
    }
}

type Convert = fn(&mut Object);

const SOURCES: &[(&str, Convert)] = &[
    ("resource", resource),
    ("containerResource", resource),
    ("pods", pods),
    ("object", described_object),
    ("external", external),
];

fn resource(source: &mut Object) {
    set_target(
        source,
        &[
            ("targetAverageUtilization", "Utilization", "averageUtilization"),
            ("targetAverageValue", "AverageValue", "averageValue"),
        ],
    );
}

fn pods(source: &mut Object) {
    name_metric(source, "selector");
    set_target(source, &[("targetAverageValue", "AverageValue", "averageValue")]);
}

fn described_object(source: &mut Object) {
    name_metric(source, "selector");
    // What `target` names in v2beta1 is the object that is measured; in v2 it is the value to reach.
    let is_reference = source.get("target").is_some_and(|target| target.get("kind").is_some());
    if is_reference {
        rename(source, "target", "describedObject");
    }
    // v2beta1 compares the average only if there is one; `targetValue` is required and may be a stopgap.
    set_target(
        source,
        &[("averageValue", "AverageValue", "averageValue"), ("targetValue", "Value", "value")],
    );
}

fn external(source: &mut Object) {
    name_metric(source, "metricSelector");
    set_target(
        source,
        &[
            ("targetValue", "Value", "value"),
            ("targetAverageValue", "AverageValue", "averageValue"),
        ],
    );
}

/// `metricName` and its selector become `metric`.
fn name_metric(source: &mut Object, selector: &str) {
    let Some(name) = take(source, "metricName") else { return };
    let mut metric = Map::from_iter([("name".to_owned(), name)]);
    if let Some(selector) = take(source, selector) {
        metric.insert("selector".to_owned(), selector);
    }
    source.entry("metric").or_insert(Value::Object(metric));
}

/// The first of the old fields (old name, type, new name) that is there becomes `target`; all of them go.
fn set_target(source: &mut Object, fields: &[(&str, &str, &str)]) {
    let found: Vec<_> = fields
        .iter()
        .filter_map(|(old, kind, new)| Some((kind, new, take(source, old)?)))
        .collect();
    if let Some((kind, new, value)) = found.into_iter().next() {
        source.entry("target").or_insert_with(|| json!({ "type": kind, (*new): value }));
    }
}
