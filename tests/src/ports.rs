//! Free ports on loopback.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};

/// `N` different ports of 127.0.0.1 that nobody listens on right now.
///
/// Somebody else may take one before its future owner does; the owner then fails to start and
/// asks again.
pub fn free<const N: usize>() -> Result<[u16; N]> {
    let mut listeners = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .context("127.0.0.1 has no free port for the control plane or a server")?;
        *port = listener.local_addr()?.port();
        // Kept open until all are chosen, so that no port is chosen twice.
        listeners.push(listener);
    }
    Ok(ports)
}
