//! What is masked, what is not, and that chunks make no difference.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

fn masker(secrets: &[&str]) -> Masker {
    let secrets: Vec<SecretText> = secrets.iter().map(|text| SecretText::new(*text)).collect();
    Masker::new(&secrets)
}

#[test]
fn masks_every_form() {
    let secret = "p4ss/w\"ö'rd $x";
    let masker = masker(&[secret]);
    for text in [
        secret.to_owned(),
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        "703473732f7722c3b6277264202478".to_owned(),
        "p4ss%2Fw%22%C3%B6%27rd%20%24x".to_owned(),
        "p4ss%2fw%22%c3%b6%27rd%20%24x".to_owned(),
        "p4ss%2Fw%22%C3%B6%27rd+%24x".to_owned(),
        "p4ss%2Fw%22%C3%B6'rd%20%24x".to_owned(),
        r#"p4ss/w\"ö'rd $x"#.to_owned(),
        r#"p4ss\/w\"ö'rd $x"#.to_owned(),
        r#"p4ss/w\"\u00f6'rd $x"#.to_owned(),
        r#"p4ss/w\\\"ö'rd $x"#.to_owned(),
        r#"p4ss/w"ö'\''rd $x"#.to_owned(),
        r#"p4ss/w\"ö'rd \$x"#.to_owned(),
        r#"p4ss/w\"ö\'rd\ \$x"#.to_owned(),
        "p4ss/w&quot;ö&#x27;rd $x".to_owned(),
        "p4ss/w&#34;ö&#39;rd $x".to_owned(),
        "p4ss/w&quot;ö'rd $x".to_owned(),
        "70:34:73:73:2f:77:22:c3:b6:27:72:64:20:24:78".to_owned(),
        "70:34:73:73:2F:77:22:C3:B6:27:72:64:20:24:78".to_owned(),
        "OA2HG4ZPO4RMHNRHOJSCAJDY".to_owned(),
        r#"p4ss/w"\xc3\xb6\'rd $x"#.to_owned(),
        r#"p4ss/w\"\xC3\xB6'rd $x"#.to_owned(),
        r#"p4ss/w\"\303\266'rd $x"#.to_owned(),
        r#"p4ss/w"\xf6\'rd $x"#.to_owned(),
    ] {
        assert_eq!(masker.mask(&format!("<{text}>")), "<***>", "{text}");
    }
}

#[test]
fn masks_what_overlaps_as_one() {
    let masker = masker(&["abcdef", "defghi"]);
    assert_eq!(masker.mask("xabcdefghix"), "x***x");
    assert_eq!(masker.mask("abcdefabcdef"), "******");
}

#[test]
fn each_long_line_of_a_value_is_secret() {
    let masker = masker(&["-----BEGIN-----\nMIIEowIBAAKCAQEA7\n}\nend-of-key"]);
    assert_eq!(masker.mask("a MIIEowIBAAKCAQEA7 } end-of-key"), "a *** } ***");
    assert_eq!(masker.mask("x -----BEGIN-----\nMIIEowIBAAKCAQEA7\n}\nend-of-key y"), "x *** y");
    assert_eq!(masker.mask(r"-----BEGIN-----\nMIIEowIBAAKCAQEA7\n}\nend-of-key"), "***");
}

#[test]
fn base64_that_was_wrapped_is_masked_line_by_line() {
    let secret = "0123456789abcdef".repeat(10);
    let text = STANDARD.encode(&secret);
    let wrapped: Vec<&str> = text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("ascii")).collect();
    assert_eq!(masker(&[&secret]).mask(&wrapped.join("\n")), "***\n***\n***");
}

