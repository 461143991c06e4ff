//! Is a port of this host free, and if not, who has it?

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// Why an address cannot be listened on; `None` where it can. Only for engines on this host.
#[must_use]
pub fn obstacle(address: SocketAddr, udp: bool) -> Option<String> {
    let holder = |port: u16| if udp { None } else { holder(port) };
    let bound = if udp { UdpSocket::bind(address).map(drop) } else { TcpListener::bind(address).map(drop) };
    match bound {
        Ok(()) => None,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Some(
            holder(address.port()).map_or_else(|| "it is in use".to_owned(), |who| format!("it is in use by {who}")),
        ),
        // This user may not bind it; the gateway, which the engine starts, may.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            holder(address.port()).map(|who| format!("it is in use by {who}"))
        }
        Err(error) => Some(error.to_string()),
    }
}

/// The process that listens on a TCP port, as `name (pid N)`, as far as this user may see it.
fn holder(port: u16) -> Option<String> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listeners(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?;
    processes
        .filter_map(io::Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .find(|entry| {
            fs::read_dir(entry.path().join("fd")).is_ok_and(|descriptors| {
                descriptors
                    .filter_map(io::Result::ok)
                    .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
                    .any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
            })
        })
        .map(|entry| {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            format!("{} (pid {})", name.trim().escape_default(), entry.file_name().to_string_lossy())
        })
        .or_else(|| Some("another process".to_owned()))
}

/// Inodes of the sockets that listen on `port`, from the kernel's table (proc(5), `/proc/net/tcp`).
fn listeners(table: &str, port: u16) -> Vec<String> {
    let wanted = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            let (local, state, inode) = (columns.nth(1)?, columns.nth(1)?, columns.nth(5)?);
            (local.ends_with(&wanted) && state == "0A").then(|| inode.to_owned())
        })
        .collect()
}

/// The address that a published port means: all addresses where none is named.
#[must_use]
pub fn address(host_ip: &str, port: u16) -> Option<SocketAddr> {
    let ip = if host_ip.is_empty() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        host_ip.trim_matches(['[', ']']).parse().ok()?
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_its_holder() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let said = obstacle(address, false).unwrap_or_default();
        assert!(said.contains(&format!("pid {}", std::process::id())), "{said}");
        drop(listener);
        assert_eq!(obstacle(address, false), None);
        Ok(())
    }

    #[test]
    fn the_kernels_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n\
             1: 0100007F:01BB 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1\n";
        assert_eq!(listeners(table, 443), ["4711"]);
        assert_eq!(listeners(table, 80), Vec::<String>::new());
    }
}
