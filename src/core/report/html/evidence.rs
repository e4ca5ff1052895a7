//! What a failing assertion kept, one click away: each file folded, with a link to the whole of it.

use super::RunArtifacts;
use super::page::Page;
use crate::core::model::event::AssertionResult;
use crate::core::model::outcome::Verdict;

/// Files of one assertion that are shown.
const FILES: usize = 20;
/// Lines of a file that are shown.
const LINES: usize = 300;

/// Shows the evidence of every assertion that does not hold or could not be measured.
pub fn show(page: &mut Page, node: &str, results: &[AssertionResult], beside: &dyn RunArtifacts) {
    let failing =
        |result: &&AssertionResult| !matches!(result.verdict, Ok(Verdict::Holds { .. } | Verdict::Skipped { .. }));
    for result in results.iter().filter(failing).filter(|result| !result.evidence.is_empty()) {
        page.open("div", "evidence");
        page.element("p", "why", &format!("evidence of {}", result.name));
        for name in result.evidence.iter().take(FILES) {
            let Some((path, text)) = beside.evidence_text(node, name) else { continue };
            file(page, name, &path, &text);
        }
        if let Some(more) = result.evidence.len().checked_sub(FILES).filter(|more| *more > 0) {
            page.element("p", "why", &format!("and {more} more files"));
        }
        page.close("div");
    }
}

fn file(page: &mut Page, name: &str, path: &str, text: &str) {
    page.details(false);
    page.element("summary", "", name);
    page.link(path, "the whole file");
    let lines: Vec<&str> = text.lines().collect();
    // of a log the end says most
    #[expect(clippy::case_sensitive_file_extension_comparisons, reason = "this program names the files")]
    let shown = if name.ends_with(".log") {
        &lines[lines.len().saturating_sub(LINES)..]
    } else {
        &lines[..lines.len().min(LINES)]
    };
    page.element("pre", "", &shown.join("\n"));
    if shown.len() < lines.len() {
        page.element("p", "why", &format!("{} of {} lines", shown.len(), lines.len()));
    }
    page.close("details");
}