#[test]
fn a_secret_is_masked_where_escape_sequences_and_nuls_stand_in_it_and_they_stay() {
    let masker = masker(&["s3cr3tT0ken-0123"]);
    let grep = "url=\u{1b}[01;31m\u{1b}[Ks3cr\u{1b}[m\u{1b}[K3tT0ken-0123\n";
    assert_eq!(masker.mask(grep), "url=\u{1b}[01;31m\u{1b}[K***\u{1b}[m\u{1b}[K\n");
    assert_eq!(
        masker.mask("s3cr\u{1b}]8;;http://x\u{7}3tT0\0ken\u{202e}-0123."),
        "***\u{1b}]8;;http://x\u{7}\0\u{202e}."
    );
    assert_eq!(masker.mask("\u{1b}]0;s3cr3tT0ken-0123\u{7}"), "\u{1b}]0;***\u{7}");
    for unseen in ['\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{7f}', '\u{8}', '\0'] {
        assert_eq!(masker.mask(&format!("s3cr3t{unseen}T0ken-0123.")), format!("***{unseen}."), "{unseen:?} alone");
    }
    let each =
        "s3cr3tT0ken-0123".chars().map(|c| format!("\u{1b}[38;5;{}m{c}", u32::from(c))).collect::<Vec<_>>().concat();
    assert!(masker.mask(&each).starts_with("\u{1b}[38;5;115m***\u{1b}"));
    assert_eq!(masker.find(&visible(&masker.mask_bytes(each.as_bytes()))), []);
}

#[test]
fn a_secret_that_a_line_break_cuts_is_masked_and_the_lines_stay() {
    let secret = "correct-horse-battery-staple";
    let masker = masker(&[secret]);
    let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let base64 = STANDARD.encode(format!("a: {secret}, and so on"));
    for width in 4..hex.len() {
        for (text, own, line_end) in
            [(&base64, 20, "\n"), (&hex, 0, "\n"), (&hex, 0, "\r\n  "), (&format!("x {secret}"), 1, "\n")]
        {
            let lines: Vec<&[u8]> = text.as_bytes().chunks(width).collect();
            let wrapped = String::from_utf8(lines.join(line_end.as_bytes())).expect("text");
            let masked = masker.mask(&wrapped).into_owned();
            let rest = masked.chars().filter(|c| !"* \r\n".contains(*c)).count();
            assert!(masked.contains(MASK) && rest <= own + 3, "{width}: {masked}");
            assert_eq!(masked.lines().count(), lines.len(), "{masked}");
        }
    }
    assert_eq!(masker.mask("correct-horse\n    -battery-staple."), "***\n    ***.");
    assert_eq!(masker.mask("cor\nrect-horse-battery-staple."), "cor\n***.", "too little to be waited for");
}

/// What comes of a text in two pieces, of it byte by byte, and of it at once, which are the same.
fn masked_in_pieces(masker: &Masker, text: &[u8], at: usize) -> String {
    let in_pieces = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut stream = masker.stream();
        let mut out: Vec<u8> = pieces.flat_map(|piece| stream.push(piece)).collect();
        out.extend(stream.finish());
        String::from_utf8_lossy(&out).into_owned()
    };
    let whole = in_pieces(&mut [text].into_iter());
    assert_eq!(in_pieces(&mut [&text[..at], &text[at..]].into_iter()), whole);
    assert_eq!(in_pieces(&mut text.chunks(1)), whole);
    whole
}

