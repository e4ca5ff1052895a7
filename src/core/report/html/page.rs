//! An HTML file as it grows. Text goes in by methods that escape it; markup only from the words of this room.

use std::fmt::Write;
use std::io;

use super::super::words::tame_keeping_lines;

/// Colours for both light and dark screens, and for paper.
const STYLE: &str = "
:root{--fg:#1c1e21;--bg:#fff;--soft:#f3f4f6;--line:#d6d9de;--dim:#5c6470;--good:#1a7f37;--bad:#c1121f;--warn:#9a6700;--run:#0a58ca}
@media(prefers-color-scheme:dark){:root{--fg:#e6e8eb;--bg:#15171a;--soft:#1f2226;--line:#363b42;--dim:#9aa3ae;--good:#4ac26b;--bad:#ff6b6b;--warn:#d9a441;--run:#6ea8fe}}
*{box-sizing:border-box}body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:72rem;margin:0 auto;padding:1.5rem}
h1{margin:0;font-size:1.6rem}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
small{color:var(--dim);margin-left:.6rem;font-weight:400}.verdict{font-size:1.1rem;margin:.4rem 0}
.badge{display:inline-block;font-size:.75rem;line-height:1.5;padding:0 .5rem;border-radius:.7rem;border:1px solid currentColor;color:var(--dim)}
.badge.passed{color:var(--good)}.badge.failed,.badge.errored{color:var(--bad)}.badge.cancelled{color:var(--warn)}.badge.running,.badge.up{color:var(--run)}
dl.facts{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:.4rem 0;color:var(--dim)}dt{font-weight:600}dt::after{content:\":\"}dd{margin:0 .8rem 0 -.9rem}
details{margin:.2rem 0;padding:.15rem .5rem;border-radius:.3rem}details[open]{background:var(--soft);padding-bottom:.5rem}summary{cursor:pointer}
table{border-collapse:collapse;width:100%;font-size:.9rem;margin:.5rem 0}th{text-align:left;color:var(--dim);font-weight:600}
td,th{padding:.2rem .5rem;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
tr.failed td{color:var(--bad)}tr.errored td{color:var(--bad)}tr.warned td{color:var(--warn)}tr.skipped td{color:var(--dim)}tr.passed td:first-child{color:var(--good)}
.failure{color:var(--bad);white-space:pre-wrap;margin:.3rem 0}.why,.help{color:var(--dim);margin:.3rem 0}.warning{color:var(--warn)}
.finding{border-left:3px solid var(--line);padding-left:.7rem;margin:.4rem 0}.finding p{margin:.1rem 0}.evidence details{padding-left:.7rem}.evidence pre{max-height:28rem}
pre{background:var(--bg);border:1px solid var(--line);padding:.5rem;overflow:auto;font-size:.82rem;margin:.3rem 0}
.links a{margin-right:.8rem}a{color:var(--run)}
svg{width:100%;height:auto;font:11px system-ui,sans-serif}svg text{fill:var(--fg)}svg .grid{stroke:var(--line)}svg .axis{fill:var(--dim)}
svg .passed{fill:var(--good)}svg .failed,svg .errored{fill:var(--bad)}svg .cancelled{fill:var(--warn)}svg .other{fill:var(--dim)}svg.series{max-width:46rem}svg .line{fill:none;stroke:var(--run);stroke-width:1.5}
@media print{details{display:block}body{max-width:none}}
";

/// The file so far.
pub struct Page(String);

impl Page {
    /// Opens the file. No script runs in it, and nothing is loaded.
    pub fn new(title: &str) -> Self {
        let mut page = Page(String::with_capacity(16 << 10));
        page.0.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        page.0.push_str(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
        );
        page.0.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
        page.text(title);
        page.0.push_str("</title>\n<style>");
        page.0.push_str(STYLE);
        page.0.push_str("</style>\n</head>\n<body>\n");
        page
    }

    /// Closes it.
    pub fn end(&mut self) {
        self.0.push_str("</body>\n</html>\n");
    }

    /// Writes out what is there so far, and forgets it.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn hand_over(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(self.0.as_bytes())?;
        self.0.clear();
        Ok(())
    }

    /// Opens an element of a class; no class where it is empty.
    pub fn open(&mut self, name: &str, class: &str) {
        self.0.push('<');
        self.0.push_str(name);
        if !class.is_empty() {
            self.0.push_str(" class=\"");
            self.escaped(class);
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// Closes an element.
    pub fn close(&mut self, name: &str) {
        // writing to a String cannot fail
        let _ = writeln!(self.0, "</{name}>");
    }

    /// Opens `details`, unfolded or not.
    pub fn details(&mut self, unfolded: bool) {
        self.0.push_str(if unfolded { "<details open>" } else { "<details>" });
    }

    /// Text, escaped; escape sequences and control characters left out.
    pub fn text(&mut self, text: &str) {
        self.escaped(&tame_keeping_lines(text));
    }

    /// An element with nothing but text in it.
    pub fn element(&mut self, name: &str, class: &str, text: &str) {
        self.open(name, class);
        self.text(text);
        self.close(name);
    }

    /// The head of a table.
    pub fn header(&mut self, cells: &[&str]) {
        self.0.push_str("<tr>");
        for cell in cells {
            self.element("th", "", cell);
        }
        self.close("tr");
    }

    /// A row of a table.
    pub fn row(&mut self, cells: &[&str]) {
        self.marked_row("", cells);
    }

    /// A row of a class.
    pub fn marked_row(&mut self, class: &str, cells: &[&str]) {
        self.open("tr", class);
        for cell in cells {
            self.element("td", "", cell);
        }
        self.close("tr");
    }

    /// A link to a file beside the page, by its relative path.
    pub fn link(&mut self, path: &str, shown: &str) {
        self.0.push_str("<a href=\"");
        for byte in path.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                    self.0.push(char::from(byte));
                }
                other => {
                    let _ = write!(self.0, "%{other:02X}");
                }
            }
        }
        self.0.push_str("\">");
        self.text(shown);
        self.0.push_str("</a> ");
    }

    /// Markup of this room's own.
    pub fn markup(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
    }
}
