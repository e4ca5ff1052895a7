//! Order, places, pools, selection.

use super::kit::{assert_told, setup};

#[tokio::test(start_paused = true)]
async fn runs_side_by_side_what_nothing_orders() {
    let plan = "stage one
           a: pass 2s
           b: pass 1s
           c: pass 1s needs=a,b
           gate: holds
         stage two needs=one
           d: pass 1s";
    assert_told(&setup(plan).run().await, "");
}

#[tokio::test(start_paused = true)]
async fn starts_no_more_than_there_are_places_and_pools_allow() {
    let plan = "pool port=1
         stage one
           a: pass 1s
           b: pass 1s pool=port
           c: pass 1s pool=port
           d: pass 1s
           e: pass 1s";
    assert_told(&setup(plan).jobs(3).run().await, "");
}