#[test]
fn every_form_is_masked_wherever_it_is_cut() {
    let masker = masker(&["p4ss/w\"ö'rd $x", "correct-horse-battery-staple", "abcdefgh", "to be  or\tnot"]);
    let search = masker.search.as_deref().expect("there are secrets");
    let blanks = |text: &[u8]| text.iter().take_while(|byte| b" \t".contains(byte)).count();
    for (form, cut) in search.patterns.iter().flat_map(|(form, _)| (1..form.len()).map(move |cut| (form, cut))) {
        let (before, after) = form.split_at(cut);
        let shown = |masked: Vec<u8>| String::from_utf8_lossy(&masked).into_owned();
        let mut stream = masker.stream();
        let pieces = [stream.push(&[b"<", before].concat()), stream.push(&[after, b">"].concat())].map(shown);
        assert_eq!(pieces, ["<", "***>"], "{} at {cut}", form.escape_ascii());
        let first = if cut < 4 { shown(before.to_vec()) } else { MASK.to_owned() };
        // blanks that begin a line stay as its indent, whether they belong to the form or not
        let (own, after) = after.split_at(blanks(after));
        for line_end in ["\n", "\r\n \t", "\n\n", "\u{1b}[1m\n\u{1b}]0;\u{7}", "\0\r\n \u{1b}[1m "] {
            if line_end.contains('\u{1b}') && std::str::from_utf8(before).is_err() {
                continue; // a sequence in the middle of a character is none
            }
            for kept in (0..=own.len()).map(|left_out| shown(own[left_out..].to_vec())) {
                let lines = [b"<", before, line_end.as_bytes(), kept.as_bytes(), after, b">\n"].concat();
                let masked = masked_in_pieces(&masker, &lines, 1 + before.len() + line_end.len());
                assert_eq!(masked, format!("<{first}{line_end}{kept}***>\n"), "{} at {cut}", form.escape_ascii());
            }
        }
    }
}

#[test]
fn a_secret_that_was_folded_at_its_blanks_is_masked_and_the_lines_stay() {
    let secret = "correct horse battery staple";
    let masker = masker(&[secret, "a b c d e"]);
    assert_eq!(masker.mask("key: correct horse\n  battery staple\n"), "key: ***\n  ***\n", "as YAML folds");
    assert_eq!(masker.mask("'correct\n    horse\n    battery\n    staple'"), "'***\n    ***\n    ***\n    ***'");
    assert_eq!(masker.mask("correct horse \r\n battery staple."), "***\r\n ***.", "as mail flows");
    assert_eq!(masker.mask("correct hor\nse battery\nstaple."), "***\n***\n***.", "wrapped and folded");
    assert_eq!(masker.mask("correct\\\nhorse\\ battery\\\n staple"), "***\n***\n ***", "escaped for a shell");
    assert_eq!(masker.mask("a b\nc d\ne."), "a b\n***\n***.", "three characters before the first break");
    for text in [
        "correct  horse\nbattery staple",
        "correcthorse\nbattery staple",
        "correct horse\nbatterystaple",
        "correct horse  \nbattery staple",
        "correct horse\n> battery staple",
        "horse\nbattery staple",
    ] {
        assert_eq!(masker.mask(text), text, "it is another text");
    }
}

#[test]
fn a_line_that_ends_like_the_beginning_of_a_folded_secret_is_not_waited_for_in_vain() {
    let mut stream = masker(&["correct horse battery"]).stream();
    assert_eq!(stream.push(b"it is correct\n"), b"it is ");
    assert_eq!(stream.push(b"  ho"), b"");
    assert_eq!(stream.push(b"pe\n"), b"correct\n  hope\n");
    assert_eq!(stream.push(b"it is correct\n  horse"), b"it is ");
    assert_eq!(stream.push(b"\n"), b"");
    assert_eq!(stream.push(b"battery and horse\n"), b"***\n  ***\n*** and horse\n");
    assert_eq!(stream.held(), 0);
}

#[test]
fn a_line_that_ends_like_the_beginning_of_a_secret_is_not_waited_for() {
    let mut stream = masker(&["hunter22"]).stream();
    assert_eq!(stream.push(b"the hun\n"), b"the hun\n");
    assert_eq!(stream.push(b"next\n"), b"next\n");
    assert_eq!(stream.push(b"the hunt\n"), b"the ");
    assert_eq!(stream.push(b"er"), b"");
    assert_eq!(stream.push(b"22"), b"***\n***");
    assert_eq!(stream.push(b"hun\n"), b"hun\n");
    assert_eq!(stream.push(b"ter2"), b"");
    assert_eq!(stream.push(b"2."), b"***.");
    assert_eq!(stream.finish(), b"");
}

#[test]
fn a_value_that_is_too_short_is_named_and_not_masked() {
    let masker = masker(&["yes", "long enough", "abc\n"]);
    assert_eq!(masker.too_short(), [0, 2]);
    assert_eq!(masker.mask("yes, abc is long enough"), "yes, abc is ***");
}

