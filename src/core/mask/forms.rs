//! The forms a secret takes on its way into text. Knows encodings; not where they are searched.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::MIN_LENGTH;

/// In which form a secret is in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// As it is.
    Plain,
    /// One line of a value of several lines.
    Line,
    /// In base64, standard or URL-safe, with or without padding, alone or between other bytes.
    Base64,
    /// In base32, with or without padding, alone or between other bytes.
    Base32,
    /// In hexadecimal, in one piece or with colons between the bytes.
    Hex,
    /// Percent-encoded.
    Url,
    /// Escaped for HTML or XML.
    Html,
    /// Escaped for JSON.
    Json,
    /// Quoted for a shell.
    Shell,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Form::Plain => "as it is",
            Form::Line => "one line of it",
            Form::Base64 => "in base64",
            Form::Base32 => "in base32",
            Form::Hex => "in hexadecimal",
            Form::Url => "URL-encoded",
            Form::Html => "escaped for HTML",
            Form::Json => "escaped for JSON",
            Form::Shell => "quoted for a shell",
        })
    }
}

/// Lines of a longer value that are masked on their own are longer than this, in bytes: `-----` or `}` are not secret.
const SHORT_LINE: usize = 8;

/// Every form of a value, the plain one first; none shorter than [`MIN_LENGTH`].
pub(super) fn of(value: &str) -> Vec<(Form, Vec<u8>)> {
    // Blanks around a value are not secret, and a mask must not swallow the end of a line. Encoders take them in, though.
    let trimmed = value.trim();
    let mut forms = vec![(Form::Plain, trimmed.as_bytes().to_vec())];
    encoded(trimmed, &mut forms);
    escaped(trimmed, &mut forms);
    if trimmed != value {
        encoded(value, &mut forms);
    }
    let lines = || trimmed.lines().map(str::trim).filter(|line| line.len() > SHORT_LINE);
    if trimmed.lines().nth(1).is_some() {
        for line in lines() {
            forms.push((Form::Line, line.as_bytes().to_vec()));
            escaped(line, &mut forms);
        }
    }
    forms.retain(|(_, bytes)| bytes.len() >= MIN_LENGTH);
    forms
}

fn encoded(value: &str, forms: &mut Vec<(Form, Vec<u8>)>) {
    let bytes = value.as_bytes();
    base64(bytes, forms);
    base32(bytes, forms);
    let pairs: Vec<String> = bytes.iter().map(|byte| hex(&[*byte])).collect();
    for hex in [pairs.concat(), pairs.join(":")] {
        forms.push((Form::Hex, hex.to_uppercase().into_bytes()));
        forms.push((Form::Hex, hex.into_bytes()));
    }
}

/// The characters that depend on nothing but the value, for each of the three places a byte can have in a group; and
/// the whole of it, with padding and wrapped into lines, for when it was encoded alone.
fn base64(bytes: &[u8], forms: &mut Vec<(Form, Vec<u8>)>) {
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let padded: Vec<u8> = [&[0; 2][..before], bytes].concat();
            let text = engine.encode(&padded);
            let first = [0, 2, 3][before];
            let last = text.len() - usize::from(!padded.len().is_multiple_of(3));
            forms.push((Form::Base64, text.as_bytes()[first..last].to_vec()));
        }
        let alone = engine.encode(bytes);
        let padding = "=".repeat((4 - alone.len() % 4) % 4);
        for text in [alone.clone() + &padding, alone] {
            for width in [64, 76] {
                let lines = text.as_bytes().chunks(width).filter(|line| text.len() > width && line.len() > SHORT_LINE);
                forms.extend(lines.map(|line| (Form::Base64, line.to_vec())));
            }
            forms.push((Form::Base64, text.into_bytes()));
        }
    }
}

/// The characters that depend on nothing but the value, for each of the five places a byte can have in a group, and the
/// whole of it with its padding; in capital and in small letters.
fn base32(bytes: &[u8], forms: &mut Vec<(Form, Vec<u8>)>) {
    let mut push = |text: &str| {
        forms.push((Form::Base32, text.as_bytes().to_vec()));
        forms.push((Form::Base32, text.to_lowercase().into_bytes()));
    };
    for before in 0..5 {
        let padded: Vec<u8> = [&[0; 4][..before], bytes].concat();
        push(&base32_digits(&padded)[(before * 8).div_ceil(5)..padded.len() * 8 / 5]);
    }
    let alone = base32_digits(bytes);
    push(&(alone.clone() + &"=".repeat((8 - alone.len() % 8) % 8)));
    push(&alone);
}

