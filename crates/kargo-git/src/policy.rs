//! What an installation lets its apps connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where remotes may be, decided by whoever runs the installation. The default suits tenants that are
/// strangers to each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Lets apps reach link-local and cloud metadata addresses, which answer anybody on the node with
    /// credentials of the node.
    pub allow_link_local: bool,
    /// Further ranges of addresses that apps must not reach, such as those of the cluster's own services.
    pub refused_addresses: Vec<Range>,
    /// Lets credentials travel over `http://`, where everybody on the way can read them.
    pub allow_credentials_in_clear: bool,
    /// The only hosts that remotes may be on: names in lower case, or `*.example.com` for all names below;
    /// empty for all hosts.
    pub allowed_hosts: Vec<String>,
}

/// A range of addresses, written as `10.0.0.0/8` or `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    base: IpAddr,
    bits: u32,
}

/// A text is not a range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a range of addresses is written as address/bits, for example 10.0.0.0/8 or fd00::/8.")]
pub struct RangeError;

impl Range {
    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differ = match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                (base.to_bits() ^ address.to_bits()).leading_zeros()
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                (base.to_bits() ^ address.to_bits()).leading_zeros()
            }
            _ => return false,
        };
        differ >= self.bits
    }
}

impl std::str::FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let (base, bits) = text.split_once('/').ok_or(RangeError)?;
        let base = base.parse::<IpAddr>().map_err(|_| RangeError)?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.parse().ok().filter(|bits| *bits <= most).ok_or(RangeError)?;
        Ok(Self { base, bits })
    }
}

/// Addresses of cloud metadata services outside of the link-local ranges.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), // Alibaba Cloud
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),   // Azure
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),     // Oracle Cloud
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), // AWS
];

impl Policy {
    /// Whether remotes may be on this host; says nothing about its addresses.
    pub fn allows_host(&self, host: &str) -> bool {
        self.allowed_hosts.is_empty()
            || self.allowed_hosts.iter().any(|allowed| match allowed.strip_prefix("*.") {
                Some(domain) => host
                    .strip_suffix(domain)
                    .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
                None => allowed == host,
            })
    }

    /// Whether a connection to this address may be made.
    pub fn allows_address(&self, address: IpAddr) -> bool {
        let inner = carried(address);
        let is_nobody = inner.is_unspecified()
            || inner.is_multicast()
            || inner == IpAddr::V4(Ipv4Addr::BROADCAST);
        let is_local = match inner {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        let is_listed = self.refused_addresses.iter().any(|range| range.contains(inner));
        !is_nobody
            && !is_listed
            && (self.allow_link_local || !(is_local || METADATA.contains(&inner)))
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 or 6to4.
fn carried(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let octets = v6.octets();
    let four =
        |at: usize| IpAddr::from([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => four(12),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => four(12),
        [0x2002, ..] => four(2),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::{Policy, Range};

    #[test]
    fn addresses_that_hand_out_credentials_are_refused() {
        let strict = Policy::default();
        let open = Policy { allow_link_local: true, ..Policy::default() };
        let table = [
            ("140.82.112.3", true, true),
            ("10.0.0.7", true, true),
            ("127.0.0.1", true, true),
            ("::1", true, true),
            ("2606:50c0::1", true, true),
            ("169.254.169.254", false, true),
            ("169.254.0.1", false, true),
            ("100.100.100.200", false, true),
            ("168.63.129.16", false, true),
            ("fe80::1", false, true),
            ("fd00:ec2::254", false, true),
            ("::ffff:169.254.169.254", false, true),
            ("::169.254.169.254", false, true),
            ("64:ff9b::a9fe:a9fe", false, true),
            ("2002:a9fe:a9fe::1", false, true),
            ("0.0.0.0", false, false),
            ("::", false, false),
            ("::ffff:0.0.0.0", false, false),
            ("224.0.0.1", false, false),
            ("ff02::1", false, false),
            ("255.255.255.255", false, false),
        ];
        for (address, by_default, by_flag) in table {
            let parsed = address.parse().unwrap();
            assert_eq!(strict.allows_address(parsed), by_default, "{address}");
            assert_eq!(open.allows_address(parsed), by_flag, "{address} with the flag");
        }
    }

    #[test]
    fn ranges_can_be_refused() {
        let range = |text: &str| text.parse::<Range>();
        let policy = Policy {
            refused_addresses: vec![range("10.96.0.0/12").unwrap(), range("fd00::/8").unwrap()],
            ..Policy::default()
        };
        for (address, allowed) in [
            ("10.96.0.1", false),
            ("10.111.255.255", false),
            ("10.112.0.0", true),
            ("::ffff:10.96.0.1", false),
            ("fd12::1", false),
            ("fe00::1", true),
            ("2001:db8::1", true),
        ] {
            assert_eq!(policy.allows_address(address.parse().unwrap()), allowed, "{address}");
        }
        assert!(range("0.0.0.0/0").unwrap().contains("8.8.8.8".parse().unwrap()));
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/-1"] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_can_be_listed() {
        let listed = Policy {
            allowed_hosts: vec!["github.com".into(), "*.corp.example".into()],
            ..Policy::default()
        };
        for (host, allowed) in [
            ("github.com", true),
            ("git.corp.example", true),
            ("a.b.corp.example", true),
            ("corp.example", false),
            ("evilcorp.example", false),
            (".corp.example", false),
            ("api.github.com", false),
            ("github.com.evil.example", false),
        ] {
            assert_eq!(listed.allows_host(host), allowed, "{host}");
            assert!(Policy::default().allows_host(host));
        }
    }
}