#[test]
fn an_empty_masker_copies_nothing() {
    assert!(matches!(masker(&[]).mask("text"), Cow::Borrowed("text")));
    assert!(matches!(masker(&["secret"]).mask("text"), Cow::Borrowed("text")));
}

#[test]
fn finds_which_secret_is_there_and_how() {
    let masker = masker(&["hunter22", "hunter22-long", "other"]);
    let hit = |secret, form| Hit { secret, form };
    assert_eq!(masker.find(b"hunter22-long"), [hit(0, Form::Plain), hit(1, Form::Plain)]);
    let text = format!("x {} 6f74686572", STANDARD.encode("hunter22"));
    assert_eq!(masker.find(text.as_bytes()), [hit(0, Form::Base64), hit(2, Form::Hex)]);
    assert_eq!(masker.find(b"nothing"), []);
}

#[test]
fn masks_texts_inside_json() {
    let mut value = serde_json::json!({"k": ["a hunter22 b", 1], "hunter22": {"x": "y"}});
    masker(&["hunter22"]).mask_json(&mut value);
    assert_eq!(value, serde_json::json!({"k": ["a *** b", 1], "***": {"x": "y"}}));
}

#[test]
fn a_stream_holds_back_only_what_may_be_a_secret() {
    let mut stream = masker(&["hunter22"]).stream();
    assert_eq!(stream.push(b"a line\n"), b"a line\n");
    assert_eq!(stream.push(b"pass hunt"), b"pass ");
    assert_eq!(stream.held(), 4);
    assert_eq!(stream.push(b"er22 and hunt"), b"*** and ");
    assert_eq!(stream.finish(), b"hunt");
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{4,8}",
        "[ -)+-~]{4,20}",
        "[a-zäö/\"'\\\\ ]{4,12}",
        "[a-z]{9,12}\n[a-z]{2,12}\n[A-Z]{9}",
        "[ab]{1,4}( {1,2}|\t)[ab]{1,4} [ab \t]{0,3}[ab]{3,6}",
    ]
}

