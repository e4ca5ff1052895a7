//! Files that attack their reader, or are not what they are taken for: each format refuses them in bounded time.

use super::*;

const ALL: [Format; 8] = [
    Format::Junit,
    Format::Sarif,
    Format::Cyclonedx,
    Format::Trivy,
    Format::Grype,
    Format::Cobertura,
    Format::Lcov,
    Format::Jacoco,
];
const XML: [(Format, &str); 3] =
    [(Format::Junit, "testsuites"), (Format::Cobertura, "coverage"), (Format::Jacoco, "report")];

fn error(format: Format, bytes: impl AsRef<[u8]>) -> String {
    format.read(bytes.as_ref()).expect_err("it is hostile").to_string()
}

#[test]
fn entities_of_a_files_own_are_never_expanded() {
    for (format, root) in XML {
        let bomb = format!(
            "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><{root}>&b;</{root}>"
        );
        let words = "it declares a document type of its own (DTD); such files are not read";
        assert_eq!(error(format, &bomb), words);
        let outside = format!("<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><{root}>&f;</{root}>");
        assert_eq!(error(format, &outside), words);
    }
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    for (format, root) in XML {
        let deep = format!("<{root} line-rate='1'>{}", "<a>".repeat(1_000_000));
        assert_eq!(error(format, &deep), "its elements are nested more than 100 deep; such files are not read");
    }
    for format in [Format::Sarif, Format::Cyclonedx, Format::Trivy, Format::Grype] {
        let deep = format!("{{\"a\":{}", "[".repeat(1_000_000));
        assert_eq!(error(format, &deep), "its values are nested more than 127 deep; such files are not read");
    }
}

#[test]
fn many_attributes_are_refused_before_they_are_compared() {
    let attributes = (0..200_000).fold(String::new(), |all, at| all + &format!(" a{at}='1'"));
    let words = "<testsuites> has more than 64 attributes; such files are not read";
    assert_eq!(error(Format::Junit, format!("<testsuites{attributes}/>")), words);
}

#[test]
fn what_is_too_large_empty_or_no_text_is_refused() {
    let large = vec![b' '; usize::try_from(LARGEST).expect("64-bit") + 1];
    for format in ALL {
        assert_eq!(error(format, &large), "it is larger than 67.1 MB");
        assert_eq!(error(format, " \n"), "it is truncated: it is empty");
        assert_eq!(error(format, b"\xff\xfe<\0a\0/\0>\0"), "it is not UTF-8 text");
    }
}

#[test]
fn reports_of_one_format_are_not_read_as_another() {
    let samples = [
        "<testsuites/>",
        "{\"version\": \"2.1.0\", \"runs\": []}",
        "{\"bomFormat\": \"CycloneDX\", \"vulnerabilities\": []}",
        "{\"SchemaVersion\": 2}",
        "{\"descriptor\": {\"name\": \"grype\"}, \"matches\": []}",
        "<coverage line-rate='1'/>",
        "SF:a\nDA:1,1\nend_of_record\n",
        "<report name='x'/>",
    ];
    for (at, format) in ALL.iter().enumerate() {
        for (other, sample) in samples.iter().enumerate() {
            assert_eq!(format.read(sample.as_bytes()).is_ok(), at == other, "{format:?} of {sample}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        for format in ALL {
            let _ = format.read(&bytes);
        }
    }

    #[test]
    fn a_report_cut_anywhere_is_never_a_report(at in 0usize..=100) {
        let whole = "<testsuites><testsuite name='a'><testcase name='b'/></testsuite></testsuites>";
        let cut = &whole[..at.min(whole.len() - 1)];
        proptest::prop_assert!(Format::Junit.read(cut.as_bytes()).is_err(), "{cut}");
    }
}
