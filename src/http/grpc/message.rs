//! The messages of the health protocol and of reflection, in the encoding of protocol buffers.

/// What a server says of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It does not know yet.
    Unknown,
    /// It takes requests.
    Serving,
    /// It does not.
    NotServing,
    /// There is no such service.
    ServiceUnknown,
    /// A number that the protocol does not have.
    Other(u64),
}

impl std::fmt::Display for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Health::Unknown => f.write_str("UNKNOWN"),
            Health::Serving => f.write_str("SERVING"),
            Health::NotServing => f.write_str("NOT_SERVING"),
            Health::ServiceUnknown => f.write_str("SERVICE_UNKNOWN"),
            Health::Other(number) => write!(f, "{number}"),
        }
    }
}

/// A field of a message.
enum Field<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

/// `HealthCheckRequest { service = 1 }`.
pub(super) fn health_request(service: &str) -> Vec<u8> {
    if service.is_empty() { Vec::new() } else { text(1, service) }
}

/// `ServerReflectionRequest { list_services = 7 }`.
pub(super) fn list_services_request() -> Vec<u8> {
    text(7, "")
}

fn text(number: u8, text: &str) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = text.len();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap_or_default());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// `HealthCheckResponse { status = 1 }`; a status of 0 is left out.
pub(super) fn health(message: &[u8]) -> Option<Health> {
    let mut health = Health::Unknown;
    for (number, field) in fields(message)? {
        if let (1, Field::Number(status)) = (number, field) {
            health = match status {
                0 => Health::Unknown,
                1 => Health::Serving,
                2 => Health::NotServing,
                3 => Health::ServiceUnknown,
                other => Health::Other(other),
            };
        }
    }
    Some(health)
}

/// `ServerReflectionResponse { list_services_response = 6 { service = 1 { name = 1 } } }`.
pub(super) fn services(message: &[u8]) -> Option<Vec<String>> {
    let lists = of(message, 6)?;
    let list = lists.first()?;
    let services = of(list, 1)?;
    services
        .into_iter()
        .map(|service| of(service, 1)?.first().map(|name| String::from_utf8_lossy(name).into_owned()))
        .collect()
}

/// The bytes of all fields of a number.
fn of(message: &[u8], wanted: u64) -> Option<Vec<&[u8]>> {
    let all = fields(message)?.into_iter();
    Some(
        all.filter_map(
            |(number, field)| {
                if let (true, Field::Bytes(bytes)) = (number == wanted, field) { Some(bytes) } else { None }
            },
        )
        .collect(),
    )
}

/// All fields of a message; `None` where it is cut or not a message.
fn fields(mut message: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let field = match key & 7 {
            0 => Field::Number(varint(&mut message)?),
            1 => Field::Bytes(take(&mut message, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                Field::Bytes(take(&mut message, length)?)
            }
            5 => Field::Bytes(take(&mut message, 4)?),
            _ => return None,
        };
        fields.push((key >> 3, field));
    }
    Some(fields)
}

fn take<'m>(message: &mut &'m [u8], count: usize) -> Option<&'m [u8]> {
    let (taken, rest) = message.split_at_checked(count)?;
    *message = rest;
    Some(taken)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for at in 0..10_u32 {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f).checked_shl(7 * at)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_the_messages_of_the_protocols() {
        assert_eq!(health_request(""), b"");
        assert_eq!(health_request("shop"), b"\x0a\x04shop");
        assert_eq!(health_request(&"x".repeat(200))[..3], [0x0a, 0xc8, 0x01]);
        assert_eq!(list_services_request(), b"\x3a\x00");
        assert_eq!(health(b""), Some(Health::Unknown));
        assert_eq!(health(b"\x08\x01"), Some(Health::Serving));
        assert_eq!(health(b"\x08\x02"), Some(Health::NotServing));
        assert_eq!(health(b"\x08\x63"), Some(Health::Other(99)));
        let message = b"\x0a\x01h\x32\x0a\x0a\x03\x0a\x01a\x0a\x03\x0a\x01b";
        assert_eq!(services(message), Some(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_message_that_is_cut_is_none() {
        assert_eq!(health(b"\x08"), None);
        assert_eq!(health(b"\x0a\x05ab"), None);
        assert_eq!(services(b"\x32\x05\x0a\x03\x0a"), None);
        assert_eq!(services(b"\x08\x01"), None, "an error in place of the list");
        assert_eq!(health(&[0xff; 12]), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = (health(&bytes), services(&bytes));
        }
    }
}
