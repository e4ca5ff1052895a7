//! What one assertion sees: the gate's view, with the parameters of its gate file and its item.

use std::borrow::Cow;
use std::sync::Arc;

use crate::core::engine::args::Values;
use crate::core::engine::attempt::Job;
use crate::core::expr::Scope;
use crate::core::kind::Context;
use crate::core::model::outcome::Fault;
use crate::core::plan::PlanAssertion;

/// What an assertion sees: what its gate does, the parameters of the gate file that it is in, its item.
pub(super) fn seen<'j>(job: &'j Job, written: &PlanAssertion) -> Result<(Arc<Scope>, Cow<'j, Context>), Fault> {
    let mut cx = Cow::Borrowed(&job.cx);
    let mut full = Arc::clone(&job.view.full);
    if let Some(args) = &written.params {
        let values = Values::of(args, &full)?;
        cx.to_mut().scope = Arc::new(values.seen_shown(&job.cx.scope));
        full = Arc::new(values.seen_all(&full));
    }
    if let Some(item) = &written.item {
        for scope in [&mut full, &mut cx.to_mut().scope] {
            Arc::make_mut(scope).see_item(item);
        }
    }
    Ok((full, cx))
}
