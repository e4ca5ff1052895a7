//! Single rules of the scheduler, without a clock.

use super::*;
use crate::core::engine::graph::{GraphNode, GraphStage};

fn node(pool: Option<usize>) -> GraphNode {
    GraphNode {
        stage: 0,
        phase: Phase::Main,
        blockers: 1,
        dependents: Vec::new(),
        covers: Vec::new(),
        covered_by: Vec::new(),
        pool,
        place: true,
        asks: false,
        left_out: false,
    }
}

fn one_stage(nodes: Vec<GraphNode>, pools: Vec<u32>) -> Graph {
    let stage = GraphStage {
        nodes: [(0..nodes.len()).collect(), Vec::new(), Vec::new()],
        waits: 0,
        followers: Vec::new(),
        dependents: Vec::new(),
        always: false,
        selected: true,
        owed: false,
        asks: false,
    };
    Graph { nodes, stages: vec![stage], pools }
}

fn orders(scheduler: &mut Scheduler) -> Vec<Order> {
    std::iter::from_fn(|| scheduler.next()).collect()
}

#[test]
fn a_place_of_a_pool_goes_to_the_first_that_waits() {
    let graph = one_stage(vec![node(Some(0)), node(Some(0)), node(None), node(Some(0))], vec![1]);
    let mut scheduler = Scheduler::new(graph, Mode::Normal, 2);
    scheduler.begin();
    assert_eq!(orders(&mut scheduler), [Order::Start(NodeId(0)), Order::Start(NodeId(2))]);
    scheduler.finish(NodeId(0), End::Passed);
    assert_eq!(orders(&mut scheduler), [Order::Start(NodeId(1))]);
    scheduler.finish(NodeId(1), End::Passed);
    assert_eq!(orders(&mut scheduler), [Order::Start(NodeId(3))]);
}

#[test]
fn a_place_meant_for_one_that_is_skipped_goes_to_the_next() {
    let here = |blockers| GraphNode { blockers, ..node(Some(0)) };
    let beside = |blockers| GraphNode { place: false, ..here(blockers) };
    for (first, second) in [(here(1), beside(2)), (beside(1), here(2)), (here(1), here(2)), (beside(1), beside(2))] {
        // The first node holds the pool's only place. When it ends, the next that waits is woken, and skipped by its
        // failure. The third waits from when the last is over.
        let holder = GraphNode { dependents: vec![1], ..beside(1) };
        let other = GraphNode { dependents: vec![2], ..node(None) };
        let mut scheduler = Scheduler::new(one_stage(vec![holder, first, second, other], vec![1]), Mode::KeepGoing, 1);
        scheduler.begin();
        assert_eq!(orders(&mut scheduler), [Order::Start(NodeId(0)), Order::Start(NodeId(3))]);
        scheduler.finish(NodeId(3), End::Passed);
        assert_eq!(orders(&mut scheduler), []);
        scheduler.finish(NodeId(0), End::Failed);
        let why = Why::Failed(NodeId(0));
        assert_eq!(orders(&mut scheduler), [Order::Skipped(NodeId(1), why), Order::Start(NodeId(2))]);
        scheduler.finish(NodeId(2), End::Passed);
        assert!(matches!(orders(&mut scheduler)[..], [Order::StageOver(..)]));
    }
}

#[test]
fn being_notified_twice_that_a_node_is_over_changes_nothing() {
    let mut scheduler = Scheduler::new(one_stage(vec![node(None), node(None)], Vec::new()), Mode::Normal, 1);
    scheduler.begin();
    assert_eq!(orders(&mut scheduler), [Order::Start(NodeId(0))]);
    scheduler.finish(NodeId(0), End::Passed);
    scheduler.finish(NodeId(0), End::Failed);
    assert_eq!(orders(&mut scheduler), [Order::Start(NodeId(1))]);
    assert_eq!(scheduler.state(NodeId(0)), State::Passed);
}

#[test]
fn a_chain_of_a_hundred_thousand_nodes_unwinds_without_a_deep_stack() {
    let last = 100_000;
    let mut nodes: Vec<GraphNode> = (0..=last).map(|_| GraphNode { blockers: 2, ..node(None) }).collect();
    nodes[0].blockers = 1;
    for (index, node) in nodes.iter_mut().enumerate().take(last) {
        node.dependents = vec![index + 1];
    }
    let mut scheduler = Scheduler::new(one_stage(nodes, Vec::new()), Mode::KeepGoing, 1);
    scheduler.begin();
    assert_eq!(scheduler.next(), Some(Order::Start(NodeId(0))));
    scheduler.finish(NodeId(0), End::Failed);
    assert_eq!(orders(&mut scheduler).len(), last + 1, "all are skipped, and the stage is over");
    assert!(scheduler.is_over());
}
