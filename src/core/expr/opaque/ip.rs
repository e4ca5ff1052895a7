//! IP addresses and CIDRs, as Kubernetes reads them: no zones, no IPv4 addresses within IPv6.

use std::fmt;
use std::net::IpAddr;

/// An address and the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::core::expr) struct Cidr {
    pub address: IpAddr,
    pub bits: u8,
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Cidr {
    /// Reads one; nothing where the text is none.
    pub fn parse(text: &str) -> Option<Cidr> {
        let (address, bits) = text.rsplit_once('/')?;
        let digits = bits.bytes().all(|byte| byte.is_ascii_digit()) && (bits == "0" || !bits.starts_with('0'));
        let address = parse_ip(address)?;
        let bits = bits.parse().ok().filter(|bits| digits && *bits <= width(address))?;
        Some(Cidr { address, bits })
    }

    /// The same without the bits of its hosts.
    pub fn masked(self) -> Cidr {
        let address = match self.address {
            IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & mask32(self.bits)).into()),
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & mask128(self.bits)).into()),
        };
        Cidr { address, ..self }
    }

    /// Whether an address of the same family is in it.
    pub fn contains(self, address: IpAddr) -> bool {
        width(self.address) == width(address)
            && Cidr { address, bits: self.bits }.masked().address == self.masked().address
    }
}

fn mask32(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

fn mask128(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Reads an address; nothing where the text is none.
pub(in crate::core::expr) fn parse_ip(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
    Some(address).filter(|_| !mapped)
}
