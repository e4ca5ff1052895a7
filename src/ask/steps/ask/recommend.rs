//! The recommendations in an answer: the list under a heading that says so, else every line that recommends something.
//! Pure: text in, lines out.

/// Recommendations kept, and characters of each.
const KEPT: usize = 50;
const WIDTH: usize = 400;

/// The recommendations of `answer`, each on one line, without marks of lists.
pub fn recommendations(answer: &str) -> Vec<String> {
    let lines: Vec<&str> = answer.lines().collect();
    let heading = lines.iter().position(|line| is_heading(line) && names_recommendations(line));
    let mut found = match heading {
        Some(at) => listed(&lines, at),
        None => lines.iter().filter(|line| recommends(line)).map(|line| bare(line)).collect(),
    };
    found.retain(|line| !is_none(line));
    found.dedup();
    found.truncate(KEPT);
    for line in &mut found {
        if line.chars().count() > WIDTH {
            *line = line.chars().take(WIDTH).chain(['…']).collect();
        }
    }
    found
}

/// The items below a heading, until the next one; text after a colon on the heading's own line counts too.
fn listed(lines: &[&str], heading: usize) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    if let Some((_, rest)) = lines[heading].split_once(':').filter(|(_, rest)| !bare(rest).is_empty()) {
        items.push(bare(rest));
    }
    for line in &lines[heading + 1..] {
        if line.trim().is_empty() {
            continue;
        }
        match (item(line), items.last_mut()) {
            (Some(text), _) => items.push(text),
            (None, _) if is_heading(line) => break,
            // the rest of an item that goes on
            (None, Some(last)) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(&bare(line));
            }
            (None, _) => items.push(bare(line)),
        }
    }
    items
}

/// `# Title`, `**Title**`, `Title:`, or a title that is nothing but the word.
fn is_heading(line: &str) -> bool {
    let text = line.trim();
    let marked = text.starts_with('#') || (text.starts_with("**") && text.trim_end_matches(':').ends_with("**"));
    let short = text.chars().count() <= 60;
    let first_word = text.split([':', ' ']).next().unwrap_or_default().to_lowercase();
    marked || (short && item(line).is_none() && text.ends_with(':')) || first_word.starts_with("recommendation")
}

fn names_recommendations(line: &str) -> bool {
    let line = line.to_lowercase();
    ["recommend", "suggest", "next steps", "improvements", "what could be better"]
        .iter()
        .any(|word| line.contains(word))
}

fn recommends(line: &str) -> bool {
    let line = line.to_lowercase();
    ["recommend", "should ", "consider ", "you could "].iter().any(|word| line.contains(word))
}

/// The text of a list's item: `- a`, `* a`, `• a`, `1. a`, `2) a`.
fn item(line: &str) -> Option<String> {
    let text = line.trim_start();
    let rest = text.strip_prefix(['-', '*', '•', '+']).filter(|rest| rest.starts_with(' ')).or_else(|| {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
        (rest.len() < text.len()).then(|| rest.strip_prefix(['.', ')'])).flatten().filter(|rest| rest.starts_with(' '))
    })?;
    Some(bare(rest))
}

/// A line without marks of lists and of emphasis.
fn bare(line: &str) -> String {
    let text = line.trim().replace("**", "").replace('`', "");
    text.trim_start_matches(['-', '*', '•', '#', ' ']).trim().to_owned()
}

fn is_none(line: &str) -> bool {
    let line = line.trim_end_matches('.').to_lowercase();
    line.is_empty()
        || line == "none"
        || line.starts_with("none,")
        || line.starts_with("no recommendation")
        || line == "n/a"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_list_below_the_heading() {
        let answer = "The backend is well.\n\n## Recommendations\n1. **Add** a `PodDisruptionBudget`\n   so that drains wait\n2) Raise replicas\n\n- pin the image\n\n## Notes\n- not one\n";
        assert_eq!(
            recommendations(answer),
            ["Add a PodDisruptionBudget so that drains wait", "Raise replicas", "pin the image"]
        );
    }

    #[test]
    fn none_is_no_recommendation() {
        for answer in [
            "Fine.\nRecommendations:\n- none",
            "Recommendations: none, by the rules.",
            "**Recommendations:**\nNone.",
            "",
        ] {
            assert_eq!(recommendations(answer), [""; 0], "{answer}");
        }
    }

    #[test]
    fn without_a_heading_every_line_that_recommends_counts() {
        let answer = "Pods run.\nYou should add limits to web.\n* I recommend two replicas.\nBye.";
        assert_eq!(recommendations(answer), ["You should add limits to web.", "I recommend two replicas."]);
    }
}
