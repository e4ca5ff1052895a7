//! A child's environment as the difference from ours: what both have, the kernel is handed as it lies there. To write
//! every variable down anew took more time than all else that the engine does for a short step. Starts nothing.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::process::Command;
use std::sync::LazyLock;

/// Our own, which nothing in this program changes.
static OURS: LazyLock<BTreeMap<OsString, OsString>> = LazyLock::new(|| std::env::vars_os().collect());

/// Gives `child` exactly the variables of `base` and of `own`, which win.
pub fn give(child: &mut Command, base: &BTreeMap<String, String>, own: &BTreeMap<OsString, OsString>) {
    for change in changes(&OURS, base) {
        match change {
            (name, Some(value)) => child.env(name, value),
            (name, None) => child.env_remove(name),
        };
    }
    child.envs(own);
}

/// What makes `ours` to `wanted`: values to set, names to take out. Both are sorted.
fn changes<'a>(
    ours: &'a BTreeMap<OsString, OsString>,
    wanted: &'a BTreeMap<String, String>,
) -> Vec<(&'a OsStr, Option<&'a OsStr>)> {
    let mut ours = ours.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())).peekable();
    let mut wanted = wanted.iter().map(|(name, value)| (OsStr::new(name), OsStr::new(value))).peekable();
    let mut changes = Vec::new();
    loop {
        let order = match (ours.peek(), wanted.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((our, _)), Some((want, _))) => our.cmp(want),
        };
        let our = if order == Ordering::Greater { None } else { ours.next() };
        let want = if order == Ordering::Less { None } else { wanted.next() };
        match (our, want) {
            (Some((name, _)), None) => changes.push((name, None)),
            (our, Some((name, value))) if our.is_none_or(|(_, ours)| ours != value) => {
                changes.push((name, Some(value)));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_are_written_down() {
        let ours = [("A", "1"), ("B", "2"), ("C", "3"), ("E", "5")].map(|(name, value)| (name.into(), value.into()));
        let wanted = [("B", "2"), ("C", "x"), ("D", "4"), ("F", "6")].map(|(name, value)| (name.into(), value.into()));
        let (ours, wanted) = (ours.into(), wanted.into());
        let told: Vec<String> = changes(&ours, &wanted)
            .into_iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.map_or("gone".into(), OsStr::to_string_lossy)))
            .collect();
        assert_eq!(told, ["A=gone", "C=x", "D=4", "E=gone", "F=6"]);
    }
}