/// Text that holds secrets in some form, and text that does not.
fn text(secrets: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let secrets = proptest::sample::select(secrets);
    let piece = prop_oneof![
        secrets.clone().prop_map(String::into_bytes),
        (secrets.clone(), "[a-z]{0,4}", "[a-z]{0,4}")
            .prop_map(|(secret, before, after)| STANDARD.encode(before + &secret + &after).into_bytes()),
        secrets.clone().prop_map(|secret| {
            let cut: Vec<String> = secret.chars().map(|c| format!("{c}\u{1b}[1m")).collect();
            cut.concat().into_bytes()
        }),
        (secrets.clone(), 1..9_usize).prop_map(|(secret, width)| {
            let text = STANDARD.encode(secret);
            text.as_bytes().chunks(width).collect::<Vec<_>>().join(&b"\r\n "[..])
        }),
        (secrets.clone(), proptest::sample::select(vec!["\n", "\r\n  ", "\n\n \t", " \n", "\u{1b}[1m\n\0 "]))
            .prop_map(|(secret, fold)| secret.replace(' ', fold).into_bytes()),
        secrets.prop_map(|secret| URL_SAFE_NO_PAD.encode(secret).into_bytes()),
        "[a-c ]{0,6}".prop_map(String::into_bytes),
        "\\PC{0,6}".prop_map(|text| text.replace('*', "").into_bytes()),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn case() -> impl Strategy<Value = (Vec<String>, Vec<u8>)> {
    proptest::collection::vec(secret(), 1..4).prop_flat_map(|secrets| (Just(secrets.clone()), text(secrets)))
}

/// Lines that hold secrets and beginnings of secrets, cut and garnished.
fn lines(secrets: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let begun = (proptest::sample::select(secrets.clone()), 0..12_usize)
        .prop_map(|(secret, length)| secret.chars().take(length).collect::<String>().into_bytes());
    let ended = (proptest::sample::select(secrets.clone()), 0..12_usize)
        .prop_map(|(secret, length)| secret.chars().skip(length).collect::<String>().into_bytes());
    let piece = prop_oneof![2 => text(secrets), 2 => begun, 2 => ended, 1 => "[a-z ]{0,9}"
        .prop_map(String::into_bytes)];
    let between =
        proptest::sample::select(vec!["\n", "\r\n", "\n", "\r\n \t", "\n\n", "\r", "\0", "\u{1b}[1m", "\u{202e}", ""]);
    proptest::collection::vec((piece, between), 0..12)
        .prop_map(|pieces| pieces.into_iter().flat_map(|(piece, end)| [piece, end.into()].concat()).collect())
}

proptest! {
    #[test]
    fn what_is_spared_a_look_comes_out_as_if_it_were_looked_at(
        (secrets, text) in proptest::collection::vec(secret(), 1..4)
            .prop_flat_map(|secrets| (Just(secrets.clone()), lines(secrets))),
        sizes in proptest::collection::vec(1..60_usize, 1..6),
    ) {
        let quick = masker(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
        let Some(search) = quick.search.as_ref().map(|search| search.thorough()) else { return Ok(()) };
        let (mut stream, mut thorough) = (quick.stream(), quick.stream());
        let (mut rest, mut sizes) = (text.as_slice(), sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, others) = rest.split_at(rest.len().min(*sizes.next().expect("it has no end")));
            prop_assert_eq!(&*stream.pass(piece), thorough.take(&search, piece));
            prop_assert_eq!(stream.held(), thorough.held());
            rest = others;
        }
        prop_assert_eq!(stream.finish(), thorough.finish());
    }

    #[test]
    fn no_form_survives_whatever_the_chunks((secrets, text) in case(), size in 1usize..20) {
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let masker = masker(&secrets);
        let whole = masker.mask_bytes(&text).into_owned();
        prop_assert_eq!(masker.find(&whole), []);
        for secret in secrets.iter().filter(|secret| secret.trim().len() >= MIN_LENGTH) {
            let shown = String::from_utf8_lossy(&whole);
            prop_assert!(!shown.contains(secret.trim()), "{shown}");
        }
        let mut stream = masker.stream();
        let mut pieces = Vec::new();
        for chunk in text.chunks(size) {
            pieces.extend(stream.push(chunk));
        }
        pieces.extend(stream.finish());
        prop_assert_eq!(pieces, whole);
    }

    #[test]
    fn text_without_secrets_is_unchanged(text in "\\PC{0,200}", size in 1usize..20) {
        let masker = masker(&["\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}"]);
        prop_assert_eq!(masker.mask(&text), text.as_str());
        let mut stream = masker.stream();
        let mut out: Vec<u8> = text.as_bytes().chunks(size).flat_map(|chunk| stream.push(chunk)).collect();
        out.extend(stream.finish());
        prop_assert_eq!(out, text.into_bytes());
    }

    #[test]
    fn base64_of_a_secret_between_others_is_masked(before in "[a-z]{0,5}", after in "[a-z]{0,5}") {
        let text = STANDARD.encode(format!("{before}hunter22hunter22{after}"));
        let masker = masker(&["hunter22hunter22"]);
        let masked = masker.mask(&text);
        prop_assert!(masked.contains(MASK));
        // What is left tells at most a part of one byte of each end.
        prop_assert!(masked.len() <= 3 + (before.len() + after.len()).div_ceil(3) * 4 + 8, "{masked}");
    }
}

#[test]
fn keys_that_become_equal_by_masking_stay_apart() {
    let mut value = serde_json::json!({ "a-abcdef": 1, "a-ghijkl": 2, "b": ["abcdef", 3] });
    masker(&["abcdef", "ghijkl"]).mask_json(&mut value);
    assert_eq!(value, serde_json::json!({ "a-***": 1, "a-****": 2, "b": ["***", 3] }));
}
