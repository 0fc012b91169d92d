//! Where an app answers from outside: the URLs of Ingresses and of Services of type `LoadBalancer`.

use serde_json::Value;

use crate::object::group_version;

/// The external URLs of a live Ingress or Service, in its own order, each once; empty for anything else and
/// while there is no address yet.
///
/// An Ingress gives one URL per rule: its host (or, without one, each address of the load balancer), `https`
/// where `tls` covers the host, and the path `/` if the rule has it, else its first path that can be typed into
/// a browser. A Service gives one URL per address and TCP port: `http` for 80, `https` for 443, otherwise
/// `http` with the port.
pub fn urls(object: &Value) -> Vec<String> {
    let (group, _) = group_version(object["apiVersion"].as_str().unwrap_or_default());
    let found = match (group, object["kind"].as_str()) {
        ("networking.k8s.io" | "extensions", Some("Ingress")) => ingress_urls(object),
        ("", Some("Service")) if object["spec"]["type"] == "LoadBalancer" => service_urls(object),
        _ => Vec::new(),
    };
    let mut unique = Vec::with_capacity(found.len());
    for url in found {
        if !unique.contains(&url) {
            unique.push(url);
        }
    }
    unique
}

/// What the load balancer answered: names or IP addresses, ready to stand in a URL.
fn load_balancer(object: &Value) -> Vec<String> {
    items(&object["status"]["loadBalancer"]["ingress"])
        .filter_map(|entry| {
            let name = entry["hostname"].as_str().filter(|name| !name.is_empty());
            name.or_else(|| entry["ip"].as_str().filter(|ip| !ip.is_empty()))
        })
        .map(
            |address| {
                if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
            },
        )
        .collect()
}

fn ingress_urls(object: &Value) -> Vec<String> {
    let addresses = load_balancer(object);
    let mut urls = Vec::new();
    let url = |host: &str, covered: bool, path: &str| {
        format!(
            "{}://{host}{}",
            if covered { "https" } else { "http" },
            if path == "/" { "" } else { path }
        )
    };
    for rule in items(&object["spec"]["rules"]) {
        let path = reachable_path(&rule["http"]["paths"]);
        match rule["host"].as_str().filter(|host| !host.is_empty()) {
            // A pattern is no address.
            Some(host) if host.contains('*') => {}
            Some(host) => urls.push(url(host, tls_covers(object, Some(host)), path)),
            None => urls.extend(
                addresses.iter().map(|address| url(address, tls_covers(object, None), path)),
            ),
        }
    }
    if items(&object["spec"]["rules"]).next().is_none() {
        urls.extend(addresses.iter().map(|address| url(address, tls_covers(object, None), "/")));
    }
    urls
}

/// Whether an entry of `tls` is about a host; an entry that names no hosts is about all of them.
fn tls_covers(object: &Value, host: Option<&str>) -> bool {
    items(&object["spec"]["tls"]).any(|entry| {
        let mut hosts = items(&entry["hosts"]).filter_map(Value::as_str).peekable();
        hosts.peek().is_none()
            || host.is_some_and(|host| hosts.any(|pattern| matches(pattern, host)))
    })
}

/// Whether a host is the pattern, where `*.` stands for one label.
fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => pattern == host,
    }
}

fn reachable_path(paths: &Value) -> &str {
    let texts = || {
        items(paths)
            .map(|path| path["path"].as_str().filter(|path| !path.is_empty()).unwrap_or("/"))
    };
    let plain = |path: &&str| {
        path.starts_with('/')
            && path
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "/-_.~%".contains(letter))
    };
    texts().find(|path| *path == "/").or_else(|| texts().find(plain)).unwrap_or("/")
}

fn service_urls(object: &Value) -> Vec<String> {
    let addresses = load_balancer(object);
    let ports = items(&object["spec"]["ports"])
        .filter(|port| port["protocol"].as_str().is_none_or(|protocol| protocol == "TCP"))
        .filter_map(|port| port["port"].as_u64());
    ports
        .flat_map(|port| {
            addresses.iter().map(move |address| match port {
                80 => format!("http://{address}"),
                443 => format!("https://{address}"),
                other => format!("http://{address}:{other}"),
            })
        })
        .collect()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_urls() {
        let table: &[(&str, &[&str])] = &[
            // Ingress.
            (
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [{host: shop.example.org}]}}",
                &["http://shop.example.org"],
            ),
            (
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {tls: [{hosts: [shop.example.org]}], rules: [{host: shop.example.org}, {host: api.example.org}]}}",
                &["https://shop.example.org", "http://api.example.org"],
            ),
            (
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {tls: [{hosts: ['*.example.org']}], rules: [{host: shop.example.org}]}}",
                &["https://shop.example.org"],
            ),
            (
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {tls: [{secretName: a}], rules: [{host: shop.example.org}]}}",
                &["https://shop.example.org"],
            ),
            (
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [{http: {paths: [{path: /}]}}]}, status: {loadBalancer: {ingress: [{ip: 192.0.2.7}]}}}",
                &["http://192.0.2.7"],
            ),
            (
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [{http: {paths: [{path: /api(/|$)(.*)}, {path: /shop}]}}]}, status: {loadBalancer: {ingress: [{hostname: lb.example.org}]}}}",
                &["http://lb.example.org/shop"],
            ),
            (
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [{http: {paths: [{path: /shop}, {path: /}]}}]}, status: {loadBalancer: {ingress: [{ip: '2001:db8::1'}]}}}",
                &["http://[2001:db8::1]"],
            ),
            (
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {defaultBackend: {}}, status: {loadBalancer: {ingress: [{ip: 192.0.2.7}, {ip: 192.0.2.7}]}}}",
                &["http://192.0.2.7"],
            ),
            (
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [{host: '*.example.org'}]}}",
                &[],
            ),
            ("{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [{}]}}", &[]),
            ("{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: 7, status: []}", &[]),
            // Service.
            (
                "{apiVersion: v1, kind: Service, spec: {type: LoadBalancer, ports: [{port: 80}, {port: 443}, {port: 8080}, {port: 53, protocol: UDP}]}, status: {loadBalancer: {ingress: [{ip: 192.0.2.7}]}}}",
                &["http://192.0.2.7", "https://192.0.2.7", "http://192.0.2.7:8080"],
            ),
            (
                "{apiVersion: v1, kind: Service, spec: {type: LoadBalancer, ports: [{port: 80}]}}",
                &[],
            ),
            (
                "{apiVersion: v1, kind: Service, spec: {type: ClusterIP, ports: [{port: 80}]}, status: {loadBalancer: {ingress: [{ip: 192.0.2.7}]}}}",
                &[],
            ),
            // Somebody else's kinds.
            (
                "{apiVersion: serving.example.org/v1, kind: Service, spec: {type: LoadBalancer}}",
                &[],
            ),
            ("{}", &[]),
        ];
        for (yaml, expected) in table {
            let object: Value = serde_yaml::from_str(yaml).unwrap();
            assert_eq!(urls(&object), *expected, "{yaml}");
        }
    }
}
