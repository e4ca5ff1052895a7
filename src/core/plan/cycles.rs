//! Circles in a graph of waits: the shortest one through each knot, with the place of every edge.

use std::collections::{HashMap, VecDeque};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::core::model::diagnostic::{Code, Diagnostic};
use crate::core::model::source::Span;

/// One node waits for another, and where that is written.
#[derive(Debug, Clone)]
pub(super) struct Wait {
    /// Who waits.
    pub from: usize,
    /// For whom.
    pub to: usize,
    /// Where it is written.
    pub span: Span,
    /// How: `needs`, `during`, `uses an output of`.
    pub how: &'static str,
}

/// A diagnostic for each knot of nodes that wait for each other.
pub(super) fn find(names: &[String], waits: &[Wait], what: &str) -> Vec<Diagnostic> {
    let mut graph: DiGraph<(), usize> = DiGraph::with_capacity(names.len(), waits.len());
    for _ in names {
        graph.add_node(());
    }
    for (index, wait) in waits.iter().enumerate() {
        graph.add_edge(NodeIndex::new(wait.from), NodeIndex::new(wait.to), index);
    }
    let mut found: Vec<Diagnostic> = Vec::new();
    for knot in tarjan_scc(&graph) {
        if let Some(circle) = shortest(&graph, &knot) {
            found.push(describe(names, &circle.iter().map(|edge| &waits[*edge]).collect::<Vec<_>>(), what));
        }
    }
    found
}

/// The shortest circle inside a strongly connected component, as edge weights in order; none for a lone node.
fn shortest(graph: &DiGraph<(), usize>, knot: &[NodeIndex]) -> Option<Vec<usize>> {
    let inside: std::collections::HashSet<NodeIndex> = knot.iter().copied().collect();
    let mut best: Option<Vec<usize>> = None;
    // A breadth-first search from every node is quadratic in the knot: past this size a short circle will do.
    for start in knot.iter().take(200) {
        let mut came: HashMap<NodeIndex, (NodeIndex, usize)> = HashMap::new();
        let mut queue = VecDeque::from([*start]);
        'search: while let Some(node) = queue.pop_front() {
            for edge in graph.edges(node) {
                use petgraph::visit::EdgeRef;
                let next = edge.target();
                if next == *start {
                    let mut circle = vec![*edge.weight()];
                    let mut at = node;
                    while at != *start {
                        let (before, weight) = came[&at];
                        circle.push(weight);
                        at = before;
                    }
                    circle.reverse();
                    if best.as_ref().is_none_or(|best| circle.len() < best.len()) {
                        best = Some(circle);
                    }
                    break 'search;
                }
                if inside.contains(&next) && !came.contains_key(&next) {
                    came.insert(next, (node, *edge.weight()));
                    queue.push_back(next);
                }
            }
        }
    }
    best
}

/// The diagnostic for files that use each other: each with the place where it uses the next, the last the first.
pub(super) fn of_files(what: &str, hops: &[(String, Span)]) -> Diagnostic {
    let names: Vec<String> = hops.iter().map(|(name, _)| name.clone()).collect();
    let hop = |(from, (_, span)): (usize, &(String, Span))| Wait {
        from,
        to: (from + 1) % hops.len(),
        span: *span,
        how: "uses",
    };
    let waits: Vec<Wait> = hops.iter().enumerate().map(hop).collect();
    let message = |chain: &[&str]| match chain {
        [only, _] => format!("the {what} `{only}` uses itself"),
        _ => format!("{what}s use each other: {}", chain.join(" → ")),
    };
    reported(&names, &waits.iter().collect::<Vec<_>>(), message, "remove one `use`")
}

fn describe(names: &[String], circle: &[&Wait], what: &str) -> Diagnostic {
    let message = |chain: &[&str]| match chain {
        [only, _] => format!("{what} `{only}` waits for itself"),
        _ => format!("{what}s wait for each other: {}", chain.join(" → ")),
    };
    let help = if circle.len() == 1 { "remove it, or name another" } else { "remove one of these edges" };
    reported(names, circle, message, help)
}

fn reported(names: &[String], circle: &[&Wait], message: impl Fn(&[&str]) -> String, help: &str) -> Diagnostic {
    // Reported from its first place in the files, so that the same circle always reads the same.
    let first = (0..circle.len()).min_by_key(|at| circle[*at].span).unwrap_or(0);
    let edges: Vec<&Wait> = circle[first..].iter().chain(&circle[..first]).copied().collect();
    let chain: Vec<&str> =
        edges.iter().map(|wait| names[wait.from].as_str()).chain([names[edges[0].from].as_str()]).collect();
    let label = |wait: &Wait| format!("`{}` {} `{}`", names[wait.from], wait.how, names[wait.to]);
    let mut diagnostic = Diagnostic::error(Code::Cycle, edges[0].span, message(&chain)).label(label(edges[0]));
    for wait in &edges[1..] {
        diagnostic = diagnostic.also(wait.span, label(wait));
    }
    diagnostic.help(help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::source::FileId;

    #[test]
    fn shows_the_shortest_circle_of_a_knot() {
        let wait =
            |from, to| Wait { from, to, span: Span::new(FileId(0), from * 10 + to, from * 10 + to + 1), how: "needs" };
        let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let waits = [wait(0, 1), wait(1, 2), wait(2, 3), wait(3, 0), wait(2, 1)];
        let found = find(&names, &waits, "step");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "steps wait for each other: b → c → b");
        assert_eq!(
            found[0].labels.iter().map(|label| label.text.as_str()).collect::<Vec<_>>(),
            ["`b` needs `c`", "`c` needs `b`"]
        );
    }
}
