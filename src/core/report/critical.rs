//! The critical path of a run: the chain of steps and gates, from the last one back, each of which began when the one
//! before it was over; and the time in between, in which none of it ran. Read from the times in the record.

use std::fmt::Write;
use std::time::Duration;

use super::run_state::{NodeStory, RunState};
use super::words::tame;
use crate::core::model::units::TimeSpan;

/// A node may be recorded as begun this much before the end of what it waited for: both are one turn of the engine.
const SLACK: Duration = Duration::from_millis(2);
/// Shorter waits are not shown.
const SHOWN: Duration = Duration::from_millis(50);
/// Nodes that are shown; the shortest of longer paths are counted only.
const MOST: usize = 30;

/// A node of the path, and how long nothing of the path ran before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link<'s> {
    /// The node.
    pub node: &'s NodeStory,
    /// The time before it.
    pub wait: Duration,
}

/// The path, in the order of time. Services are not of it: they end when what they serve is over.
pub fn path(story: &RunState) -> Vec<Link<'_>> {
    let ran = |node: &&NodeStory| node.started.is_some() && node.state.is_over() && !node.was_up;
    let mut ended: Vec<(Duration, Duration, &NodeStory)> = story
        .nodes
        .iter()
        .filter(ran)
        .filter_map(|node| Some((node.started? + node.elapsed, node.started?, node)))
        .collect();
    ended.sort_by_key(|(end, started, _)| (*end, *started));
    let mut path = Vec::new();
    let mut rest = ended.as_slice();
    while let Some(((_, started, node), before)) = rest.split_last() {
        // what is over when this one begins, and began before it
        let over = before.partition_point(|(end, ..)| *end <= *started + SLACK);
        let over = before[..over].iter().rposition(|(_, earlier, _)| earlier < started).map_or(0, |at| at + 1);
        rest = &before[..over];
        let wait = rest.last().map_or(*started, |(end, ..)| started.saturating_sub(*end));
        path.push(Link { node, wait });
    }
    path.reverse();
    path
}

/// The path in words; nothing where fewer than two nodes are on it.
pub fn words(story: &RunState) -> String {
    let path = path(story);
    if path.len() < 2 {
        return String::new();
    }
    let (work, wait) = path
        .iter()
        .fold((Duration::ZERO, Duration::ZERO), |(work, wait), link| (work + link.node.elapsed, wait + link.wait));
    let mut by_length: Vec<Duration> = path.iter().map(|link| link.node.elapsed.max(link.wait)).collect();
    by_length.sort_unstable_by(|one, other| other.cmp(one));
    let shortest = by_length.get(MOST - 1).copied().unwrap_or_default();
    let mut text = format!("critical path: {} steps, {} and {} of waits\n", path.len(), TimeSpan(work), TimeSpan(wait));
    let wide = path.iter().map(|link| link.node.outline.name.chars().count()).max().unwrap_or(0).min(60);
    let (mut left_out, mut shown) = (0, 0);
    for link in &path {
        if link.node.elapsed.max(link.wait) < shortest || shown == MOST {
            left_out += 1;
            continue;
        }
        shown += 1;
        let wait =
            if link.wait >= SHOWN { format!("  after {} of waiting", TimeSpan(link.wait)) } else { String::new() };
        let _ = writeln!(
            text,
            "    {:>7}  {:wide$}{wait}",
            TimeSpan(link.node.elapsed).to_string(),
            tame(&link.node.outline.name)
        );
    }
    if left_out > 0 {
        let _ = writeln!(text, "    and {left_out} shorter ones");
    }
    text.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::event::{NodeOutline, Role, State};

    /// Nodes as `NAME FROM..TO` in milliseconds; `~` in front marks a service.
    fn story(nodes: &str) -> RunState {
        let node = |words: &str| {
            let (name, times) = words.split_once(' ').expect("a name and times");
            let (from, to) = times.split_once("..").expect("two times");
            let time = |text: &str| Duration::from_millis(text.parse().expect("a number"));
            let outline = NodeOutline {
                name: name.trim_start_matches('~').to_owned(),
                stage: 0,
                role: Role::Step,
                kind: "shell".to_owned(),
                title: String::new(),
                assertions: 0,
                ..NodeOutline::default()
            };
            let mut node = NodeStory::new(outline);
            node.state = State::Passed;
            node.started = Some(time(from));
            node.elapsed = time(to).saturating_sub(time(from));
            node.was_up = name.starts_with('~');
            node
        };
        RunState { nodes: nodes.split("; ").map(node).collect(), ..RunState::default() }
    }

    fn shown(nodes: &str) -> Vec<String> {
        let story = story(nodes);
        path(&story).iter().map(|link| format!("{} after {}", link.node.outline.name, link.wait.as_millis())).collect()
    }

    #[test]
    fn each_began_when_the_one_before_was_over() {
        assert_eq!(
            shown("a 0..100; short 0..20; b 100..300; side 100..150; c 900..1000; ~server 0..1050"),
            ["a after 0", "b after 0", "c after 600"]
        );
        assert_eq!(shown("late 250..300; early 100..200"), ["early after 100", "late after 50"]);
        assert_eq!(shown("a 0..100; b 99..200"), ["a after 0", "b after 0"], "both are one turn");
        assert_eq!(shown("a 0..0; b 0..0; c 0..0").len(), 1, "what takes no time is no chain");
    }

    #[test]
    fn words_say_which_steps_and_which_waits() {
        let expected = "critical path: 2 steps, 300ms and 700ms of waits\n      100ms  a\n      200ms  b  after 700ms of waiting\n";
        assert_eq!(words(&story("a 0..100; b 800..1000")), expected);
        assert_eq!(words(&story("a 0..100")), "");
    }

    #[test]
    fn a_long_path_shows_its_longest_parts() {
        let nodes: Vec<String> = (0..100).map(|at| format!("s{at} {}..{}", at * 100, at * 100 + at + 1)).collect();
        let words = words(&story(&nodes.join("; ")));
        assert_eq!(words.lines().count(), 32, "{words}");
        assert!(words.ends_with("    and 70 shorter ones\n"), "{words}");
    }
}
