//! Semantic versions. Build metadata has no order.

use std::cmp::Ordering;

/// A version.
#[derive(Debug, Clone)]
pub(in crate::core::expr) struct Semver {
    /// Major, minor, patch.
    pub numbers: [u64; 3],
    pre: Vec<Part>,
    /// As it was written.
    pub text: String,
}

/// A part of a pre-release: numbers are below texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Text(String),
}

impl Semver {
    /// Reads one; nothing where the text is none.
    pub fn parse(text: &str) -> Option<Semver> {
        let mut fields = text.splitn(3, '.');
        let (major, minor, rest) = (fields.next()?, fields.next()?, fields.next()?);
        let (rest, build) = rest.split_once('+').map_or((rest, None), |(rest, build)| (rest, Some(build)));
        let (patch, pre) = rest.split_once('-').map_or((rest, None), |(patch, pre)| (patch, Some(pre)));
        if build.is_some_and(|build| !build.split('.').all(is_identifier)) {
            return None;
        }
        let pre = pre.map_or_else(|| Some(Vec::new()), |pre| pre.split('.').map(part).collect())?;
        let numbers = [plain_number(major)?, plain_number(minor)?, plain_number(patch)?];
        Some(Semver { numbers, pre, text: text.to_owned() })
    }

    /// With a leading `v`, leading zeros and missing parts put right.
    pub fn parse_tolerantly(text: &str) -> Option<Semver> {
        let mut fields: Vec<String> =
            text.strip_prefix('v').unwrap_or(text).splitn(3, '.').map(without_zeros).collect();
        if fields.len() < 3 && fields.last()?.contains(['+', '-']) {
            return None;
        }
        fields.resize(3, "0".to_owned());
        Semver::parse(&fields.join("."))
    }

    /// Their order, which is that of their parts.
    pub fn compare(&self, other: &Semver) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.pre.cmp(&other.pre),
        })
    }

    /// Whether neither is before the other.
    pub fn same(&self, other: &Semver) -> bool {
        self.compare(other) == Ordering::Equal
    }
}

fn without_zeros(field: &str) -> String {
    if field.len() < 2 {
        return field.to_owned();
    }
    let field = field.trim_start_matches('0');
    if field.starts_with(|c: char| c.is_ascii_digit()) { field.to_owned() } else { format!("0{field}") }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Digits without a leading zero.
fn plain_number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| digits)
}

fn part(text: &str) -> Option<Part> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return plain_number(text).map(Part::Number);
    }
    is_identifier(text).then(|| Part::Text(text.to_owned()))
}