/// RFC 4648, without padding.
fn base32_digits(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut text, mut rest, mut bits) = (String::new(), 0_u32, 0);
    let digit = |five: u32| char::from(DIGITS[(five & 31) as usize]);
    for byte in bytes {
        (rest, bits) = ((rest << 8 | u32::from(*byte)) & 0xfff, bits + 8);
        while bits >= 5 {
            bits -= 5;
            text.push(digit(rest >> bits));
        }
    }
    if bits > 0 {
        text.push(digit(rest << (5 - bits)));
    }
    text
}

/// Forms that only replace some characters; those that replace none are left out.
fn escaped(value: &str, forms: &mut Vec<(Form, Vec<u8>)>) {
    let json = json_escaped(value);
    let ascii = ascii_escaped(&json);
    for text in [json_escaped(&json), json.replace('/', "\\/"), html_escaped(&json), ascii, json] {
        forms.push((Form::Json, text.into_bytes()));
    }
    // What each encoder writes for a double and for a single quote: XML text, attributes, Python, PHP, Go, JavaScript.
    let markup = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    for (double, single) in [
        ("\"", "'"),
        ("&quot;", "'"),
        ("&quot;", "&#39;"),
        ("&quot;", "&#x27;"),
        ("&quot;", "&#039;"),
        ("&quot;", "&apos;"),
        ("&#34;", "&#39;"),
    ] {
        let text = markup.replace('"', double).replace('\'', single);
        forms.push((Form::Html, text.replace('/', "&#x2F;").into_bytes()));
        forms.push((Form::Html, text.into_bytes()));
    }
    // What each encoder leaves as it is, apart from letters and digits: RFC 3986, encodeURIComponent, forms, paths.
    for (kept, space) in [("-._~", "%20"), ("-._~!'()*", "%20"), ("-._*", "+"), ("-._~", "+"), ("-._~$&+=:@", "%20")] {
        forms.push((Form::Url, percent(value, kept, space, false)));
        forms.push((Form::Url, percent(value, kept, space, true)));
    }
    for text in [
        value.replace('\'', "'\\''"),
        value.replace('\'', "'\"'\"'"),
        backslashed(value, "\\\"$`"),
        backslashed(value, "\\\"$`!"),
        backslashed(value, " \t!\"#$&'()*,;<>?[\\]^`{|}~"),
        backslashed(value, "\\'").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r"),
    ] {
        forms.push((Form::Shell, text.into_bytes()));
    }
    // Bytes and characters that are not ASCII by number: Python's `b'…'` and `ascii()`, Ruby, git and `ls` (octal).
    for quotes in ["", "'", "\""] {
        for number in
            [|byte: u8| format!("\\x{byte:02x}"), |byte| format!("\\x{byte:02X}"), |byte| format!("\\{byte:03o}")]
        {
            forms.push((Form::Shell, numbered_bytes(value, quotes, number).into_bytes()));
        }
        forms.push((Form::Shell, numbered_characters(value, quotes).into_bytes()));
    }
    let plain = value.as_bytes();
    forms.retain(|(form, bytes)| !matches!(form, Form::Html | Form::Json | Form::Url | Form::Shell) || bytes != plain);
}

fn hex(bytes: &[u8]) -> String {
    let digit = |four: u8| char::from_digit(u32::from(four), 16).expect("four bits are one digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn json_escaped(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// As Go's encoder writes it.
fn html_escaped(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// As Python's encoder writes it.
fn ascii_escaped(json: &str) -> String {
    let mut text = String::new();
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

fn percent(value: &str, kept: &str, space: &str, lower: bool) -> Vec<u8> {
    let mut text = String::new();
    for byte in value.bytes() {
        let c = char::from(byte);
        match byte {
            b' ' => text.push_str(space),
            _ if c.is_ascii_alphanumeric() || kept.contains(c) && c.is_ascii() => text.push(c),
            _ => {
                let code = hex(&[byte]);
                text.push('%');
                text.push_str(&if lower { code } else { code.to_uppercase() });
            }
        }
    }
    text.into_bytes()
}

fn backslashed(value: &str, special: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        if special.contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// What a string literal has for one byte or character of ASCII; `None` where it has its number.
fn literal(c: char, quotes: &str) -> Option<String> {
    Some(match c {
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        '\r' => "\\r".to_owned(),
        '\\' => "\\\\".to_owned(),
        c if quotes.contains(c) => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ => return None,
    })
}

fn numbered_bytes(value: &str, quotes: &str, number: fn(u8) -> String) -> String {
    value.bytes().map(|byte| literal(char::from(byte), quotes).unwrap_or_else(|| number(byte))).collect()
}

fn numbered_characters(value: &str, quotes: &str) -> String {
    let number = |c: char| match u32::from(c) {
        code @ 0..=0xff => format!("\\x{code:02x}"),
        code @ 0x100..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    };
    value.chars().map(|c| literal(c, quotes).unwrap_or_else(|| number(c))).collect()
}
